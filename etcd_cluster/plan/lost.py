"""Members that are given up: since when, and in the same run as packages change. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ..config.settings import Settings
from .chain import chain
from .cluster import lost_voters
from .memory import KnownMember, StackMemory
from .probe import Observation


def with_times(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> StackMemory:
    """The memory; each lost member in it has a time: the state's, or of this run where it is lost
    anew, so that what the others did about it before does not count.

    The state has none once a run has begun in which it was not lost, however that one ended.
    """
    read = max((seen.at for seen in observations.values()), default="")
    now = read or datetime.now(UTC).isoformat(timespec="seconds")  # no host was read, or answered
    members = dict(memory.members)
    for entry in settings.lost:
        known = members.get(entry.name)
        if known and not known.lost_since:
            members[entry.name] = replace(known, lost_since=now)
    return replace(memory, members=members)


def packages_faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """That the cluster could spare nobody for new packages while it counts those given up.

    Packages are installed before a member has its turn, and it is in the first turn that the
    entries go. So nothing is said where somebody has that turn on a host that nobody misses, or has
    its packages already, as in the middle of a roll. With fewer than three left it is no help to
    give them up first.
    """
    changing = _changing(settings, memory, *(member.name for member in settings.living))
    voters, dead = lost_voters(settings, observations, memory)
    left, needed = len(voters - dead), len(voters) // 2 + 1
    if not changing or not dead or left < 3 or left - 1 >= needed:
        return
    order = chain(settings, observations, memory)
    if order.stopped or order.emptied or not order.order or order.order[0] in order.joining:
        return
    first = order.order[0]
    if not _changing(settings, memory, first):
        return
    yield (
        f"members: {', '.join(sorted(dead))} given up (lost: true), and {changing} changes in the "
        f"same run. Packages are installed before the entries of members are removed, and until "
        f"then the cluster counts {len(voters)} members, of which {left} are left and {needed} "
        f"are needed: it could spare none. Set {changing} back, run `pulumi up`, then change it. "
        "See docs/runbooks/dead-host.md"
    )


def _changing(settings: Settings, memory: StackMemory, *names: str) -> str:
    """The key by which these members' packages change, as far as the stack knows; or nothing."""
    if settings.install != "packages" or settings.take_over:
        return ""
    known = [each for name, each in memory.members.items() if name in names and each.started]
    if any(_differs(each, "kubernetes-version", settings.kubernetes_version) for each in known):
        return "kubernetesVersion"
    wanted = settings.etcd_image_tag
    if settings.repositories.etcd and any(_differs(each, "image-tag", wanted) for each in known):
        return "etcd.imageTag"
    return ""


def _differs(known: KnownMember, key: str, wanted: str) -> bool:
    return known.told.get(key, wanted) != wanted
