"""Keys and files that a configuration names."""

from __future__ import annotations

from pathlib import Path

import asyncssh
import pytest

from .files import HOSTS, pin, public


@pytest.fixture(scope="module")
def keys() -> dict[str, asyncssh.SSHKey]:
    """A key of each kind; they belong to nobody."""
    return {kind: asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ssh-rsa")}


@pytest.fixture
def ed25519(keys: dict[str, asyncssh.SSHKey]) -> asyncssh.SSHKey:
    """The key that most tests use, for the user and for every host."""
    return keys["ssh-ed25519"]


@pytest.fixture
def folder(tmp_path: Path, ed25519: asyncssh.SSHKey) -> Path:
    """A folder with both files as the least configuration names them."""
    (tmp_path / "id_ed25519").write_bytes(ed25519.export_private_key())
    pin(tmp_path, [f"{host} {public(ed25519)}" for host in HOSTS])
    return tmp_path
