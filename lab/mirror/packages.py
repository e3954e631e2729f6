"""What a package is, before it becomes a .deb or an .rpm."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Kind = Literal["deb", "rpm"]

MACHINE = platform.machine()
"""The architecture in the kernel's words, which are rpm's."""
ARCHITECTURE = {"x86_64": "amd64", "aarch64": "arm64"}.get(MACHINE, MACHINE)
"""The architecture in Debian's words, which are Go's."""


@dataclass(frozen=True, kw_only=True)
class File:
    """One file of a package."""

    content: Path | str
    """A file to copy, or the text itself."""
    mode: int = 0o644


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package's name, its relations and its files."""

    name: str
    version: str
    revision: str
    summary: str
    files: Mapping[str, File] = field(default_factory=dict)
    """Path on the host, without its first slash, to what is there."""
    folders: tuple[str, ...] = ()
    """Folders that the package owns, files in them or not."""
    config: tuple[str, ...] = ()
    """Paths of files in which an upgrade keeps what an administrator wrote."""
    requires: tuple[str, ...] = ()
    provides: tuple[str, ...] = ()


def program(path: Path) -> File:
    """Return the file that a program is."""
    return File(content=path, mode=0o755)


def stage(package: Package, root: Path) -> None:
    """Lay the package's files out under `root`, as on a host; no umask gets in."""
    root.mkdir(exist_ok=True)
    for path, file in package.files.items():
        target = root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file.content, Path):
            shutil.copyfile(file.content, target)
        else:
            target.write_text(file.content)
        target.chmod(file.mode)
    for path in package.folders:
        (root / path).mkdir(parents=True, exist_ok=True)
    for folder in (root, *(path for path in root.rglob("*") if path.is_dir())):
        folder.chmod(0o755)
