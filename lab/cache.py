"""Folders that are made once per content and then shared by all checkouts of this machine."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from lab.gobuild import locked
from lab.progress import step


def kept(
    cache: Path, kind: str, digest: str, text: str, make: Callable[[Path], None], mode: int = 0o755
) -> Path:
    """Return the folder of this kind and digest in `cache`, after making it if it is not there.

    It gets its name when it is complete, so a build that was killed leaves nothing that looks
    finished; what it does leave, the next build of that kind removes.
    """
    target = cache / f"{kind}-{digest}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f".{kind}.lock", kind):
        if target.is_dir():
            return target
        for leftover in cache.glob(f".{kind}.unfinished-*"):
            shutil.rmtree(leftover)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{kind}.unfinished-", dir=cache))
        try:
            with step(text):
                make(unfinished)
            unfinished.chmod(mode)
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return target


def digest_of(parts: Iterable[str]) -> str:
    """Return a short digest of these texts and of where each one ends."""
    total = hashlib.sha256()
    for part in parts:
        content = part.encode()
        total.update(len(content).to_bytes(4, "big") + content)
    return total.hexdigest()[:16]


def file_digest(path: Path) -> str:
    """Return the digest of a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
