"""The image registry's files, in the layout that docker-registry keeps its own in.

Written as they are and not pushed: nothing has to run, and the same programs give the same files.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.hosts.images.oci import write_image

_DOCKER = "application/vnd.docker"
_MANIFEST = f"{_DOCKER}.distribution.manifest.v2+json"


def add_image(
    root: Path,
    scratch: Path,
    name: str,
    tags: Sequence[str],
    programs: Mapping[str, Path],
    entrypoint: Sequence[str] = (),
) -> None:
    """Add an image with these programs to the registry below `root`, under all `tags`."""
    archive = scratch / f"{name}.tar"
    write_image(archive, f"{name}:{tags[0]}", programs, entrypoint)
    with tarfile.open(archive) as tar:
        (told,) = json.loads(_member(tar, "manifest.json"))
        config = _member(tar, told["Config"])
        (layer_name,) = told["Layers"]
        layer = gzip.compress(_member(tar, layer_name), compresslevel=1, mtime=0)
    archive.unlink()
    store = _Store(root / "docker/registry/v2", name)
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": store.part(f"{_DOCKER}.container.image.v1+json", config),
        "layers": [store.part(f"{_DOCKER}.image.rootfs.diff.tar.gzip", layer)],
    }
    store.manifest(json.dumps(manifest, indent=2).encode(), tags)


class _Store:
    """One repository of a registry's storage."""

    def __init__(self, root: Path, name: str) -> None:
        self._blobs = root / "blobs/sha256"
        self._repository = root / "repositories" / name

    def part(self, media_type: str, content: bytes) -> dict[str, str | int]:
        """Store a layer or a configuration; return how a manifest refers to it."""
        digest = self._blob(content)
        _link(self._repository / "_layers/sha256" / digest, digest)
        return {"mediaType": media_type, "size": len(content), "digest": f"sha256:{digest}"}

    def manifest(self, content: bytes, tags: Sequence[str]) -> None:
        """Store a manifest and name it."""
        digest = self._blob(content)
        manifests = self._repository / "_manifests"
        _link(manifests / "revisions/sha256" / digest, digest)
        for tag in tags:
            _link(manifests / "tags" / tag / "current", digest)
            _link(manifests / "tags" / tag / "index/sha256" / digest, digest)

    def _blob(self, content: bytes) -> str:
        digest = hashlib.sha256(content).hexdigest()
        folder = self._blobs / digest[:2] / digest
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "data").write_bytes(content)
        return digest


def _link(folder: Path, digest: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "link").write_text(f"sha256:{digest}")


def _member(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    if file is None:
        raise ValueError(f"{name} in the image's archive is no file")
    return file.read()
