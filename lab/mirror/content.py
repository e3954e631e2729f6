"""The content of one mirror, built once per content and shared by all checkouts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MirrorSet = Literal["dev", "seed"]
SETS: tuple[MirrorSet, ...] = ("dev", "seed")
"""`dev` has the versions that `make up` runs; `seed` has those and the manual procedure's."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """One mirror's files. They are shared between checkouts: serve them, never change them."""

    www: Path
    """The tree for a plain HTTP server."""
    registry: Path
    """A docker-registry's `storage.filesystem.rootdirectory`, to be served read-only."""
    signing_key: Path
    """The armored public key that signed every repository."""


def content(which: MirrorSet = "dev") -> Content:
    """Return a mirror's files, after building what of them is not in the cache."""
    raise NotImplementedError(which)


def docker_registry() -> Path:
    """Return the program docker-registry.

    It comes out of Debian's package without that being installed: installed, it starts a registry
    of its own on port 5000, at every boot.
    """
    raise NotImplementedError
