"""What a run does, as it was decided. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .before import Before
from .chain import Chain
from .drift import Area
from .memory import KnownHost, StackMemory
from .restore import Restoring


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Decisions for one run.

    formed: a cluster exists (or may exist): members only join, and everything that can disturb
    one is done member by member, in the order of `chain`. drift: per member and area, why its
    command has to run again. addresses: those in each member's certificates. former_hosts: by
    member, former hosts that still answer and have to be cleared. downgrade: the minor of etcd
    that the cluster has to be told of before its members go back to it, and when that was asked
    for: `3.5 (asked 2026-11-28T18:50:00+00:00)`. adopting: members of a cluster that this run
    takes over; nothing that runs is touched in it then. restoring: the cluster starts anew, on all
    hosts at once. before: the backup that is made before anything changes. backup: what is known of
    the newest one. revision: one that the cluster has passed when this run has ended, in whole
    billions. information: what a preview says where there is nothing to warn of.
    """

    formed: bool
    drift: Mapping[tuple[str, Area], str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    chain: Chain = field(default_factory=Chain)
    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    former_hosts: Mapping[str, tuple[KnownHost, ...]] = field(default_factory=dict)
    downgrade: str = ""
    adopting: frozenset[str] = frozenset()
    restoring: Restoring | None = None
    before: Before | None = None
    backup: Mapping[str, str | int] | None = None
    revision: int = 0
    information: tuple[str, ...] = ()
    memory: StackMemory = field(default_factory=StackMemory)

    def why(self, member: str, area: Area) -> str:
        """The reason to run this command again, or an empty string."""
        return self.drift.get((member, area), "")
