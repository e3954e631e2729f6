"""RPM packages and the repository that dnf reads."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.mirror.packages import MACHINE, Package, stage
from lab.mirror.signing import Signer
from lab.shell import run

_DEFINES = {
    # Files go in as they are: nothing stripped, compressed or linked to debug information.
    "__os_install_post": "%{nil}",
    "debug_package": "%{nil}",
    "_build_id_links": "none",
    # The least compression: unpacking on many hosts at once is what takes the time.
    "_binary_payload": "w1.zstdio",
    "_rpmfilename": "%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
    "_buildhost": "lab.invalid",
}


def build(package: Package, scratch: Path, folder: Path, root: Path | None = None) -> Path:
    """Make the package's file in `folder` and return it.

    `root` is for a package whose files are laid out already.
    """
    if root is None:
        root = scratch / package.name
        stage(package, root)
    work = scratch / f"{package.name}.rpmbuild"
    work.mkdir()
    spec = work / "package.spec"
    spec.write_text(_spec(package, root))
    folder.mkdir(parents=True, exist_ok=True)
    defines = {**_DEFINES, "_topdir": work, "_dbpath": work / "database", "_rpmdir": folder}
    options = [f"--define={name} {value}" for name, value in defines.items()]
    buildroot = f"--buildroot={work / 'root'}"
    run(["rpmbuild", "-bb", "--quiet", f"--target={MACHINE}", buildroot, *options, spec])
    shutil.rmtree(work)
    shutil.rmtree(root)
    return folder / f"{package.name}-{package.version}-{package.revision}.{MACHINE}.rpm"


def index(folder: Path, signer: Signer, key: Path) -> None:
    """Make `folder` a repository whose metadata is signed."""
    run(["createrepo_c", "--quiet", "--no-database", "--compress-type=gz", folder])
    sign(folder, signer)
    shutil.copyfile(key, folder / "repodata/repomd.xml.key")


def sign(folder: Path, signer: Signer) -> None:
    """Sign a repository's metadata."""
    metadata = folder / "repodata/repomd.xml"
    signer.detached(metadata, metadata.with_name("repomd.xml.asc"))


def _spec(package: Package, root: Path) -> str:
    relations = [f"Requires: {name}" for name in package.requires]
    relations += [f"Provides: {name}" for name in package.provides]
    lines = [
        f"Name: {package.name}",
        f"Version: {package.version}",
        f"Release: {package.revision}",
        f"Summary: {package.summary}",
        "License: Apache-2.0",
        # The hosts are Debian with an empty rpm database: nothing there provides a libc.
        "AutoReqProv: no",
        *relations,
        "%description",
        package.summary,
        "%install",
        f"mkdir -p %{{buildroot}}\ncp -al '{root}/.' %{{buildroot}}",
        "%files",
        "%defattr(-,root,root)",
        *_files(package, root),
    ]
    return "\n".join(lines) + "\n"


def _files(package: Package, root: Path) -> list[str]:
    listed = [f'%dir "/{path}"' for path in package.folders]
    for path in sorted(root.rglob("*")):
        if path.is_symlink() or not path.is_dir():
            name = path.relative_to(root).as_posix()
            flag = "%config(noreplace) " if name in package.config else ""
            listed.append(f'{flag}"/{name}"')
    return listed
