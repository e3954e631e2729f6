"""Layers of the hosts' images: folders in the cache, each made once per content and then shared."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.cache import cache_root, digest_of, file_digest, kept
from lab.shell import run

HERE = Path(__file__).parent
"""Folder of the files that layers are made of, such as `rootfs`."""


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a new host is made of."""

    layers: tuple[Path, ...]
    """The root's read-only layers, topmost first."""
    containerd: Path | None = None
    """The content of /var/lib/containerd, if it does not start empty."""
    machine: Path | None = None
    """Of a machine: the folder of its `disk.ext4`, `kernel` and `initrd`; it has no layers."""

    @property
    def lowerdir(self) -> str:
        """The layers as overlayfs's `lowerdir=` wants them."""
        return ":".join(str(layer) for layer in self.layers)


def layer(kind: str, parts: Iterable[str], text: str, make: Callable[[Path], None]) -> Path:
    """Return the layer of this kind that these texts decide, after making it if it is not there."""
    return kept(cache_root() / "image", kind, digest_of(parts), text, make)


def lay_files(folder: Path, *parts: str) -> None:
    """Put the files of these folders, such as `rootfs-host`, into a layer."""
    for part in parts:
        shutil.copytree(HERE / part, folder, dirs_exist_ok=True)
    for path in folder.rglob("*"):  # whatever umask the checkout was made under
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "etc/sudoers.d/ops").chmod(0o440)
    run(["systemctl", f"--root={folder}", "enable", "lab-cgroups-writable.service"])


def files_digests(*parts: str) -> list[str]:
    """Return name and digest of every file of these folders."""
    files = sorted(path for part in parts for path in (HERE / part).rglob("*") if path.is_file())
    return [f"{path.relative_to(HERE)} {file_digest(path)}" for path in files]
