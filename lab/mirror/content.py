"""The content of one mirror, built once per content and shared by all checkouts.

Below `www`, as at the projects' own addresses:

- `core:/stable:/v1.35/{deb,rpm}/`: Kubernetes, as pkgs.k8s.io has it;
- `isv:/cri-o:/stable:/v1.27/{deb,rpm}/`: CRI-O;
- `etcd/{deb,rpm}/`: a package `etcd-client`; `etcd/releases/`: archives as on etcd's GitHub;
- `debian/`, `el/`: what the hosts' distributions have (see lab.mirror.distribution), and
  `debian13/` and the like, where hosts of that release are there;
- `broken/wrong-signature/`: Kubernetes once more, its metadata signed with a stranger's key.

Each part is a folder of its own in the cache; a mirror is hard links to its parts' files.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from lab import builds
from lab.cache import cache_root, code_digest, digest_of, file_digest, kept
from lab.hosts.images import archive, debian, oci
from lab.mirror import distribution, repository, software
from lab.mirror.registry import add_image
from lab.mirror.release import etcd_archive
from lab.mirror.signing import signer, signing_key
from lab.shell import run
from lab.versions import CRI_TOOLS, CRIO, OLD_PATCHES, SEED, TODAY, UPGRADES, Versions

MirrorSet = Literal["dev", "seed", "etcd", "upgrades"]
SETS: tuple[MirrorSet, ...] = ("dev", "seed", "etcd", "upgrades")
"""`dev` has the versions that `make up` runs; `seed` has those and the manual procedure's; `etcd`
has those of `dev` and every etcd; `upgrades` has all that a cluster is taken to minor by minor. The
last two are built when somebody asks for them."""

_HERE = Path(__file__).parent
_SERVING = {"server.py", "webserver.py", "certificates.py"}
"""What serves the content, and decides nothing of it."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """One mirror's files. They are shared between checkouts: serve them, never change them."""

    www: Path
    """The tree for a plain HTTP server."""
    registry: Path
    """A docker-registry's `storage.filesystem.rootdirectory`, to be served read-only."""
    signing_key: Path
    """The armored public key that signed every repository."""


@dataclass(frozen=True, kw_only=True)
class _Included:
    versions: tuple[Versions, ...]
    control_planes: tuple[Versions, ...]
    """Of these, the API server, controller manager and scheduler can be had as images."""
    crio: tuple[str, ...] = ()


_INCLUDED: Mapping[MirrorSet, _Included] = {
    "dev": _Included(versions=(TODAY,), control_planes=(TODAY,)),
    "seed": _Included(versions=(TODAY, SEED), control_planes=(SEED,), crio=(CRIO,)),
    "etcd": _Included(
        versions=(TODAY, *(replace(TODAY, etcd=row.etcd) for row in UPGRADES)),
        control_planes=(TODAY,),
    ),
    "upgrades": _Included(versions=(*UPGRADES, *OLD_PATCHES), control_planes=UPGRADES),
}


def content(
    which: MirrorSet = "dev", *, control_plane: bool = False, releases: Iterable[str] = ()
) -> Content:
    """Return a mirror's files, after building what of them is not in the cache.

    `control_plane`: with the images of Kubernetes' control plane, which take minutes to build.
    `releases`: with those of Debian, beside the usual one, by the names of their hosts' kinds.
    """
    included = _INCLUDED[which]
    distributions = _distributions()
    places = {"debian": distributions / "debian", "el": distributions / "el"}
    places |= {name: _release(name) for name in releases}
    places["etcd"] = _etcd(included.versions)
    for version in _each(row.kubernetes for row in included.versions):
        path = f"core:/stable:/v{_minor(version)}"
        part = _kubernetes(version)
        places[path] = part / "genuine"
        places[f"broken/wrong-signature/{path}"] = part / "forged"
    for version in included.crio:
        places[f"isv:/cri-o:/stable:/v{_minor(version)}"] = _crio(version)

    def link(folder: Path) -> None:
        for path, part in places.items():
            shutil.copytree(part, folder / "www" / path, copy_function=os.link)
        shutil.copyfile(signing_key(), folder / "signing-key.asc")

    # A part's folder is named by its content, so its path stands for that.
    named = [f"{path} {part}" for path, part in sorted(places.items())]
    put_together = f"putting the hosts' package mirror together ({which})"
    mirror = kept(_cache(), f"mirror-{which}", digest_of([*_recipe(), *named]), put_together, link)
    return Content(
        www=mirror / "www",
        registry=_with_control_plane(included) if control_plane else _registry(included.versions),
        signing_key=mirror / "signing-key.asc",
    )


def docker_registry() -> Path:
    """Return the program docker-registry.

    It comes out of Debian's package without that being installed: installed, it starts a registry
    of its own on port 5000, at every boot.
    """
    return distribution.docker_registry(_distributions())


