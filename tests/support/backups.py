"""A stack's state, copied and put back: what a person does with a file backend."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.stack import Stack


def backup(stack: Stack, folder: Path) -> Path:
    """A copy of the backend's folder."""
    return Path(shutil.copytree(stack.folder / "backend", folder))


def put_back(stack: Stack, folder: Path) -> None:
    """The backend's folder as it was."""
    shutil.rmtree(stack.folder / "backend")
    shutil.copytree(folder, stack.folder / "backend")
