"""How far a restore has come, as the hosts and the stack remember it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace

from ..config.settings import Settings
from . import upgrade
from .memory import StackMemory
from .probe import Observation

GUIDE = "See docs/runbooks/restore.md"
BILLION = 10**9
"""etcd's page on recovery raises revisions by as many."""


def as_of_now(
    observations: Mapping[str, Observation], memory: StackMemory
) -> tuple[dict[str, Observation], StackMemory]:
    """Hosts and stack, as a restore that has begun on some host makes them.

    A host of this stack that has started anew proves what its former cluster has become, and so
    does a state that already has the new one. Without that the stack's memory may be that of
    before, where a run was cut off; and a host that was fenced and has not started yet belongs to
    the new one: its own new data lies beside the old.
    """
    became, done = {}, {}
    for seen in observations.values():
        before, after, restore = restored(seen)
        if after and not seen.fact("foreign"):
            became[before] = done[restore] = after
        if memory.cluster_id and memory.cluster_id == _begun_for(seen):
            done[begun(seen)] = memory.cluster_id
    now = dict(observations)
    for name, seen in observations.items():
        if begun(seen) in done:
            now[name] = replace(seen, facts={**seen.facts, "formed": done[begun(seen)]})
    return now, replace(memory, cluster_id=became.get(memory.cluster_id, memory.cluster_id))


def interrupted_faults(settings: Settings, own: Mapping[str, Observation]) -> Iterator[str]:
    """Hosts that a restore has fenced, which the configuration no longer has. (Where this run
    restores, nobody asks: that restore takes them over.)
    """
    other = "no section restore" if settings.restore is None else "a section restore that is done"
    for member in settings.living:
        seen = own.get(member.name)
        if seen and begun(seen) and not goes_on(seen):
            yield (
                f"{member.name} ({member.host}): a restore was begun here and its etcd was stopped "
                f"for it, but the configuration has {other}. Set that restore's lines again; or "
                f"take it back: `sudo etcd-host restore-cancel` on this host. {GUIDE}"
            )


def version_faults(
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
    waiting: Collection[str],
) -> Iterator[str]:
    """Faults of a change of version while a restore goes on. waiting: members that it has fenced
    and not started anew. Those have no version that could change: they start with the wanted one,
    as the others have. Without a quorum nobody says what the new cluster speaks, and the hosts
    find out whether etcd can read what was restored.
    """
    if waiting and not any(seen.fact("healthy") == "yes" for seen in observations.values()):
        return
    now, wanted = dict(observations), settings.etcd_image_tag
    for name in waiting:
        facts = {"etcd-tag": wanted, "etcd-version": settings.etcd_version}
        now[name] = replace(now[name], facts={**now[name].facts, **facts})
    if waiting:  # what the state has of Kubernetes is of before the restore
        members = {name: replace(each, kubernetes="") for name, each in memory.members.items()}
        memory = replace(memory, members=members)
    yield from upgrade.version_faults(settings, now, memory)


def begun(seen: Observation) -> str:
    """The id of the restore that has fenced this host and not started it anew, or nothing."""
    return seen.fact("restoring").partition(" ")[0]


def _begun_for(seen: Observation) -> str:
    return (seen.fact("restoring").split() + [""] * 4)[3]


def goes_on(seen: Observation) -> bool:
    """Whether the restore that has fenced this host has started anew elsewhere; `as_of_now`."""
    return bool(begun(seen)) and _begun_for(seen) == seen.fact("formed")


def restored(seen: Observation) -> tuple[str, str, str]:
    """Which cluster a host's restore ended, which one it is of now, and which restore that was.

    Empty where it was not restored, or has become a member of yet another one.
    """
    before, _, rest = seen.fact("restored").partition(" ")
    after, _, restore = rest.partition(" ")
    return (before, after, restore) if after and after == seen.fact("formed") else ("", "", "")


def ids(own: Mapping[str, Observation], memory: StackMemory) -> set[str]:
    """The clusters that hosts and stack say they are of."""
    return ({seen.fact("formed") for seen in own.values()} | {memory.cluster_id}) - {""}


def seen_revision(own: Mapping[str, Observation], memory: StackMemory) -> int:
    """A revision that clients of the cluster have seen, in whole billions: 0 below the first. What
    a restore makes has to be above it, or a watch that goes on from there would miss changes.
    """
    told = [seen.fact(name) for seen in own.values() for name in ("revision", "known-revision")]
    known = [int(each) for each in told if each.isdecimal()]
    return max([memory.revision, *known]) // BILLION * BILLION


def results(replaces: str, own: Mapping[str, Observation], memory: StackMemory) -> set[str]:
    """The clusters that came of replacing this one, as hosts and stack know them."""
    found = {after for before, after, _ in map(restored, own.values()) if before == replaces}
    return (found | {memory.restored.get(replaces, "")}) - {""}
