"""What the tests of packages share: a desired state, and the folder of a run."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from .complaints import URL

INTERNAL, REFUSED, LATER = 1, 4, 5
STATE = {
    "kubernetes-version": "v1.35.4",
    "runtime-package": "containerd",
    "runtime-version": "any",
    "etcdctl-version": "3.6.6",
    "etcdctl-url": "https://mirror.example.com/etcd",
    "repository.kubernetes.url": URL,
}


def state(changes: Mapping[str, str] | None = None) -> str:
    """The desired state, with changes, as bash that sets it; an empty value takes a key out."""
    wanted = {key: value for key, value in (STATE | dict(changes or {})).items() if value}
    return " ".join(f"S[{key}]={shlex.quote(value)}" for key, value in wanted.items()) + "; "


def work(folder: Path, **files: str) -> str:
    """The temporary folder of a run, with files, as bash that names it."""
    for name, content in files.items():
        (folder / name.replace("_", ".")).write_text(content)
    return f"WORK={folder}; "
