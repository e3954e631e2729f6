"""The sections of a configuration, and what is right of each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from . import versions
from .faults import SectionError
from .fields import (
    Checksum,
    DnsLabel,
    ImageRepository,
    IpAddress,
    KubernetesVersion,
    PackageVersion,
    Plain,
    Url,
    UserName,
    check_flag,
)


class Section(BaseModel):
    """Keys in camelCase; an unknown one is an error, and no error repeats a value by itself."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )


# A rule between keys stands with the last of them: it is then looked at also where another key of
# the section is wrong, and everything is told at once.


class Ssh(Section):
    """How the hosts are reached. Host keys are pinned: nothing is trusted on first use."""

    user: Plain = Field("root", description="root, or a user with passwordless sudo")
    port: int = Field(22, ge=1, le=65535, description="sshd's port on every host")
    known_hosts_file: Path = Field(description="known_hosts file that pins every host's key")
    private_key_file: Path | None = Field(None, description="private key, without a passphrase")
    private_key: SecretStr | None = Field(
        None, description="the key itself, as secret config", validate_default=True
    )

    @field_validator("private_key")
    @classmethod
    def _one_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        other = info.data.get("private_key_file")
        if "private_key_file" in info.data and (value is None) == (other is None):
            given = "neither" if value is None else "both"
            raise SectionError(f"privateKey, privateKeyFile: {given} given; give one of them")
        return value


class Member(Section):
    """One host of the cluster."""

    name: DnsLabel = Field(description="member and certificate name; never changes for a host")
    address: IpAddress = Field(description="where members and clients reach it")
    ssh_host: Plain | None = Field(None, description="where SSH reaches it, if not its address")

    @property
    def host(self) -> str:
        """Where SSH dials."""
        return self.ssh_host or self.address


def _refuse_http(info: ValidationInfo, harm: str, instead: str) -> None:
    """Raises SectionError where nothing but the way to it vouches for what is behind `url`."""
    url = info.data.get("url", "")
    if url.startswith("http://"):
        raise SectionError(
            f"url is {url!r}, where anybody on the way could {harm}; give {instead}, or an https "
            "URL"
        )


class Repository(Section):
    """A package repository, laid out as pkgs.k8s.io is: flat, with `deb/` and `rpm/` below."""

    url: Url = Field(description="base URL; {minor} in it becomes e.g. 1.35")
    signing_key_file: Path | None = Field(
        None,
        description="public key that signs it; default: the one it offers, over https",
        validate_default=True,
    )

    @field_validator("signing_key_file")
    @classmethod
    def _known_key(cls, value: Path | None, info: ValidationInfo) -> Path | None:
        if value is None:
            _refuse_http(info, "offer a key of theirs", "signingKeyFile")
        return value


class Repositories(Section):
    """Where packages come from, other than the distribution."""

    kubernetes: Repository = Field(
        Repository(url="https://pkgs.k8s.io/core:/stable:/v{minor}"),
        description="kubelet, kubeadm, kubectl and cri-tools",
    )
    crio: Repository = Field(
        Repository(url="https://download.opensuse.org/repositories/isv:/cri-o:/stable:/v{minor}"),
        description="cri-o, of the minor of Kubernetes",
    )
    etcd: Repository | None = Field(
        None, description="etcd-client; default: etcdctl comes from etcd's release archive"
    )


