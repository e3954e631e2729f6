"""The section `restore`: what a cluster starts anew from, and which cluster ends by it."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from .backup import Backup
from .messages import SectionError, SeveralFaults
from .sections import Section
from .values import Checksum, ClusterId, DnsLabel, Kind

SNAPSHOT = Kind(
    "the absolute path of a file on every host, e.g. /root/etcd-snapshot.db; or, with the section "
    "backup, a backup as CLUSTER/CLUSTERID/NAME.db.gz"
)
_ENCRYPTED = ".bin"
"""What rclone's crypt appends to a name, and lists of the store show."""
_OBJECT = re.compile(r"[a-z0-9-]+/[0-9a-f]{1,16}/[A-Za-z0-9][A-Za-z0-9._-]*\.db\.gz(\.bin)?")


def _snapshot(value: str) -> str:
    if not re.fullmatch(r"/[A-Za-z0-9._/+:@=,-]+", value) and not _OBJECT.fullmatch(value):
        raise SNAPSHOT.error(value)
    return value


class Restore(Section):
    """A new cluster in the place of the old one. Once done, the section may stay or go."""

    snapshot: Annotated[str, AfterValidator(_snapshot), SNAPSHOT] | None = Field(
        None,
        description="What the new cluster begins with: a file made by `etcdctl snapshot save`, the "
        "same on every host; or a [backup](backup.md), below `backup.to`. Set this or `survivor`.",
    )
    sha256: Checksum | None = Field(
        None,
        description="SHA-256 checksum of that file, or of the database in that backup. Without it, "
        "the hosts' files must be alike, and each must be whole by the checksum inside it.",
    )
    survivor: DnsLabel | None = Field(
        None,
        description="Member whose own data becomes the new cluster, after the others lost theirs "
        "and no quorum is left; they join it. Set this or `snapshot`.",
        validate_default=True,
    )
    replaces: ClusterId | None = Field(
        None,
        description="Id of the cluster that ends (output `clusterId`); hosts of any other refuse. "
        "Leave it out only for hosts that have none.",
        validate_default=True,
    )

    @property
    def is_object(self) -> bool:
        """Whether the snapshot is a backup in the store, and no file."""
        return self.snapshot is not None and not self.snapshot.startswith("/")

    def as_stored(self, backup: Backup | None) -> Restore:
        """The same, with the name that the object has for whoever knows the password."""
        if self.snapshot is None or not self.is_object or not self.snapshot.endswith(_ENCRYPTED):
            return self
        if backup is not None and backup.encryption_password is None:
            raise SeveralFaults(
                f"restore.snapshot: {self.snapshot!r} is an encrypted backup, and "
                "backup.encryptionPassword is not set; set the one with which it was made"
            )
        return self.model_copy(update={"snapshot": self.snapshot.removesuffix(_ENCRYPTED)})

    @field_validator("survivor")
    @classmethod
    def _one_source(cls, value: str | None, info: ValidationInfo) -> str | None:
        if "snapshot" in info.data and (value is None) == (info.data["snapshot"] is None):
            both = "snapshot and survivor are both set"
            neither = "neither snapshot nor survivor is set"
            raise SectionError(f"{neither if value is None else both}; set exactly one of them")
        if value is not None and info.data.get("sha256"):
            raise SectionError("sha256 is that of a snapshot; remove it, or set snapshot")
        return value

    @field_validator("replaces")
    @classmethod
    def _ends_a_cluster(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is None and info.data.get("survivor"):
            raise SectionError(
                "replaces is not set, and a survivor is a member of a cluster that ends: set it to "
                "that cluster's id, the stack's output clusterId"
            )
        return value
