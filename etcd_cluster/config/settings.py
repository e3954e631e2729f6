"""The configuration under `etcd-cluster:`, validated completely before any connection."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from .. import flags, versions
from ..errors import ConfigurationError
from . import messages
from .backup import HOURLY, Backup
from .hosts import HostSettings
from .members import members_faults
from .messages import SeveralFaults
from .restore import Restore
from .sections import Certificates, Etcd, HostEntry, MemberEntry
from .takeover import TakeOver
from .values import ClusterId, DnsLabel

_S = TypeVar("_S", bound=HostSettings)
_YES = frozenset(("true", "yes", "on", "t", "y", "1"))  # as pydantic has them


class Settings(HostSettings):
    """All keys under `etcd-cluster:`."""

    cluster_name: DnsLabel = Field(
        "etcd",
        description="Prefix of every resource's name. Cannot change once the cluster is formed.",
    )
    # Must precede members, whose rule uses it.
    allow_even_members: bool = Field(
        False,
        description="Accept an even number of members, while the cluster grows or shrinks.",
    )
    members: tuple[MemberEntry, ...] = Field(
        description="Hosts that run a member: an odd number, at least three."
    )
    etcd: Etcd = Field(default_factory=Etcd, description="Settings of etcd itself.")
    certificates: Certificates = Field(
        default_factory=Certificates, description="The CA, and lifetimes of certificates."
    )
    clients: tuple[DnsLabel, ...] = Field(
        (),
        description="Additional clients, e.g. `[monitoring]`. Each gets a certificate with its "
        "name as common name. etcd grants every client full access.",
    )
    # Must precede restore, whose rule uses it.
    backup: Backup | None = Field(None, description="Scheduled backups, away from the hosts.")
    restore: Restore | None = Field(
        None, description="A restore: a new cluster in the place of the old one."
    )
    drift_detection: bool = Field(
        True, description="Read the hosts in a preview, and show drift in previews and `up`."
    )
    adopt: ClusterId | None = Field(
        None,
        description="Id, in hex, of a cluster that this stack did not make and is to take over. "
        "See [the runbook](runbooks/adopt.md).",
        validate_default=True,
    )
    take_over: TakeOver | None = Field(
        None,
        description="A cluster on other hosts, whose members the declared ones replace. See [the "
        "runbook](runbooks/take-over.md).",
        validate_default=True,
    )
    health_timeout_seconds: int = Field(
        300,
        ge=15,
        le=3600,
        description="Time within which a member must become healthy.",
    )

    @property
    def hosts(self) -> dict[str, HostEntry]:
        """Every host that is dialed, by its path in the configuration: not the lost ones."""
        return {
            place: entry
            for place, entry in super().hosts.items()
            if not (isinstance(entry, MemberEntry) and entry.lost)
        }

    @property
    def living(self) -> tuple[MemberEntry, ...]:
        """The members that are not lost."""
        return tuple(member for member in self.members if not member.lost)

    @property
    def lost(self) -> tuple[MemberEntry, ...]:
        """The members that are given up."""
        return tuple(member for member in self.members if member.lost)

    @property
    def etcd_image_tag(self) -> str:
        """The etcd image's tag."""
        return self.etcd.image_tag or self.release.etcd_tag

    @property
    def etcd_version(self) -> str:
        """The version in that tag, which etcdctl must have too: `3.6.6` for `3.6.6-0`."""
        return self.etcd_image_tag.removeprefix("v").partition("-")[0]

    @field_validator("clients")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        found = [
            f"clients: {name!r} is listed more than once; client names must be unique"
            for name in sorted({name for name in value if value.count(name) > 1})
        ]
        if "apiserver-etcd-client" in value:
            found.append(
                "clients: 'apiserver-etcd-client' is reserved for the API servers, whose "
                "certificate is in the outputs already; choose another name"
            )
        if found:
            raise SeveralFaults("\n".join(found))
        return value

    @field_validator("adopt")
    @classmethod
    def _hosts_are_read(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and info.data.get("restore") is not None:
            raise ValueError(
                f"{value!r} cannot be combined with restore: adopt the cluster, run `pulumi up`, "
                "then restore"
            )
        if value is not None and not info.data.get("drift_detection", True):
            raise ValueError(
                f"{value!r} needs driftDetection, which is off: what differs on an adopted member "
                "is drift; set driftDetection: true"
            )
        return value

    @field_validator("take_over")
    @classmethod
    def _with_its_authority(cls, value: TakeOver | None, info: ValidationInfo) -> TakeOver | None:
        certificates = info.data.get("certificates")
        if value is None or certificates is None:
            return value
        other = next((key for key in ("adopt", "restore") if info.data.get(key) is not None), "")
        if other:
            raise ValueError(f"cannot be combined with {other}; remove one of them")
        fault = value.authority_fault(certificates)
        if fault:
            raise ValueError(fault)
        return value

    @field_validator("etcd")
    @classmethod
    def _flags_are_known(cls, value: Etcd, info: ValidationInfo) -> Etcd:
        given = info.data.get("kubernetes_version")
        release = versions.parse(given)[0] if given else None
        etcd = versions.parse_etcd(value.image_tag or (release.etcd_tag if release else ""))
        if etcd is None:
            return value
        faults = [flags.flag_fault(flag, etcd) for flag in value.extra_args]
        found = [f"etcd.extraArgs: {fault}" for fault in faults if fault]
        if release and not release.suits(etcd):
            expected = "3.6 or older" if etcd >= (3, 7, 0) else "3.6 or newer"
            found.append(
                f"etcd.imageTag: {value.image_tag!r} is invalid: expected etcd {expected}, e.g. "
                f"{release.etcd_tag}; kubeadm {release.name} gives etcd a flag that this one does "
                "not know"
            )
        if found:
            raise SeveralFaults("\n".join(found))
        return value

    @field_validator("backup")
    @classmethod
    def _age_suits(cls, value: Backup | None) -> Backup | None:
        if value and value.schedule != HOURLY and "max_age_hours" not in value.model_fields_set:
            raise SeveralFaults(
                f"backup.maxAgeHours: required with the schedule {value.schedule!r}: expected the "
                "age in hours from which the newest backup is too old, e.g. 26 with daily"
            )
        return value

    @field_validator("restore")
    @classmethod
    def _survivor_is_a_member(cls, value: Restore | None, info: ValidationInfo) -> Restore | None:
        if value and value.is_object and info.data.get("backup", "") is None:
            raise SeveralFaults(
                f"restore.snapshot: {value.snapshot!r} is an object of the store, and there is no "
                "section backup, which says where that is; set it, or give the absolute path of a "
                "file on every host, e.g. /root/etcd-snapshot.db"
            )
        living = [member.name for member in info.data.get("members", ()) if not member.lost]
        if value and value.survivor and living and value.survivor not in living:
            raise SeveralFaults(
                f"restore.survivor: {value.survivor!r} is invalid: expected a member that is not "
                f"lost, one of {', '.join(living)}"
            )
        return value and value.as_stored(info.data.get("backup"))

    @field_validator("members")
    @classmethod
    def _quorum(
        cls, members: tuple[MemberEntry, ...], info: ValidationInfo
    ) -> tuple[MemberEntry, ...]:
        rows = [member.model_dump(by_alias=True) for member in members]
        found = members_faults(rows, bool(info.data.get("allow_even_members")))
        if found:
            raise ValueError("\n".join(found))
        return members


def load(raw: Mapping[str, str]) -> Settings:
    """The settings under `etcd-cluster:`, read by `load_as`."""
    return load_as(Settings, raw)


def load_as(model: type[_S], raw: Mapping[str, str]) -> _S:
    """Settings of this type, from the strings that Pulumi has under their namespace.

    `raw` maps keys without the namespace to Pulumi's strings (objects and lists as JSON).
    Raises ConfigurationError with every fault.
    """
    given, unreadable = _structured(raw)
    found: list[tuple[messages.Location, str]] = []
    try:
        loaded = model.model_validate(given)
    except ValidationError as error:
        found = [each for each in messages.explain(error, model) if each[0][0] not in unreadable]
    else:
        # Of an optional section None is valid, and this one is not None: it is not known.
        if not unreadable:
            return loaded
    lines = [*unreadable.values(), *(line for _, line in found)]
    if any(location[0] == "members" and len(location) > 1 for location, _ in found):
        # Pydantic does not run the rule across members while one of them is invalid.
        rows = [row if isinstance(row, dict) else {} for row in given["members"]]
        even = str(given.get("allowEvenMembers")).lower() in _YES
        lines += members_faults(rows, even)
    # Faults of members come first, and together, as in the configuration.
    raise ConfigurationError(
        sorted(lines, key=lambda line: not line.startswith("members"))
    ) from None


def _structured(raw: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values, and a line for each key that cannot be parsed (its value is then None)."""
    given: dict[str, Any] = {}
    unreadable: dict[str, str] = {}
    for key, text in raw.items():
        try:
            given[key] = json.loads(text) if text[:1] in ("[", "{") else text
        except json.JSONDecodeError:
            given[key] = None
            unreadable[key] = f"{key}: not valid YAML for a list or map"
    return given, unreadable


def warnings(settings: Settings) -> list[str]:
    """Conditions that are allowed, but worth a warning."""
    count = len(settings.members)
    if count % 2 == 0:
        return [
            f"members: {count} is an even number, which tolerates no more failures than "
            f"{count - 1}; use it only while the cluster grows or shrinks"
        ]
    return []