def _kubernetes(version: str) -> Path:
    def make(folder: Path, scratch: Path) -> None:
        repository.make(
            folder / "genuine",
            scratch,
            f"isv:kubernetes:core:stable:v{_minor(version)}",
            lambda kind: software.kubernetes(kind, version),
        )
        repository.forge(folder / "forged", folder / "genuine")

    sources = [builds.kubernetes(version), builds.cri_tools(CRI_TOOLS)]
    return _part(f"kubernetes-{version}", sources, f"packaging Kubernetes {version}", make)


def _crio(version: str) -> Path:
    def make(folder: Path, scratch: Path) -> None:
        project = f"isv:cri-o:stable:v{_minor(version)}"
        repository.make(folder, scratch, project, lambda kind: software.crio(kind, version))

    return _part(f"cri-o-{version}", [builds.crio(version)], f"packaging CRI-O {version}", make)


def _etcd(included: tuple[Versions, ...]) -> Path:
    versions = _each(row.etcd for row in included)

    def make(folder: Path, scratch: Path) -> None:
        packages = [software.etcd_client(version) for version in versions]
        repository.make(folder, scratch, "etcd", lambda _: packages)
        for version in versions:
            etcd_archive(folder / "releases" / f"v{version}", version)

    sources = [builds.etcd(version) for version in versions]
    return _part("etcd", sources, f"packaging etcd {' and '.join(versions)}", make)


def _registry(versions: tuple[Versions, ...]) -> Path:
    tags = _each(row.pause for row in versions)
    built = {row.etcd_tag: builds.etcd(row.etcd) for row in versions}

    def make(folder: Path, scratch: Path) -> None:
        for tag, etcd in built.items():
            programs = {name: etcd / name for name in ("etcd", "etcdctl", "etcdutl")}
            add_image(folder, scratch, "etcd", [tag], programs)
        pause = scratch / "pause"
        run(["gcc", "-Os", "-static", "-s", "-o", pause, oci.PAUSE_SOURCE])
        add_image(folder, scratch, "pause", tags, {"pause": pause}, ["/usr/local/bin/pause"])

    return _part("registry", built.values(), "making the hosts' image registry", make, tags)


def _with_control_plane(included: _Included) -> Path:
    base = _registry(included.versions)
    versions = _each(row.kubernetes for row in included.control_planes)
    built = {version: builds.control_plane(version) for version in versions}

    def make(folder: Path, scratch: Path) -> None:
        shutil.copytree(base, folder, copy_function=os.link, dirs_exist_ok=True)
        for version, programs in built.items():
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler"):
                add_image(folder, scratch, name, [f"v{version}"], {name: programs / name})

    text = "adding Kubernetes' control plane to the hosts' image registry"
    return _part("registry-control-plane", [base, *built.values()], text, make)


def _distributions() -> Path:
    def make(folder: Path, scratch: Path) -> None:
        with signer() as signs:
            distribution.make(folder, scratch, signs, signing_key())

    return _part("distributions", [], "downloading packages for the hosts from Debian", make)


def _release(name: str) -> Path:
    suite = debian.SUITES[name]

    def make(folder: Path, scratch: Path) -> None:
        with signer() as signs:
            distribution.make_release(folder, scratch, signs, suite)

    text = f"downloading packages for the hosts from Debian ({suite})"
    return _part(f"debian-{suite}", [], text, make)


def _part(
    kind: str,
    sources: Iterable[Path],
    text: str,
    make: Callable[[Path, Path], None],
    told: Iterable[str] = (),
) -> Path:
    """Return one part's folder. `make` gets that folder and one for what is in between."""

    def make_it(folder: Path) -> None:
        with tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch:
            make(folder, Path(scratch))

    # A build's folder is named by its content, so the name stands for the programs in it.
    parts = [*_recipe(), file_digest(signing_key()), *(path.name for path in sources), *told]
    return kept(_cache(), kind, digest_of(parts), text, make_it)


def _recipe() -> list[str]:
    """Return digests of all that decides how things are packed."""
    units = (path for path in software.LAB_UNITS.rglob("*") if path.is_file())
    own = (path for path in _HERE.glob("*.py") if path.name not in _SERVING)
    modules = sorted([*own, Path(oci.__file__), Path(debian.__file__), Path(archive.__file__)])
    return [*map(code_digest, modules), *map(file_digest, sorted([oci.PAUSE_SOURCE, *units]))]


def _cache() -> Path:
    return cache_root() / "mirror"


def _each(versions: Iterable[str]) -> list[str]:
    """Return each version once: rows may have some in common."""
    return list(dict.fromkeys(versions))


def _minor(version: str) -> str:
    return version.rpartition(".")[0]