class Etcdctl(Section):
    """etcd's release archive: where etcdctl comes from, unless `repositories.etcd` is given."""

    url: Url = Field(
        "https://github.com/etcd-io/etcd/releases/download",
        description="folder of etcd's releases, as on GitHub",
    )
    sha256: Checksum | None = Field(
        None,
        description="of the archive; default: as SHA256SUMS beside it says, over https",
        validate_default=True,
    )

    @field_validator("sha256")
    @classmethod
    def _known_content(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None:
            _refuse_http(info, "change the archive", "sha256")
        return value


class Registry(Section):
    """How the hosts' runtime talks to the registry of `imageRepository`, always over TLS."""

    ca_file: Path | None = Field(None, description="CA certificate of the registry, PEM")
    username: UserName | None = Field(None, description="who pulls")
    password: SecretStr | None = Field(
        None, description="of that user, as secret config", validate_default=True
    )

    @field_validator("password")
    @classmethod
    def _both(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        user = info.data.get("username")
        if value is not None and not value.get_secret_value():
            raise ValueError("'' is empty; give a value, or leave the key out")
        if "username" in info.data and (value is None) != (user is None):
            given, missing = ("username", "password") if user else ("password", "username")
            raise SectionError(f"{given} is given without {missing}; give both, or neither")
        return value


class Certificates(Section):
    """Lifetimes. Leaves are renewed by the first `up` inside their last `renewBeforeDays`."""

    ca_validity_days: int = Field(3650, ge=30, le=36500, description="life of the CA, in days")
    validity_days: int = Field(
        365, ge=1, le=3650, description="life of the other certificates", validate_default=True
    )
    renew_before_days: int = Field(
        30, ge=0, description="renewed this many days before the end", validate_default=True
    )

    @field_validator("validity_days")
    @classmethod
    def _within_the_ca(cls, value: int, info: ValidationInfo) -> int:
        ca = info.data.get("ca_validity_days", value)
        if value > ca:
            raise SectionError(
                f"validityDays is {value}, longer than caValidityDays, {ca}; give e.g. 365 and 3650"
            )
        return value

    @field_validator("renew_before_days")
    @classmethod
    def _renewed_late(cls, value: int, info: ValidationInfo) -> int:
        life = info.data.get("validity_days", value + 1)
        if value >= life:
            raise SectionError(
                f"renewBeforeDays is {value}, which is not less than validityDays, {life}: "
                "every run would renew; give e.g. 30"
            )
        return value


class Etcd(Section):
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
        1000, ge=100, le=50_000, description="at least ten RTTs", validate_default=True
    )
    extra_args: dict[str, Plain] = Field(
        default_factory=dict, description="further etcd flags, without dashes"
    )

    @field_validator("extra_args")
    @classmethod
    def _flags(cls, value: dict[str, str]) -> dict[str, str]:
        for flag in value:
            check_flag(flag)
        return value

    @field_validator("election_timeout_milliseconds")
    @classmethod
    def _timers(cls, value: int, info: ValidationInfo) -> int:
        heartbeat = info.data.get("heartbeat_interval_milliseconds", 0)
        # etcd itself refuses less than five (embed.Config.Validate).
        if value < 5 * heartbeat:
            raise SectionError(
                f"electionTimeoutMilliseconds is {value}, less than 5 times "
                f"heartbeatIntervalMilliseconds, {heartbeat}; give ten times the heartbeat, "
                "e.g. 1000 and 100"
            )
        return value


class HostSettings(Section):
    """What every host of a stack has in common, whatever runs on it."""

    kubernetes_version: KubernetesVersion = Field(description="of kubelet and kubeadm, as 1.35.4")
    container_runtime: Literal["containerd", "crio"] = Field(
        "containerd", description="the runtime on the hosts"
    )
    runtime_version: PackageVersion | None = Field(
        None, description="of the runtime's package; default: the newest there is that fits"
    )
    install: Literal["packages", "preinstalled"] = Field(
        "packages",
        description="packages: from repositories; preinstalled: the hosts' image has them",
    )
    repositories: Repositories = Field(
        default_factory=Repositories,
        description="where packages come from",
        validate_default=True,
    )
    etcdctl: Etcdctl = Field(default_factory=Etcdctl, description="where etcdctl comes from")
    image_repository: ImageRepository = Field(
        "registry.k8s.io", description="where images come from"
    )
    registry: Registry = Field(
        default_factory=Registry, description="how the runtime talks to that registry"
    )
    cgroup_driver: Literal["systemd", "cgroupfs"] = Field("systemd", description="as the runtime's")
    allow_cgroup_v1: bool = Field(False, description="let kubelets from 1.31 on run on cgroup v1")
    ssh: Ssh = Field(description="how the hosts are reached")
    deletion_protection: bool = Field(True, description="`destroy` refuses while this is true")

    @field_validator("repositories")
    @classmethod
    def _official_has_it(cls, value: Repositories, info: ValidationInfo) -> Repositories:
        given = info.data.get("kubernetes_version", ""), info.data.get("container_runtime")
        if (
            given[0].startswith("v1.27.")
            and given[1] == "crio"
            and info.data.get("install") == "packages"
            and "crio" not in value.model_fields_set
        ):
            raise ValueError(
                "crio is not given, and the CRI-O project's repositories begin with 1.28; give "
                "repositories.crio.url with a mirror that has CRI-O 1.27"
            )
        return value

    @property
    def hosts(self) -> dict[str, Member]:
        """Every host, by where it stands in the configuration: `members[0]`."""
        return {
            place: member
            for place, member in places(type(self), vars(self)).items()
            if isinstance(member, Member)
        }

    @property
    def release(self) -> versions.Release:
        """The row of the versions table."""
        return versions.parse(self.kubernetes_version)[0]


def places(model: type[HostSettings], values: Mapping[str, Any]) -> dict[str, Any]:
    """What stands where a host belongs, by its place (`members[0]`); `values` by field name."""
    found: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        place, value = field.alias or name, values.get(name)
        if field.annotation is Member and value is not None:
            found[place] = value
        elif field.annotation == tuple[Member, ...] and isinstance(value, list | tuple):
            found |= {f"{place}[{index}]": each for index, each in enumerate(value)}
    return found
