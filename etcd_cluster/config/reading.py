"""A configuration and all that the files it names hold, in one step. Dials nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from ..errors import ConfigurationError
from . import credentials, settings, trust
from .credentials import Access
from .hosts import HostSettings
from .trust import Sources

S = TypeVar("S", bound=HostSettings)


@dataclass(frozen=True, kw_only=True)
class Configuration(Generic[S]):
    """What is wanted (settings), how hosts are reached (access), whom they trust (sources)."""

    settings: S
    access: Access
    sources: Sources


def read(model: type[S], raw: Mapping[str, str], folder: Path) -> Configuration[S]:
    """The settings, as `settings.load_as` reads them, and what the files they name hold.

    folder: where relative paths start.
    Raises ConfigurationError with every fault of the settings; where there is none, with every
    fault of the files.
    """
    wanted = settings.load_as(model, raw)
    faults: list[str] = []
    access = credentials.read(wanted, folder, faults)
    sources = trust.read(wanted.repositories, wanted.registry, folder, faults)
    if faults:
        raise ConfigurationError(faults)
    return Configuration(settings=wanted, access=access, sources=sources)
