"""Disks of members: one that nobody can write to, that is not mounted, or nearly full. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from ..config.sections import MemberEntry
from ..config.settings import Settings
from ..state import member as state_member
from . import drift
from .chain import has_member
from .memory import StackMemory
from .probe import Observation

LEAST_FREE_MIB = 256
"""etcd allocates 64 MiB for each file of its log, and writes raft snapshots besides."""


def judge(
    settings: Settings,
    own: Mapping[str, Observation],
    memory: StackMemory,
    anew: drift.Drift,
    program_digest: str,
    faults: list[str],
    warnings: list[str],
) -> None:
    """Adds to both what is wrong. A fault holds up the repair of the other members, too: so a disk
    that nobody can write to, or that is missing, is one only where this run would change something
    on its host. anew: what a restore has to do, whatever is set.
    """
    busy = {name for name, _ in anew | drift.claimed(settings, own, memory)}
    for entry in settings.living:
        seen = own.get(entry.name)
        if seen is None or not seen.seen or seen.fact("foreign"):
            continue
        label = f"{entry.name} ({entry.host})"
        stuck, missing = seen.fact("read-only"), seen.fact("unmounted")
        changes = bool(stuck or missing) and (
            entry.name in busy or _would_change(settings, entry, seen, memory, program_digest)
        )
        if stuck:
            text = f"{label}: cannot be written to: {stuck}. "
            mend = "See dmesg on the host, repair that disk and mount it for writing"
            if changes:
                text += f"This run changes something there, and would fail half way. {mend}"
                faults.append(f"{text}; or {_without_it(entry, memory)}")
            else:
                warnings.append(f"{text}Its etcd, once it stops, may not start again. {mend}")
        if missing and changes:
            faults.append(f"{label}: {missing}; or {_without_it(entry, memory)}")
        elif missing:
            warnings.append(f"{label}: {missing}")
        full = seen.fact("full")
        if full and has_member(seen):  # (No fault: most of what a run does there needs less.)
            warnings.append(
                f"{label}: too little room: {full}. Its etcd, once it stops, may not start again, "
                "so `pulumi up` refuses to restart it. Make room there"
            )
        free = seen.fact("disk-free-mib")
        if not has_member(seen) or not seen.fact("formed") or not free:
            continue
        if not free.isdecimal():
            warnings.append(
                f"{label}: how much is free on the disk of /var/lib/etcd is not known. Check that "
                "`df -Pm /var/lib/etcd` works on the host"
            )
        elif int(free) < LEAST_FREE_MIB:
            warnings.append(
                f"{label}: {free} MiB free on the disk of /var/lib/etcd, less than "
                f"{LEAST_FREE_MIB} MiB. etcd ends when it cannot write its log. Free some space, "
                "or enlarge the disk"
            )


def _without_it(entry: MemberEntry, memory: StackMemory) -> str:
    """How the others get on without this host."""
    known = memory.members.get(entry.name)
    if memory.cluster_id and known is not None and known.started:
        return "give the member up (lost: true)"
    return "take it out of members, or give it another host"


def _would_change(
    settings: Settings,
    entry: MemberEntry,
    seen: Observation,
    memory: StackMemory,
    program_digest: str,
) -> bool:
    """Whether a command on this host has something to do, as far as that is known here."""
    known = memory.members.get(entry.name)
    if known is None or not known.told:
        return True
    wanted = state_member.member_state(settings, entry, memory.token, memory.lost_since)
    if state_member.as_told(wanted, known.told) != dict(known.told):
        return True
    one = {entry.name: seen}
    return settings.drift_detection and bool(drift.drift(settings, one, program_digest, memory))
