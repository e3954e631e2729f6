"""The distributions' own packages: Debian's as they are, and some of them again as rpms.

A lab's dnf host is a Debian with dnf, rpm and an empty rpm database. What it installs are therefore
Debian's programs in packages with the names that they have in Enterprise Linux.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from lab.hosts.images import debian
from lab.hosts.images.archive import Archive
from lab.mirror import deb, rpm
from lab.mirror.packages import Package
from lab.mirror.signing import Signer
from lab.shell import run

DEBIAN = (
    *("containerd", "runc", "crun", "conmon", "iptables", "ebtables", "conntrack", "socat"),
    *("ethtool", "kmod", "procps", "iproute2", "util-linux", "mount", "curl", "gpg"),
    *("rclone", "ca-certificates"),
)
"""What bare apt hosts may ask for; all that these depend on comes with them."""
_MERGED = "usr-is-merged"
"""In place of usrmerge, which wants perl."""
_ABSENT = {"bullseye": {_MERGED}, "forky": {"rclone"}}
"""What a release has not: Debian 11 needs no such package, and Debian 14 goes without, as yet."""
_REGISTRY = "docker-registry"


@dataclass(frozen=True, kw_only=True)
class _Repacked:
    """An rpm made of Debian packages."""

    name: str
    sources: tuple[str, ...]
    """Debian packages; the first gives the version."""
    requires: tuple[str, ...] = ("debian-libraries",)
    provides: tuple[str, ...] = ()
    only: str = "*"
    """Pattern of the paths to take."""


_RPMS = (
    _Repacked(name="containerd", sources=("containerd",), requires=("runc",)),
    _Repacked(name="runc", sources=("runc",)),
    _Repacked(name="conmon", sources=("conmon",)),
    _Repacked(name="iptables", sources=("iptables",), provides=("ebtables",)),
    _Repacked(name="conntrack-tools", sources=("conntrack",), provides=("conntrack",)),
    _Repacked(name="socat", sources=("socat",)),
    _Repacked(name="ethtool", sources=("ethtool",)),
    _Repacked(name="kmod", sources=("kmod",)),
    _Repacked(name="rclone", sources=("rclone",), requires=()),  # as in EPEL
    _Repacked(name="procps-ng", sources=("procps",)),
    _Repacked(name="iproute-tc", sources=("iproute2",), only="usr/sbin/tc"),
    # What the programs above need, in Debian's places, where a host does not have it anyway.
    _Repacked(
        name="debian-libraries",
        sources=(
            *("libseccomp2", "libglib2.0-0", "libpcre2-8-0", "libip4tc2", "libip6tc2", "libmnl0"),
            *("libxtables12", "libnftnl11", "libnetfilter-conntrack3", "libnfnetlink0", "libbpf1"),
            *("libelf1", "libtirpc3", "libnsl2", "libwrap0", "libreadline8", "libproc2-0"),
            *("libncursesw6", "libkmod2"),
        ),
        requires=(),
    ),
)
_PRESENT = {"util-linux": "2.38.1", "iproute": "6.1.0"}
"""Packages whose programs every host has, though its rpm database does not know."""
_ALTERNATIVES = {
    f"usr/sbin/{name}": "xtables-nft-multi"
    for name in (
        *("iptables", "iptables-save", "iptables-restore", "ebtables", "arptables"),
        *("ip6tables", "ip6tables-save", "ip6tables-restore"),
    )
}
"""What Debian's iptables gets from update-alternatives when it is installed."""


def make(folder: Path, scratch: Path, signer: Signer, key: Path) -> None:
    """Make the repositories `debian` and `el`, and take docker-registry out of its package."""
    downloaded = _download(scratch, debian.SUITE, (*DEBIAN, _MERGED, _REGISTRY))
    registry = next(downloaded.glob(f"{_REGISTRY}_*.deb"))
    unpacked = _unpack(registry, scratch / _REGISTRY)
    shutil.move(unpacked / "usr/bin" / _REGISTRY, folder / _REGISTRY)
    registry.unlink()

    pool = folder / "debian/pool/main"
    pool.parent.mkdir(parents=True)
    downloaded.rename(pool)
    deb.index_suite(folder / "debian", debian.SUITE, signer)

    packages = folder / "el/Packages"
    made = [_repack(row, pool, scratch, packages) for row in _RPMS]
    made += [_present(name, version, scratch, packages) for name, version in _PRESENT.items()]
    signer.rpms(made)
    rpm.index(folder / "el", signer, key)


def make_release(folder: Path, scratch: Path, signer: Signer, suite: str) -> None:
    """Make the repository of another Debian release."""
    packages = {*DEBIAN, _MERGED} - _ABSENT.get(suite, set())
    (folder / "pool").mkdir()
    _download(scratch, suite, sorted(packages)).rename(folder / "pool/main")
    deb.index_suite(folder, suite, signer)


def docker_registry(folder: Path) -> Path:
    """Return the program docker-registry in what `make` made."""
    return folder / _REGISTRY


def _download(scratch: Path, suite: str, packages: Iterable[str]) -> Path:
    archives = Archive(scratch, suite).with_dependencies(packages)
    for archive in archives.glob("*%3a*"):  # no file of a pool has the version's epoch in its name
        archive.rename(archive.with_name(re.sub("_[0-9]+%3a", "_", archive.name)))
    return archives


def _repack(row: _Repacked, pool: Path, scratch: Path, folder: Path) -> Path:
    root = scratch / row.name
    sources = [_find(pool, name) for name in row.sources]
    for source in sources:
        _unpack(source, root)
    _as_rpms_have_it(root, row.only)
    if row.name == "iptables":
        for path, target in _ALTERNATIVES.items():
            (root / path).symlink_to(target)
    told = run(["dpkg-deb", "--show", "--showformat=${Version}", sources[0]]).stdout
    version, _, revision = told.rpartition(":")[2].rpartition("-")
    config = (path for path in root.glob("etc/**/*") if path.is_file())
    package = Package(
        name=row.name,
        version=version,
        revision=revision,
        summary=f"Debian's {', '.join(row.sources)}",
        config=tuple(path.relative_to(root).as_posix() for path in config),
        requires=row.requires,
        provides=row.provides,
    )
    return rpm.build(package, scratch, folder, root)


def _present(name: str, version: str, scratch: Path, folder: Path) -> Path:
    summary = f"Nothing: what {name} has elsewhere, every host of the lab has already"
    package = Package(name=name, version=version, revision="1", summary=summary)
    return rpm.build(package, scratch, folder)


def _find(pool: Path, name: str) -> Path:
    return next(pool.glob(f"{name}_*.deb"))


def _unpack(package: Path, root: Path) -> Path:
    run(["dpkg-deb", "--extract", package, root])
    return root


def _as_rpms_have_it(root: Path, only: str) -> None:
    """Move everything below /usr, and drop what is not to be in the package."""
    for name in ("bin", "sbin", "lib"):
        if (root / name).is_dir():
            shutil.copytree(root / name, root / "usr" / name, symlinks=True, dirs_exist_ok=True)
            shutil.rmtree(root / name)
    shutil.rmtree(root / "usr/share", ignore_errors=True)
    for path in sorted(root.rglob("*"), reverse=True):
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif not path.relative_to(root).match(only):
            path.unlink()
