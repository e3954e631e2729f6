"""Sections of a configuration, and the rules of each by itself."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from .messages import SectionError
from .values import DnsLabel, IpAddress, Plain, check_flag


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


class HostEntry(Section):
    """One host of the cluster."""

    name: DnsLabel = Field(description="member and certificate name; never changes for a host")
    address: IpAddress = Field(description="where members and clients reach it")
    ssh_host: Plain | None = Field(None, description="where SSH reaches it, if not its address")

    @property
    def host(self) -> str:
        """Where SSH dials."""
        return self.ssh_host or self.address


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
