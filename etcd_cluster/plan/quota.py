"""A quota that is to be lowered below the databases, or raised beyond the disks. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..config.settings import Settings
from .chain import has_member
from .memory import KnownMember, StackMemory
from .preflight import BESIDE_DATABASE_MIB
from .probe import Observation

NO_QUOTA = 2**62
"""More than any."""


def faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """One member whose database reaches its quota has all of them refuse writes. It is the size of
    the file that etcd compares: nothing is defragmented before the members restart. (A quota that
    stays as it is refuses nothing, however full they are.)
    """
    wanted = settings.etcd.quota_backend_bytes
    largest, now, who, unknown = 0, 0, "", []
    for member in settings.living:
        seen, known = observations.get(member.name), memory.members.get(member.name)
        if seen is None or not seen.seen or not has_member(seen):
            continue
        has = _has(seen, known)
        endless = has.startswith("-")  # --quota-backend-bytes of an adopted one
        if not endless and (not has.isdecimal() or int(has) <= wanted):
            continue
        now = max(now, NO_QUOTA if endless else int(has))
        size, label = seen.fact("db-bytes"), f"{member.name} ({member.host})"
        if not size.isdecimal():
            unknown.append(label)
        elif int(size) > largest:
            largest, who = int(size), label
    if largest * 10 >= wanted * 9:
        yield (
            f"etcd.quotaBackendBytes would be lowered from {_text(now)} to {wanted}, but the "
            f"database of {who} has {largest} bytes. Databases have to stay below nine tenths of "
            "the quota, as the whole cluster rejects writes once one reaches it. Set it to at "
            f"least {min(largest * 10 // 9 + 1, now)}; or compact and defragment first: "
            "docs/runbooks/nospace.md"
        )
    elif unknown:
        yield (
            f"etcd.quotaBackendBytes would be lowered from {_text(now)} to {wanted}, and the size "
            f"of the database is not known of {', '.join(unknown)}. Set it back, bring these "
            "members back with `pulumi up`, then lower it"
        )


def room_faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """Members whose quota this run would raise beyond what their disks can hold: etcd ends where
    its disk is full, while a quota only stops writes. (One that stays as it is holds up no repair.)
    """
    wanted = settings.etcd.quota_backend_bytes
    needed = wanted // 2**20 + BESIDE_DATABASE_MIB
    for member in settings.living:
        seen, known = observations.get(member.name), memory.members.get(member.name)
        if seen is None or not seen.seen or not has_member(seen):
            continue
        has = _has(seen, known)
        if not has.isdecimal() or int(has) >= wanted:
            continue
        text = (
            f"{member.name} ({member.host}): etcd.quotaBackendBytes would be raised from {has} to "
            f"{wanted}, for which /var/lib/etcd needs {needed} MiB with etcd's logs, "
        )
        free = seen.fact("data-free-mib")
        if not free.isdecimal():
            yield (
                f"{text}and how much room its disk has is not known. Check that `df -Pm "
                "/var/lib/etcd` works on the host, or set the quota back"
            )
        elif int(free) < needed:
            most = max((int(free) - BESIDE_DATABASE_MIB) * 2**20, int(has))
            yield (
                f"{text}and its disk has {free} MiB for it, those included that etcd's data takes "
                f"already. Free some space, or enlarge the disk; or set the quota to at most {most}"
                ", and compact: docs/runbooks/nospace.md"
            )


def _has(seen: Observation, known: KnownMember | None) -> str:
    """The quota that a member has, or was last told; empty where neither is known."""
    return seen.fact("quota-bytes") or (
        known.told.get("arg.quota-backend-bytes", "") if known else ""
    )


def _text(quota: int) -> str:
    return "no quota" if quota == NO_QUOTA else str(quota)
