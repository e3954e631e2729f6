"""One project's pair of repositories, `deb/` and `rpm/`, and their forged twins."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from lab.mirror import deb, rpm
from lab.mirror.packages import ARCHITECTURE, MACHINE, Kind, Package
from lab.mirror.signing import signer, signing_key, stranger

_SIGNATURES = shutil.ignore_patterns("InRelease", "Release.gpg", "repomd.xml.asc")


def make(
    folder: Path, scratch: Path, project: str, packages: Callable[[Kind], Iterable[Package]]
) -> None:
    """Make both repositories in `folder`, laid out as the openSUSE build service does it."""
    debs, rpms = folder / "deb", folder / "rpm"
    for package in packages("deb"):
        deb.build(package, scratch, debs / ARCHITECTURE)
    made = [rpm.build(package, scratch, rpms / MACHINE) for package in packages("rpm")]
    with signer() as signs:
        signs.rpms(made)
        deb.index_flat(debs, project, signs, signing_key())
        rpm.index(rpms, signs, signing_key())


def forge(folder: Path, genuine: Path) -> None:
    """Make twins of both repositories: same files, and metadata signed by a stranger."""
    for kind in ("deb", "rpm"):
        shutil.copytree(genuine / kind, folder / kind, copy_function=os.link, ignore=_SIGNATURES)
    with stranger() as signs:
        deb.sign(folder / "deb", signs)
        rpm.sign(folder / "rpm", signs)
