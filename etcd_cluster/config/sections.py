"""Sections of the configuration, with per-section validation."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
)
from pydantic.alias_generators import to_camel

from .messages import SectionError, SeveralFaults, no_truth
from .values import DnsLabel, HostName, IpAddress, Plain, SshHost, UserName, flag_fault


class Section(BaseModel):
    """Base of all sections: camelCase keys, unknown keys are errors, errors never show inputs."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, value: object, info: ValidationInfo) -> object:
        field = cls.model_fields.get(str(info.field_name))
        return no_truth(value) if field is not None and field.annotation is int else value


# A rule that involves several keys belongs to the last of them: it then also runs if another key
# of the section is invalid, so that all faults are reported at once.


class Ssh(Section):
    """SSH access to the hosts. Host keys are pinned: nothing is trusted on first use."""

    user: UserName = Field(
        "root", description="Login user: root, or a user with passwordless sudo."
    )
    port: int = Field(22, ge=1, le=65535, description="Port of sshd on every host.")
    connect_timeout_seconds: int = Field(
        5,
        ge=1,
        le=60,
        description="Time within which a host must accept a connection when it is read, in a "
        "preview and at the start of `up`. A host that does not counts as unreachable.",
    )
    login_timeout_seconds: int = Field(
        30,
        ge=1,
        le=600,
        description="Time limit for the login, once a host has accepted the connection, when hosts "
        "are read; and how long a host may be silent after it.",
    )
    answer_timeout_seconds: int = Field(
        60,
        ge=1,
        le=1800,
        description="Time limit for a host to report its state after the login, while it is not "
        "silent. Raise this for slow or busy hosts.",
    )
    known_hosts_file: Path = Field(
        description="File in known_hosts format that pins every host's key."
    )
    private_key_file: Path | None = Field(
        None,
        description="File with the private key, without a passphrase. Set this or `privateKey`.",
    )
    private_key: SecretStr | None = Field(
        None,
        description="The private key itself. Set this or `privateKeyFile`.",
        validate_default=True,
    )

    @field_validator("private_key")
    @classmethod
    def _one_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        other = info.data.get("private_key_file")
        if "private_key_file" in info.data and (value is None) == (other is None):
            both = "privateKey and privateKeyFile are both set"
            neither = "neither privateKey nor privateKeyFile is set"
            raise SectionError(f"{neither if value is None else both}; set exactly one of them")
        return value


class HostEntry(Section):
    """One host of the cluster."""

    name: DnsLabel = Field(description="Name of the member, also in its certificates.")
    address: IpAddress = Field(description="Address at which members and clients reach the host.")
    ssh_host: SshHost | None = Field(
        None, description="Name or address for SSH, if it differs from `address`."
    )

    @property
    def host(self) -> str:
        """Where SSH dials."""
        return self.ssh_host or self.address


class MemberEntry(HostEntry):
    """One member of the cluster, and its host."""

    lost: bool = Field(
        False,
        description="Gives up a host that is dead for good: nothing connects to it any more, and "
        "the other members remove its entry from the cluster.",
    )


