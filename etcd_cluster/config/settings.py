"""The configuration under `etcd-cluster:`, validated whole before anything is dialed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from pydantic import Field, ValidationError, ValidationInfo, field_validator

from ..errors import ConfigurationError
from . import messages
from .hosts import HostSettings
from .sections import Certificates, Etcd, HostEntry
from .values import DnsLabel

_S = TypeVar("_S", bound=HostSettings)


class Settings(HostSettings):
    """Everything under `etcd-cluster:`."""

    cluster_name: DnsLabel = Field("etcd", description="prefix of every resource's name")
    # Before members, whose rule reads it.
    allow_even_members: bool = Field(False, description="accept an even number of members")
    members: tuple[HostEntry, ...] = Field(description="the hosts: an odd number, at least three")
    etcd: Etcd = Field(default_factory=Etcd, description="etcd's own settings")
    certificates: Certificates = Field(default_factory=Certificates, description="lifetimes")
    clients: tuple[DnsLabel, ...] = Field(
        (), description="further clients, each with a certificate of its own, e.g. [monitoring]"
    )
    drift_detection: bool = Field(True, description="read the hosts for the preview")
    health_timeout_seconds: int = Field(
        300, ge=5, le=3600, description="how long a member may take to become healthy"
    )

    @property
    def etcd_image_tag(self) -> str:
        """The etcd image's tag."""
        return self.etcd.image_tag or self.release.etcd_tag

    @property
    def etcd_version(self) -> str:
        """The version in it, which etcdctl is to have too: `3.6.6` of `3.6.6-0`."""
        return self.etcd_image_tag.removeprefix("v").partition("-")[0]

    @field_validator("clients")
    @classmethod
    def _once(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        twice = sorted({name for name in value if value.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]!r} is given more than once; give each client its own name")
        if "apiserver-etcd-client" in value:
            raise ValueError(
                "'apiserver-etcd-client' is the API servers' own, in the outputs already; give "
                "another name"
            )
        return value

    @field_validator("members")
    @classmethod
    def _quorum(cls, members: tuple[HostEntry, ...], info: ValidationInfo) -> tuple[HostEntry, ...]:
        rows = [member.model_dump(by_alias=True) for member in members]
        found = _members_faults(rows, bool(info.data.get("allow_even_members")))
        if found:
            raise ValueError("\n".join(found))
        return members


def _members_faults(members: Sequence[Mapping[str, Any]], allow_even: bool) -> list[str]:
    """What is wrong between members: their number, what two of them share."""
    found = _count_faults(len(members), allow_even)
    for key in ("name", "address"):
        found += _shared(key, [member.get(key) for member in members])
    # Where SSH dials; two equal addresses have been told of already.
    if any(member.get("sshHost") for member in members):
        dialed = [member.get("sshHost") or member.get("address") for member in members]
        found += _shared("sshHost", dialed)
    return found


def _shared(key: str, values: Sequence[str | None]) -> list[str]:
    first: dict[str, int] = {}
    return [
        f"members[{index}].{key}: {value!r} is also that of members[{first[value]}]; "
        "give each host its own"
        for index, value in enumerate(values)
        if value is not None and first.setdefault(value, index) != index
    ]


def _count_faults(count: int, allow_even: bool) -> list[str]:
    if count < 3:
        return [
            f"members: {count} given; a cluster that survives the loss of a host needs at least 3"
        ]
    if count % 2 == 0 and not allow_even:
        return [
            f"members: {count} given; an even number survives no more failures than {count - 1} "
            f"and loses its quorum sooner; give {count - 1} or {count + 1}, or set "
            "allowEvenMembers: true while the cluster grows or shrinks"
        ]
    return []


def load(raw: Mapping[str, str]) -> Settings:
    """The settings under `etcd-cluster:`, as `load_as` reads them."""
    return load_as(Settings, raw)


def load_as(model: type[_S], raw: Mapping[str, str]) -> _S:
    """The settings of this kind, from the strings that Pulumi holds under their namespace.

    `raw` maps keys without the namespace to Pulumi's strings (objects and lists as JSON).
    Raises ConfigurationError with every fault.
    """
    given, unreadable = _structured(raw)
    try:
        return model.model_validate(given)
    except ValidationError as error:
        found = [each for each in messages.explain(error, model) if each[0][0] not in unreadable]
    lines = [*unreadable.values(), *(line for _, line in found)]
    if any(location[0] == "members" and len(location) > 1 for location, _ in found):
        # Pydantic does not look across members while one of them is wrong.
        rows = [row for row in given["members"] if isinstance(row, dict)]
        lines += _members_faults(rows, given.get("allowEvenMembers") == "true")
    # What is wrong with members stands together, and first, as in the configuration.
    raise ConfigurationError(
        sorted(lines, key=lambda line: not line.startswith("members"))
    ) from None


def _structured(raw: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, str]]:
    """The values, and a line for each key that cannot be read (its value is None then)."""
    given: dict[str, Any] = {}
    unreadable: dict[str, str] = {}
    for key, text in raw.items():
        try:
            given[key] = json.loads(text) if text[:1] in ("[", "{") else text
        except json.JSONDecodeError:
            given[key] = None
            unreadable[key] = f"{key}: is no list or map that can be read; check its YAML"
    return given, unreadable


def warnings(settings: Settings) -> list[str]:
    """What is allowed but deserves a word."""
    count = len(settings.members)
    if count % 2 == 0:
        return [
            f"members: {count} is even: it survives no more failures than {count - 1}. "
            "Meant for the time of growing or shrinking."
        ]
    return []
