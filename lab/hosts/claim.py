"""Whose lab it is: one checkout's at a time, and one command's at a time."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from lab.errors import LabError
from lab.hosts import cgroups
from lab.hosts.keys import Keys
from lab.instance import Instance
from lab.locks import locked


class Claim:
    """A checkout's claim to a lab, written in the lab's folder."""

    def __init__(self, lab: Instance, keys: Keys) -> None:
        self._lab = lab
        self._keys = keys
        self._mark = lab.folder / "owner"

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other commands from changing this lab meanwhile."""
        with locked(self._lab.lock, f"another command changes the lab {self._lab.name}"):
            yield

    def living_owner(self) -> Path | None:
        """Return the key folder of another checkout that this lab is alive for, if it is."""
        if not self._mark.exists() or not cgroups.processes(self._lab.name):
            return None
        other = Path(self._mark.read_text().splitlines()[0])
        return other if other != self._keys.folder and other.exists() else None

    def take(self, clear: Callable[[], None]) -> None:
        """Make this lab this checkout's: leftovers of another go, a living one is not touched."""
        mine = f"{self._keys.folder}\n{self._keys.authorized}"
        if self._mark.exists() and self._mark.read_text() == mine:
            return
        other = self.living_owner()
        if other is not None:
            raise LabError(
                f"The lab {self._lab.name} runs for {other}; take it down with `python -m lab "
                f"down --anyones`, or set ETCD_LAB_INSTANCE to 1 or more for another lab."
            )
        clear()
        self._lab.folder.mkdir(parents=True, exist_ok=True)
        self._mark.write_text(mine)