class Authority(Section):
    """A CA that was made elsewhere: authority 0, of a cluster that is adopted."""

    certificate_file: Path = Field(description="Its certificate, PEM: `ca.crt` of any member.")
    private_key_file: Path | None = Field(
        None,
        description="File with its private key. Without a key it is trusted and issues nothing.",
    )
    private_key: SecretStr | None = Field(
        None,
        description="The private key itself. Set this, or `privateKeyFile`, or neither.",
        validate_default=True,
    )

    @field_validator("private_key")
    @classmethod
    def _one_key(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        if value is not None and info.data.get("private_key_file") is not None:
            raise SectionError("privateKey and privateKeyFile are both set; set one of them")
        return value

    @property
    def has_key(self) -> bool:
        """Whether it can issue certificates."""
        return self.private_key is not None or self.private_key_file is not None


class Certificates(Section):
    """CAs and lifetimes. An `up` within `renewBeforeDays` of its expiry renews a certificate."""

    authority: Authority | None = Field(
        None, description="A CA that was made elsewhere, of a cluster that is adopted."
    )
    authorities: tuple[Annotated[int, BeforeValidator(no_truth)], ...] = Field(
        (1,),
        description="CAs by their numbers: each is trusted, and the first issues the certificates. "
        "A new CA takes over in three changes, each with its own `up`: `[1, 2]`, `[2, 1]`, `[2]`. "
        "0 is the one of `authority`.",
    )
    extra_names: tuple[HostName, ...] = Field(
        (),
        description="Further DNS names and addresses in the certificates of all members, at which "
        "clients reach them. An address stays in until the member itself gets another one.",
    )
    ca_validity_days: int = Field(
        3650,
        ge=30,
        le=36500,
        description="Lifetime of the CA in days, from its creation. A change applies to the next "
        "CA.",
    )
    validity_days: int = Field(
        365,
        ge=1,
        le=3650,
        description="Lifetime of the other certificates in days; at most `caValidityDays`. A "
        "change renews them.",
        validate_default=True,
    )
    renew_before_days: int = Field(
        30,
        ge=0,
        description="The first `up` within this many days of its expiry renews a certificate; less "
        "than `validityDays`.",
        validate_default=True,
    )

    @property
    def can_issue(self) -> bool:
        """Whether there is a key to issue with. Without one certificates stay as they are."""
        return self.authorities[0] != 0 or self.authority is None or self.authority.has_key

    @field_validator("authorities")
    @classmethod
    def _one_or_two(cls, value: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        distinct = set(value)
        if len(value) not in (1, 2) or len(distinct) < len(value) or min(distinct) < 0:
            raise SectionError(
                f"authorities is {list(value)}: expected one number from 1 on, or two different "
                "ones, e.g. [1], or [1, 2] while a new CA takes over"
            )
        given: Authority | None = info.data.get("authority")
        if 0 in value and "authority" in info.data and given is None:
            raise SectionError(
                f"authorities is {list(value)}, and there is no authority 0; set "
                "certificates.authority.certificateFile, or take 0 out"
            )
        if value == (0,) and given is not None and not given.has_key:
            raise SectionError(
                "authorities is [0], and authority has no private key, so nothing could be issued; "
                "set privateKeyFile, or [0, 1], so that authority 1 takes over"
            )
        return value

    @field_validator("validity_days")
    @classmethod
    def _within_the_ca(cls, value: int, info: ValidationInfo) -> int:
        ca = info.data.get("ca_validity_days", value)
        if value > ca:
            raise SectionError(
                f"validityDays is {value}: expected at most caValidityDays, {ca}, e.g. 365 and 3650"
            )
        return value

    @field_validator("renew_before_days")
    @classmethod
    def _renewed_late(cls, value: int, info: ValidationInfo) -> int:
        life = info.data.get("validity_days", value + 1)
        if value >= life:
            raise SectionError(
                f"renewBeforeDays is {value}: expected less than validityDays, {life}, e.g. 30; "
                "otherwise every run would renew the certificates"
            )
        return value


class Etcd(Section):
    """etcd's own settings. Changing one restarts the members one at a time."""

    image_tag: Plain | None = Field(
        None,
        description="Tag of the etcd image. Without it, the tag that belongs to "
        "`kubernetesVersion`.",
    )
    allow_downgrade: bool = Field(
        False,
        description="Allows `imageTag` to be of the minor before the cluster's: the cluster is "
        "told, and its members go back one at a time. Has no effect otherwise.",
    )
    quota_backend_bytes: int = Field(
        2 * 1024**3,
        ge=64 * 1024**2,
        le=8 * 1024**3,
        description="Size at which the database rejects further writes.",
    )
    heartbeat_interval_milliseconds: int = Field(
        100,
        ge=10,
        le=10_000,
        description="Interval of the leader's heartbeats: about one round trip between members.",
    )
    election_timeout_milliseconds: int = Field(
        1000,
        ge=100,
        le=50_000,
        description="Time without a heartbeat after which a member starts an election: at least "
        "ten round trips, and at least five heartbeat intervals.",
        validate_default=True,
    )
    extra_args: dict[str, Plain] = Field(
        default_factory=dict,
        description="Further etcd flags, without leading dashes. Rejected: flags that the program "
        "sets itself, `unsafe-no-fsync`, `strict-reconfig-check`, `log-outputs` to a file, and "
        "files in `/etc/kubernetes`, which etcd's container does not see.",
    )

    @field_validator("extra_args")
    @classmethod
    def _flags(cls, value: dict[str, str]) -> dict[str, str]:
        faults = [flag_fault(flag, given) for flag, given in value.items()]
        found = [f"etcd.extraArgs: {fault}" for fault in faults if fault]
        if found:
            raise SeveralFaults("\n".join(found))
        return value

    @field_validator("election_timeout_milliseconds")
    @classmethod
    def _timers(cls, value: int, info: ValidationInfo) -> int:
        heartbeat = info.data.get("heartbeat_interval_milliseconds", 0)
        # etcd itself requires at least five (embed.Config.Validate).
        if value < 5 * heartbeat:
            raise SectionError(
                f"electionTimeoutMilliseconds is {value}: expected at least 5 times "
                f"heartbeatIntervalMilliseconds, {heartbeat}; ten times is usual, e.g. 1000 and 100"
            )
        return value
