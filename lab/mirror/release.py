"""Release archives, as etcd's project puts them on GitHub."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
from pathlib import Path

from lab import builds
from lab.mirror.packages import ARCHITECTURE


def etcd_archive(folder: Path, version: str) -> None:
    """Write one version's archive and SHA256SUMS into `folder`."""
    folder.mkdir(parents=True)
    programs = builds.etcd(version)
    name = f"etcd-v{version}-linux-{ARCHITECTURE}"
    archive = folder / f"{name}.tar.gz"
    # Level 1: for as short a build as can be, and more would save little on a network of one.
    with (
        gzip.GzipFile(archive, "wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for program in ("etcd", "etcdctl", "etcdutl"):
            entry = tarfile.TarInfo(f"{name}/{program}")
            entry.mode = 0o755
            entry.size = (programs / program).stat().st_size
            with (programs / program).open("rb") as content:
                tar.addfile(entry, content)
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    (folder / "SHA256SUMS").write_text(f"{digest}  {archive.name}\n")
