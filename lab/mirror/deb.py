"""Debian packages and the two kinds of repository that apt reads."""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Mapping
from pathlib import Path

from lab.mirror.packages import ARCHITECTURE, Package, stage
from lab.mirror.signing import Signer
from lab.shell import run

_ONE_CHECKSUM = [f"-o=APT::FTPArchive::{name}=false" for name in ("MD5", "SHA1", "SHA512")]


def build(package: Package, scratch: Path, folder: Path) -> None:
    """Make the package's file in `folder`."""
    root = scratch / package.name
    stage(package, root)
    version = f"{package.version}-{package.revision}"
    fields = {
        "Package": package.name,
        "Version": version,
        "Architecture": ARCHITECTURE,
        "Maintainer": "etcd-cluster lab <mirror@lab.invalid>",
        "Depends": ", ".join(package.requires),
        "Provides": ", ".join(package.provides),
        "Section": "net",
        "Priority": "optional",
        "Description": package.summary,
    }
    control = root / "DEBIAN"
    control.mkdir()
    control.chmod(0o755)
    text = "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
    (control / "control").write_text(text)
    if package.config:
        (control / "conffiles").write_text("".join(f"/{path}\n" for path in package.config))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{package.name}_{version}_{ARCHITECTURE}.deb"
    # The least compression: unpacking on many hosts at once is what takes the time. Not zstd, which
    # the dpkg of Debian 11 does not know.
    run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", root, file])
    shutil.rmtree(root)


def index_flat(folder: Path, project: str, signer: Signer, key: Path) -> None:
    """Make `folder` the flat repository that the openSUSE build service makes of a project."""
    _list_packages(folder, ".", folder)
    fields = {"Codename": "deb", "Label": project}
    fields["Origin"] = f"obs://build.opensuse.org/{project}/deb"
    _release(folder, {**fields, "Architectures": ARCHITECTURE})
    sign(folder, signer)
    shutil.copyfile(key, folder / "Release.key")


def index_suite(root: Path, suite: str, signer: Signer) -> None:
    """Make `root`, with packages in `pool/`, a repository of one suite with one component."""
    folder = root / "dists" / suite
    packages = folder / "main" / f"binary-{ARCHITECTURE}"
    packages.mkdir(parents=True)
    _list_packages(root, "pool", packages)
    fields = {"Origin": "Debian", "Label": "Debian", "Suite": suite, "Codename": suite}
    _release(folder, {**fields, "Components": "main", "Architectures": ARCHITECTURE})
    sign(folder, signer)


def sign(folder: Path, signer: Signer) -> None:
    """Sign a repository's release file, in both ways that apt knows."""
    signer.detached(folder / "Release", folder / "Release.gpg")
    signer.clear(folder / "Release", folder / "InRelease")


def _list_packages(root: Path, packages: str, target: Path) -> None:
    command = ["env", f"--chdir={root}", "apt-ftparchive", *_ONE_CHECKSUM, "packages", packages]
    # With packages in "." the paths would start with "./", which the real ones do not.
    listed = run(command).stdout.replace("\nFilename: ./", "\nFilename: ").encode()
    (target / "Packages").write_bytes(listed)
    (target / "Packages.gz").write_bytes(gzip.compress(listed, mtime=0))


def _release(folder: Path, fields: Mapping[str, str]) -> None:
    options = [f"-o=APT::FTPArchive::Release::{name}={value}" for name, value in fields.items()]
    told = run(["apt-ftparchive", *_ONE_CHECKSUM, *options, "release", folder]).stdout
    (folder / "Release").write_text(told)
