"""Container images from plain programs, as archives for a runtime: same input, same bytes."""

from __future__ import annotations

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
PAUSE_SOURCE = Path(__file__).parent / "pause.c"
"""The program of the pause image."""
_FOLDERS = ("etc", "tmp", "usr", "usr/local", "usr/local/bin", "var")


def write_image(
    archive: Path, reference: str, programs: Mapping[str, Path], entrypoint: Sequence[str] = ()
) -> None:
    """Write a one-layer image (docker-archive) that holds `programs` in /usr/local/bin.

    No clock, user or order of a file system gets in, so an image has the same digest everywhere.
    """
    layer = _layer(programs)
    layer_digest = hashlib.sha256(layer).hexdigest()
    machine = platform.machine()
    config = _json(
        {
            "architecture": _ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {
                "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
                "Entrypoint": list(entrypoint) or None,
            },
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
        }
    )
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    layer_name = f"{layer_digest}/layer.tar"
    manifest = _json([{"Config": config_name, "RepoTags": [reference], "Layers": [layer_name]}])
    with tarfile.open(archive, "w") as tar:
        for name, content in (
            (config_name, config),
            (layer_name, layer),
            ("manifest.json", manifest),
        ):
            _add_file(tar, name, content, 0o644)


def _layer(programs: Mapping[str, Path]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for folder in _FOLDERS:
            entry = tarfile.TarInfo(folder)
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o1777 if folder == "tmp" else 0o755
            tar.addfile(entry)
        for name in sorted(programs):
            _add_file(tar, f"usr/local/bin/{name}", programs[name].read_bytes(), 0o755)
    return buffer.getvalue()


def _add_file(tar: tarfile.TarFile, name: str, content: bytes, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(content)
    entry.mode = mode
    tar.addfile(entry, io.BytesIO(content))


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
