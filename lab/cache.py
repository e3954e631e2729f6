"""Folders that are made once per content and then shared by all checkouts of this machine."""

from __future__ import annotations

import ast
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from lab.locks import locked
from lab.progress import step


def cache_root() -> Path:
    """Return the folder, outside the tree, under which everything built is kept."""
    if explicit := os.environ.get("ETCD_LAB_CACHE"):
        return Path(explicit).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "etcd-cluster"


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
    with locked(cache / f".{kind}.lock", f"another process makes {kind}"):
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


def code_digest(path: Path) -> str:
    """Return the digest of what a Python module does.

    Comments, docstrings, layout and where it imports from do not count: they change nothing that
    is made, and making it again takes minutes.
    """
    module = ast.parse(path.read_bytes())
    for node in list(ast.walk(module)):
        for field, value in ast.iter_fields(node):
            if isinstance(value, list):
                setattr(node, field, [each for each in value if not _says_nothing(each)])
    return hashlib.sha256(ast.dump(module).encode()).hexdigest()


def _says_nothing(node: object) -> bool:
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Import | ast.ImportFrom)
