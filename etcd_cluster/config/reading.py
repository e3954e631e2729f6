"""Reads a configuration and the files that it refers to, in one step. No network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import ConfigurationError
from . import authority, credentials, settings, trust
from .authority import GivenAuthority
from .credentials import Access
from .hosts import HostSettings
from .settings import Settings
from .trust import Sources

S = TypeVar("S", bound=HostSettings)


@dataclass(frozen=True, kw_only=True)
class Configuration(Generic[S]):
    """The settings, the SSH credentials (access), the keys that hosts trust (sources), and the CA
    that was made elsewhere, if there is one (authority).
    """

    settings: S
    access: Access
    sources: Sources
    authority: GivenAuthority | None = None


def read(model: type[S], raw: Mapping[str, str], folder: Path) -> Configuration[S]:
    """The settings, as read by `settings.load_as`, and the contents of the files they refer to.

    folder: what relative paths are relative to.
    Raises ConfigurationError with every fault of the settings or, if they are valid, with every
    fault of the files.
    """
    wanted = settings.load_as(model, raw)
    faults: list[str] = []
    access = credentials.read(wanted, folder, faults)
    backup = wanted.backup if isinstance(wanted, Settings) else None
    sources = trust.read(wanted.repositories, wanted.registry, folder, faults, backup)
    given = None
    if isinstance(wanted, Settings):
        given = authority.read(wanted.certificates, folder, faults)
    if faults:
        raise ConfigurationError(faults)
    return Configuration(settings=wanted, access=access, sources=sources, authority=given)
