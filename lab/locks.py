"""Locks between processes of this machine; the kernel drops one when its holder ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.progress import say


@contextmanager
def locked(path: Path, holder: str) -> Iterator[None]:
    """Hold the lock of this file; `holder` tells a person who waits what the other one does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"• waiting: {holder} …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
