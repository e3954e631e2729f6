"""Bare images: a stock system with sshd and sudo, which installs everything else from the mirror.

Each is two layers: Debian without its own archive, and over it the files of `rootfs-host` and of
this kind. What names the mirror comes when a host is made (see lab.hosts.sources).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from lab.cache import code_digest, file_digest
from lab.hosts.images import debian, layers
from lab.hosts.images.layers import Image, files_digests
from lab.shell import run

_RUNC = Path(__file__).parent / "runc.sh"
_SWAP = "var-swap.swap"
_ASIDE = "usr/lib/lab/debian"


def bare_debian(name: str = "debian") -> Image:
    """Return the image of the apt family's bare hosts, after making what is not in the cache.

    `name` says of which release (see debian.SUITES).
    """
    return _image(name, debian.SYSTEM, forget_archive)


def bare_el() -> Image:
    """Return the image of the dnf family's bare hosts, after making what is not in the cache."""
    return _image("el", (*debian.SYSTEM, *debian.DNF), _disguise)


def _image(family: str, packages: tuple[str, ...], finish: Callable[[Path], None]) -> Image:
    suite = debian.SUITES.get(family, debian.SUITE)

    def install(folder: Path) -> None:
        debian.install(folder, packages, ["ssh.service"], suite)
        finish(folder)

    base = layers.layer(
        f"bare-{family}",
        [code_digest(Path(__file__)), code_digest(Path(debian.__file__)), suite, *packages],
        f"installing Debian ({suite}) for bare {family} hosts (a minute)",
        install,
    )
    parts = ("rootfs-host", "rootfs-bare", *(("rootfs-el",) if family == "el" else ()))
    files = layers.layer(
        f"files-{family}",
        [base.name, file_digest(_RUNC), code_digest(Path(layers.__file__)), *files_digests(*parts)],
        f"adding the lab's files for bare {family} hosts",
        lambda folder: _lay_files(folder, parts),
    )
    return Image(layers=(files, base))


def _lay_files(folder: Path, parts: tuple[str, ...]) -> None:
    layers.lay_files(folder, *parts)
    runc = folder / "usr/local/sbin/runc"
    runc.parent.mkdir(parents=True)
    shutil.copyfile(_RUNC, runc)
    runc.chmod(0o755)
    run(["systemctl", f"--root={folder}", "enable", _SWAP])


def forget_archive(root: Path) -> None:
    """Leave apt without any source: the one that the image was made from is not the hosts'."""
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    for leftover in (root / "var/lib/apt/lists").iterdir():
        if leftover.is_file():
            leftover.unlink()


def _disguise(root: Path) -> None:
    """Take off what a system of the dnf family has not, and give dnf an empty database."""
    forget_archive(root)
    for package in ("apt", "dpkg"):
        listed = (root / f"var/lib/dpkg/info/{package}.list").read_text().splitlines()
        for path in map(Path, listed):
            program = root / path.relative_to("/")
            if path.parent.name in ("bin", "sbin") and path.name != "update-alternatives":
                aside = root / _ASIDE / path.name
                aside.parent.mkdir(parents=True, exist_ok=True)
                program.rename(aside)
    for name in ("etc/debian_version", "usr/sbin/tc", "etc/apt", "etc/dpkg"):
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (root / "usr/bin/yum").symlink_to("dnf-3")
    database = root / "var/lib/rpm"
    database.mkdir(exist_ok=True)
    run(["chroot", root, "rpm", "--initdb", "--dbpath", "/var/lib/rpm"])
