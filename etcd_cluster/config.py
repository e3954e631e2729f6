"""The configuration under `etcd-cluster:`, validated whole before anything is dialed."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.alias_generators import to_camel

from . import versions
from .errors import ConfigurationError

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
# Flags that the program decides itself; letting them be set would cut the ground from under it.
_OWN_FLAGS = frozenset(
    (
        "name",
        "data-dir",
        "wal-dir",
        "initial-cluster",
        "initial-cluster-state",
        "initial-cluster-token",
        "initial-advertise-peer-urls",
        "advertise-client-urls",
        "listen-peer-urls",
        "listen-client-urls",
        "listen-metrics-urls",
        "cert-file",
        "key-file",
        "trusted-ca-file",
        "client-cert-auth",
        "peer-cert-file",
        "peer-key-file",
        "peer-trusted-ca-file",
        "peer-client-cert-auth",
        "auto-tls",
        "peer-auto-tls",
        "force-new-cluster",
        "config-file",
        "discovery",
        "quota-backend-bytes",
        "heartbeat-interval",
        "election-timeout",
    )
)


def _dns_label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError(
            f"{value!r} is not a DNS label; give lower-case letters, digits and hyphens, "
            "at most 63, e.g. etcd01"
        )
    return value


def _ip_address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is not an IP address; give IPv4 or IPv6, e.g. 10.107.88.15"
        ) from None
    if address.is_unspecified or address.is_loopback or address.is_multicast:
        raise ValueError(
            f"{value!r} cannot be reached by other members; give the host's own address, "
            "e.g. 10.107.88.15"
        )
    return str(address)


def _kubernetes_version(value: str) -> str:
    return versions.parse(value)[1]


def _plain(value: str) -> str:
    if re.search(r"[\"'\\\s]|[^\x20-\x7e]", value):
        raise ValueError(f"{value!r} holds a quote, backslash or white space; give a plain value")
    return value


DnsLabel = Annotated[str, AfterValidator(_dns_label)]
IpAddress = Annotated[str, AfterValidator(_ip_address)]
Plain = Annotated[str, AfterValidator(_plain)]
KubernetesVersion = Annotated[str, AfterValidator(_kubernetes_version)]


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )


class Ssh(_Model):
    """How the hosts are reached. Host keys are pinned: nothing is trusted on first use."""

    user: Plain = Field("root", description="root, or a user with passwordless sudo")
    port: int = Field(22, ge=1, le=65535, description="sshd's port on every host")
    private_key_file: Path | None = Field(None, description="private key, without a passphrase")
    private_key: SecretStr | None = Field(None, description="the key itself, as secret config")
    known_hosts_file: Path = Field(description="known_hosts file that pins every host's key")

    @model_validator(mode="after")
    def _one_key(self) -> Ssh:
        if (self.private_key is None) == (self.private_key_file is None):
            given = "neither" if self.private_key is None else "both"
            raise ValueError(f"privateKey, privateKeyFile: {given} given; give one of them")
        return self


class Member(_Model):
    """One host of the cluster."""

    name: DnsLabel = Field(description="member and certificate name; never changes for a host")
    address: IpAddress = Field(description="where members and clients reach it")
    ssh_host: Plain | None = Field(None, description="where SSH reaches it, if not its address")

    @property
    def host(self) -> str:
        """Where SSH dials."""
        return self.ssh_host or self.address


class Certificates(_Model):
    """Lifetimes. Leaves are renewed by the first `up` inside their last `renewBeforeDays`."""

    ca_validity_days: int = Field(3650, ge=30, le=36500, description="life of the CA, in days")
    validity_days: int = Field(365, ge=1, le=3650, description="life of the other certificates")
    renew_before_days: int = Field(30, ge=0, description="renewed this many days before the end")

    @model_validator(mode="after")
    def _in_order(self) -> Certificates:
        if self.renew_before_days >= self.validity_days:
            raise ValueError(
                f"renewBeforeDays is {self.renew_before_days}, which is not less than "
                f"validityDays, {self.validity_days}: every run would renew; give e.g. 30"
            )
        if self.validity_days > self.ca_validity_days:
            raise ValueError(
                f"validityDays is {self.validity_days}, longer than caValidityDays, "
                f"{self.ca_validity_days}; give e.g. 365 and 3650"
            )
        return self


class Etcd(_Model):
    """etcd's own settings. Changing one restarts the members one at a time."""

    image_tag: Plain | None = Field(None, description="etcd image tag; default: kubeadm's own")
    quota_backend_bytes: int = Field(
        2 * 1024**3,
        ge=64 * 1024**2,
        le=8 * 1024**3,
        description="size at which the database takes no more writes (at most 8 GiB)",
    )
    heartbeat_interval_milliseconds: int = Field(100, ge=10, le=10_000, description="about one RTT")
    election_timeout_milliseconds: int = Field(
        1000, ge=100, le=50_000, description="at least ten RTTs"
    )
    extra_args: dict[str, Plain] = Field(
        default_factory=dict, description="further etcd flags, without dashes"
    )

    @field_validator("extra_args")
    @classmethod
    def _flags(cls, value: dict[str, str]) -> dict[str, str]:
        for flag in value:
            if flag in _OWN_FLAGS:
                raise ValueError(f"{flag!r} is set by this program; take it out")
            if not re.fullmatch(r"[a-z][a-z0-9-]*", flag):
                raise ValueError(f"{flag!r} is not a flag; give its name without dashes in front")
        return value

    @model_validator(mode="after")
    def _timers(self) -> Etcd:
        # etcd itself refuses less than five (embed.Config.Validate).
        if self.election_timeout_milliseconds < 5 * self.heartbeat_interval_milliseconds:
            raise ValueError(
                f"electionTimeoutMilliseconds is {self.election_timeout_milliseconds}, less than "
                f"5 times heartbeatIntervalMilliseconds, {self.heartbeat_interval_milliseconds}; "
                "give ten times the heartbeat, e.g. 1000 and 100"
            )
        return self


