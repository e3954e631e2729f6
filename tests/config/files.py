"""Files that a configuration names, and what is read from them."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path

import asyncssh
import pytest

from etcd_cluster.config import credentials
from etcd_cluster.config.credentials import Access
from etcd_cluster.config.settings import Settings
from etcd_cluster.errors import ConfigurationError
from tests.support.samples import members

HOSTS = [member["address"] for member in members()]


def public(key: asyncssh.SSHKey) -> str:
    """`type base64`, as in a known_hosts line."""
    return " ".join(key.export_public_key().decode().split()[:2])


def pin(folder: Path, lines: Sequence[str]) -> None:
    """Writes the known_hosts file."""
    (folder / "known_hosts").write_text("".join(f"{line}\n" for line in lines))


def hashed(host: str) -> str:
    """A host as ssh's HashKnownHosts writes it."""
    salt = hashlib.sha1(host.encode()).digest()
    name = hmac.new(salt, host.encode(), hashlib.sha1).digest()
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in (salt, name))


def resolve(wanted: Settings, folder: Path) -> Access:
    """The key material; raises with every fault."""
    found: list[str] = []
    access = credentials.read(wanted, folder, found)
    if found:
        raise ConfigurationError(found)
    return access


def faults(wanted: Settings, folder: Path) -> tuple[str, ...]:
    """Every fault of the key material."""
    with pytest.raises(ConfigurationError) as caught:
        resolve(wanted, folder)
    return caught.value.faults
