"""The section `backup`: where snapshots of the cluster go, how often, and how long they stay."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, SecretStr, ValidationInfo, field_validator

from .messages import SectionError, SeveralFaults
from .sections import Section
from .values import HIDDEN, Kind, Url, redacted, redacted_place

BUCKET = "bucket"
"""In place of numbers: nothing is deleted by us."""
HOURLY = "hourly"
# etcd's data, which is moved aside as a whole, what this program clears itself, and where the
# kubelet takes each file for a pod.
_OWN = (
    "/etc/kubernetes",
    "/run/etcd-host",
    "/var/lib/etcd",
    "/var/lib/etcd-host",
    "/var/lib/etcd-snapshots",
)
_CALENDAR_WORDS = re.compile(
    "minutely|hourly|daily|weekly|monthly|yearly|annually|quarterly|semiannually|biannually"
    "|mon|tue|wed|thu|fri|sat|sun|(mon|tues|wednes|thurs|fri|satur|sun)day",
    re.IGNORECASE,
)
# They would store nothing by themselves: each is a view of another remote, or of this host.
_NO_STORES = (
    *("alias", "archive", "cache", "chunker", "combine", "compress", "crypt", "hasher"),
    *("local", "memory", "union"),
)
_MAP = "a map of rclone's options of a remote, e.g. {type: s3, provider: AWS, region: eu-west-1}"

PLACE = Kind(
    "bucket/prefix, of letters, digits and ._/=+@-, e.g. etcd-backups/prod; or, without remote, "
    "an absolute folder on every host, e.g. /mnt/etcd-backups"
)
SCHEDULE = Kind("a time as systemd's OnCalendar has it, e.g. hourly or *-*-* 00/6:00:00")
FOLDER = Kind("an absolute folder, e.g. /var/lib/prometheus/node-exporter")


def _folder(value: str) -> str:
    parts = value.rstrip("/").split("/")[1:]
    plain = re.fullmatch(r"/[A-Za-z0-9._/=+@-]*", value)
    if not plain or not parts or any(each in ("", ".", "..") for each in parts):
        raise FOLDER.error(value)
    return _not_ours(value.rstrip("/"), "/var/lib/prometheus/node-exporter")


def _not_ours(folder: str, instead: str) -> str:
    own = next((each for each in _OWN if f"{folder}/".startswith(f"{each}/")), None)
    if own:
        raise ValueError(
            f"{folder!r} is invalid: expected a folder outside {own}, which Kubernetes, etcd or "
            f"this program uses, e.g. {instead}"
        )
    return folder


def _place(value: str) -> str:
    parts = value.rstrip("/").removeprefix("/").split("/")
    plain = re.fullmatch(r"[A-Za-z0-9._/=+@-]+", value)
    if not plain or any(each in ("", ".", "..") for each in parts):
        raise PLACE.error(value)
    return _not_ours(value.rstrip("/"), "/var/backups/etcd")


def _schedule(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9*,./:~ _+-]+", value) or value != value.strip():
        raise SCHEDULE.error(value)
    if value.isalpha() and not _CALENDAR_WORDS.fullmatch(value):
        raise SCHEDULE.error(value)
    # Weekday, date, time and zone are four at most; cron has five.
    if len(value.split()) > 4:
        raise ValueError(f"{SCHEDULE.error(value)}; cron's form is not supported")
    return value


class Keep(Section):
    """How many backups are kept: the newest of each of the last hours, days, weeks and months."""

    hourly: int = Field(24, ge=0, le=1000, description="Number of hours for which one is kept.")
    daily: int = Field(7, ge=0, le=1000, description="Number of days for which one is kept.")
    weekly: int = Field(4, ge=0, le=1000, description="Number of weeks for which one is kept.")
    monthly: int = Field(
        6,
        ge=0,
        le=1000,
        description="Number of months for which one is kept.",
        validate_default=True,
    )

    @field_validator("monthly")
    @classmethod
    def _any(cls, value: int, info: ValidationInfo) -> int:
        others = [info.data.get(key) for key in ("hourly", "daily", "weekly")]
        if value == 0 and others == [0, 0, 0]:
            raise SectionError(
                "hourly, daily, weekly and monthly are all 0: expected at least one that is not, "
                "or no backup would stay, e.g. {hourly: 24, daily: 7, weekly: 4, monthly: 6}"
            )
        return value


class Backup(Section):
    """Scheduled backups, away from the hosts. See [the page about them](backup.md)."""

    to: Annotated[str, AfterValidator(_place), PLACE] = Field(
        description="Where backups go: a path in `remote`, or a folder."
    )
    remote: dict[str, SecretStr] | None = Field(
        None,
        description="The store: rclone's options of a remote, by rclone's own names; `type` is "
        "required. Each value may be a secret. Without it, `to` is a folder on every host.",
        validate_default=True,
    )
    ca_file: Path | None = Field(
        None,
        description="CA certificate of the store, PEM. Without it, the hosts' own CAs are used.",
        validate_default=True,
    )
    proxy: Url | None = Field(
        None,
        description="Proxy for the way to the store. A host's own proxy settings are not used.",
        validate_default=True,
    )
    schedule: Annotated[str, AfterValidator(_schedule), SCHEDULE] = Field(
        HOURLY, description="When a backup is made."
    )
    max_age_hours: int = Field(
        3,
        ge=1,
        le=10_000,
        description="Age of the newest backup above which a preview warns. Required with another "
        "`schedule` than `hourly`.",
    )
    keep: Keep | None = Field(
        default_factory=Keep,
        description="How many backups are kept; or the word `bucket`: the program deletes none, "
        "and the store's own lifecycle rules have to.",
    )
    encryption_password: SecretStr | None = Field(
        None,
        description="Password with which backups are encrypted before they leave the host, by "
        "rclone's `crypt`. Without it nobody can read them, not even you: keep a copy.",
    )
    metrics_folder: Annotated[str, AfterValidator(_folder), FOLDER] | None = Field(
        None,
        description="Folder of node_exporter's textfile collector, on every host: age and size of "
        "backups as metrics.",
    )

    @property
    def needs_rclone(self) -> bool:
        """Whether the hosts need rclone: not for plain files in a folder."""
        return self.remote is not None or self.encryption_password is not None

    @field_validator("remote", mode="before")
    @classmethod
    def _options(cls, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, dict):
            raise ValueError(f"{HIDDEN} is invalid: expected {_MAP}")
        faults = [*_option_faults(value)]
        if faults:
            raise SeveralFaults("\n".join(faults))
        return {name: _text(each) for name, each in value.items()}

    @field_validator("remote")
    @classmethod
    def _where(
        cls, value: dict[str, SecretStr] | None, info: ValidationInfo
    ) -> dict[str, SecretStr] | None:
        place = info.data.get("to")
        if place and (value is None) != place.startswith("/"):
            given = redacted_place(place)
            raise SectionError(
                f"to is {given} without remote: expected an absolute folder on every host, e.g. "
                "/mnt/etcd-backups; or set remote"
                if value is None
                else f"to is {given} with remote: expected a path in it without a leading "
                "slash, e.g. etcd-backups/prod; or remove remote"
            )
        return value

    @field_validator("ca_file", "proxy")
    @classmethod
    def _on_the_way(cls, value: Any, info: ValidationInfo) -> Any:
        if value is not None and info.data.get("remote", "") is None:
            key = {"ca_file": "caFile", "proxy": "proxy"}[str(info.field_name)]
            raise SectionError(f"{key} is set without remote, and a folder needs none; remove it")
        return value

    @field_validator("keep", mode="before")
    @classmethod
    def _or_bucket(cls, value: Any, info: ValidationInfo) -> Any:
        if value == BUCKET:
            if info.data.get("remote", "") is None:
                raise ValueError(
                    f"{BUCKET!r} is invalid: expected numbers, e.g. {{hourly: 24, daily: 7}}, "
                    "because a folder has no lifecycle rules (set without remote)"
                )
            return None
        if not isinstance(value, dict | Keep):
            raise ValueError(
                f"{redacted(value)} is invalid: expected the word {BUCKET}, or a map, e.g. "
                "{hourly: 24, daily: 7, weekly: 4, monthly: 6}"
            )
        return value

    @field_validator("encryption_password")
    @classmethod
    def _one_line(cls, value: SecretStr | None) -> SecretStr | None:
        text = value.get_secret_value() if value is not None else "-"
        if not text:
            raise ValueError("'' is invalid: the value is empty; set one, or remove the key")
        if not text.isprintable() or text != text.strip():
            raise ValueError(
                f"{HIDDEN} is invalid: expected one printable line without spaces around it, e.g. "
                "what `openssl rand -base64 30` prints"
            )
        return value


def _text(value: Any) -> str:
    """As rclone has it: Pulumi makes numbers and booleans of what looks like one."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _option_faults(options: dict[Any, Any]) -> list[str]:
    """What is wrong with the options of a remote, a line each. Never shows a value."""
    found = []
    for name, value in options.items():
        key = f"backup.remote.{name}" if redacted(name) == repr(name) else "backup.remote"
        if not re.fullmatch(r"[a-z][a-z0-9_]*", str(name)):
            found.append(
                f"{key}: unknown key; expected rclone's name of an option, of lower-case letters, "
                "digits and underscores, e.g. access_key_id"
            )
        elif not isinstance(value, str | int):
            found.append(f"{key}: {HIDDEN} is invalid: expected a string, e.g. 'true' or '16'")
        elif not _text(value):
            found.append(f"{key}: '' is invalid: the value is empty; set one, or remove the key")
        elif not _plain_option(_text(value)):
            found.append(
                f"{key}: {HIDDEN} is invalid: expected one printable line without spaces around "
                'it, as rclone\'s configuration file takes it (no leading ` or """, no %( in it)'
            )
    kind = options.get("type")
    if kind is None:
        found.append(
            "backup.remote.type: required (kind of the store, by rclone's name, e.g. s3, azureblob "
            "or sftp)"
        )
    elif str(kind) in _NO_STORES:
        instead = (
            "remove remote, and set `to` to an absolute folder"
            if kind == "local"
            else "set encryptionPassword, and type to that of the store"
            if kind == "crypt"
            else "give the store itself"
        )
        found.append(
            f"backup.remote.type: {kind!r} is invalid: expected the kind of a store, e.g. s3; "
            f"{instead}"
        )
    return found


def _plain_option(text: str) -> bool:
    """Whether it comes out of rclone's configuration file as it went in."""
    whole = text.isprintable() and text == text.strip()
    return whole and not text.startswith(("`", '"""')) and "%(" not in text