class Settings(_Model):
    """Everything under `etcd-cluster:`."""

    cluster_name: DnsLabel = Field("etcd", description="prefix of every resource's name")
    # Before members, whose rule reads it.
    allow_even_members: bool = Field(False, description="accept an even number of members")
    members: tuple[Member, ...] = Field(description="the hosts: an odd number, at least three")
    kubernetes_version: KubernetesVersion = Field(description="of kubelet and kubeadm, as 1.35.4")
    container_runtime: Literal["containerd", "crio"] = Field(
        "containerd", description="the runtime on the hosts"
    )
    install: Literal["preinstalled"] = Field(
        "preinstalled", description="preinstalled: the hosts' image has the packages"
    )
    image_repository: Plain = Field("registry.k8s.io", description="where images come from")
    cgroup_driver: Literal["systemd", "cgroupfs"] = Field("systemd", description="as the runtime's")
    allow_cgroup_v1: bool = Field(False, description="let kubelets from 1.31 on run on cgroup v1")
    ssh: Ssh = Field(description="how the hosts are reached")
    etcd: Etcd = Field(default_factory=Etcd, description="etcd's own settings")
    certificates: Certificates = Field(default_factory=Certificates, description="lifetimes")
    deletion_protection: bool = Field(True, description="`destroy` refuses while this is true")
    drift_detection: bool = Field(True, description="read the hosts for the preview")
    health_timeout_seconds: int = Field(
        300, ge=5, le=3600, description="how long a member may take to become healthy"
    )

    @property
    def release(self) -> versions.Release:
        """The row of the versions table."""
        return versions.parse(self.kubernetes_version)[0]

    @property
    def etcd_image_tag(self) -> str:
        """The etcd image's tag."""
        return self.etcd.image_tag or self.release.etcd_tag

    @field_validator("members")
    @classmethod
    def _quorum(cls, members: tuple[Member, ...], info: ValidationInfo) -> tuple[Member, ...]:
        faults = [*_count_faults(len(members), bool(info.data.get("allow_even_members")))]
        for key, alias in (("name", "name"), ("address", "address"), ("ssh_host", "sshHost")):
            first: dict[str, int] = {}
            for index, member in enumerate(members):
                value = getattr(member, key)
                if value is not None and first.setdefault(value, index) != index:
                    faults.append(
                        f"members[{index}].{alias}: {value!r} is also that of "
                        f"members[{first[value]}]; give each host its own"
                    )
        if faults:
            raise ValueError("\n".join(faults))
        return members


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
    """The settings, from the strings that Pulumi holds under `etcd-cluster:`.

    `raw` maps keys without the namespace to Pulumi's strings (objects and lists as JSON).
    Raises ConfigurationError with every fault.
    """
    structured: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for key, text in raw.items():
        try:
            structured[key] = json.loads(text) if text[:1] in ("[", "{") else text
        except json.JSONDecodeError:
            structured[key] = None
            faults[key] = f"{key}: is no list or map that can be read; check its YAML"
    try:
        settings = Settings.model_validate(structured)
    except ValidationError as error:
        found = [
            line
            for item in error.errors(include_url=False)
            if str(item["loc"][0]) not in faults
            for line in _explain(item).splitlines()
        ]
        raise ConfigurationError([*faults.values(), *found]) from None
    return settings


def warnings(settings: Settings) -> list[str]:
    """What is allowed but deserves a word."""
    count = len(settings.members)
    if count % 2 == 0:
        return [
            f"members: {count} is even: it survives no more failures than {count - 1}. "
            "Meant for the time of growing or shrinking."
        ]
    return []


def _explain(item: Any) -> str:
    path = ""
    for part in item["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    kind, context = item["type"], item.get("ctx", {})
    if kind == "missing":
        return f"{path}: missing; {_describe(item['loc'])}"
    if kind == "extra_forbidden":
        return f"{path}: unknown key; known here: {', '.join(_known(item['loc'][:-1]))}"
    if kind == "value_error":
        text = str(context["error"])
        return (
            text
            if text.startswith(f"{path}:") or text.startswith(f"{path}[")
            else f"{path}: {text}"
        )
    given = item["input"]
    # Nothing that might be a secret is repeated.
    short = isinstance(given, int) or (isinstance(given, str) and len(given) <= 64)
    shown = f"{given!r}: " if short and "private" not in f"{path}{given}".lower() else ""
    return f"{path}: {shown}{_lower_first(item['msg'])}; {_describe(item['loc'])}"


_SECTIONS: dict[str, type[_Model]] = {
    "members": Member,
    "ssh": Ssh,
    "etcd": Etcd,
    "certificates": Certificates,
}


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def _model_at(location: tuple[Any, ...]) -> type[_Model] | None:
    model: type[_Model] | None = Settings
    for part in location:
        if isinstance(part, int) or model is None:
            continue
        model = _SECTIONS.get(part)
    return model


def _known(location: tuple[Any, ...]) -> list[str]:
    model = _model_at(location)
    return (
        sorted(field.alias or name for name, field in model.model_fields.items()) if model else []
    )


def _describe(location: tuple[Any, ...]) -> str:
    model = _model_at(location[:-1])
    for name, field in model.model_fields.items() if model else ():
        if location and location[-1] in (name, field.alias):
            return f"wanted: {field.description}"
    return "see the README's configuration table"
