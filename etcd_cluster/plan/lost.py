"""Members that are given up: since when, their votes, and packages in the same run. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime

from ..config.settings import Settings
from ..config.values import spelled
from ..state import member as state_member
from .chain import chain, going, has_member, is_one_member, leaving
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


def lost_voters(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> tuple[set[str], set[str]]:
    """Everybody who has a vote, and of these the lost ones: whose entries may still be there."""
    # Who was told of a lost member, and has done what it was told, has seen its entry go.
    gone = {
        name
        for name, since in memory.lost_since.items()
        for each in memory.members.values()
        if state_member.is_told_lost(each.told, name, since)
    } & {member.name for member in settings.lost}
    renamed = set(leaving(settings, memory)) - set(going(settings, observations, memory))
    gone |= renamed
    known = {n: each for n, each in memory.members.items() if not each.given_up and n not in gone}
    voters = {name for name, each in known.items() if each.started}
    voters |= {m.name for m in settings.living if _is_member(observations.get(m.name))}
    hosts = {
        spelled(each.host) for n, each in memory.members.items() if n in renamed and each.started
    }
    voters |= {m.name for m in settings.living if spelled(m.host) in hosts}
    dead: dict[str, KnownMember] = {}
    for name in [member.name for member in settings.lost if member.name in voters]:
        each = memory.members[name]
        if any(is_one_member(each, other) for other in dead.values()):
            voters.discard(name)  # of a rename that was cut off the state has both names
        else:
            dead[name] = each
    return voters, set(dead)


def _is_member(seen: Observation | None) -> bool:
    return bool(seen and seen.fact("formed") and has_member(seen))


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
