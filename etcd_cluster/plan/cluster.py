"""Whose cluster it is, and how it is: faults and warnings of a plan. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile

from ..config.settings import Settings
from ..wellknown import RUNTIME_SOCKETS
from . import adopt, protection, quota
from .chain import chain, has_member, is_here, is_same_host, is_stopped, leaving
from .lost import lost_voters
from .memory import StackMemory
from .probe import Observation

STATE_LOST = "If this stack's state was lost or is an old one, see docs/runbooks/lost-state.md"


def identity_faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """Hosts of another stack, of Kubernetes, of nobody known; another cluster than this stack's."""
    yield from foreign_faults(settings, observations)
    yield from _cluster_ids(settings, observations, memory)
    if not memory.cluster_id:
        return
    named = {member.name for member in settings.living}
    known = {name for name, each in memory.members.items() if each.started}
    # (A state of before a restore onto new hosts does not have those that it has started there.)
    if known and not named & known and not is_here(settings, observations, memory):
        yield (
            f"members: none of {', '.join(sorted(named))} is a member of this stack's cluster "
            f"{memory.cluster_id} ({', '.join(sorted(known))}), so its data would be left behind; "
            "keep at least one of them, and replace the others step by step"
        )
        return
    seen_all = [observations.get(name) for name in sorted(named)]
    answered = [seen for seen in seen_all if seen and seen.seen]
    if len(answered) == len(seen_all) and not any(has_member(seen) for seen in answered):
        yield (
            f"members: none of the hosts has data of this stack's cluster {memory.cluster_id}, and "
            "a second, empty cluster is never bootstrapped. Bring a disk back, or restore from a "
            "snapshot: docs/runbooks/lost-quorum.md"
        )


def foreign_faults(settings: Settings, observations: Mapping[str, Observation]) -> Iterator[str]:
    """Hosts that are not this stack's."""
    for member in settings.living:
        seen = observations.get(member.name)
        if seen and seen.fact("foreign"):
            text = f"{seen.fact('foreign')}{adopt.hint(settings, seen)}"
            yield f"{member.name} ({member.host}): {text}"


def _cluster_ids(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    clusters: dict[str, list[str]] = {}
    for name in (member.name for member in settings.living):
        formed = observations[name].fact("formed") if name in observations else ""
        if formed:
            clusters.setdefault(formed, []).append(name)
    if len(clusters) > 1:
        found = "; ".join(f"{', '.join(names)}: {cluster}" for cluster, names in clusters.items())
        yield (
            f"the hosts belong to different formed clusters ({found}); use separate hosts for each "
            "cluster, or run `sudo etcd-host abandon` on a host that is to leave its old one (its "
            "data is moved aside; on a host that was reinstalled: `sudo bash "
            "/run/etcd-host/program abandon`)"
        )
    for cluster, names in clusters.items():
        if len(clusters) == 1 and memory.cluster_id not in ("", cluster):
            yield (
                f"{', '.join(names)}: a member of cluster {cluster}, but this stack's cluster is "
                f"{memory.cluster_id}. {STATE_LOST}"
            )


def change_faults(
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
    *,
    restores: bool = False,
) -> Iterator[str]:
    """Changes of a formed cluster that cannot be carried out as they are. restores: whether this
    run makes another cluster, whose members all start with their new addresses.
    """
    wanted = f"unix://{RUNTIME_SOCKETS[settings.container_runtime]}"
    for member in settings.living:
        seen = observations.get(member.name)
        used = seen.fact("runtime-used") if seen and has_member(seen) else ""
        if used and used != wanted:
            yield (
                f"{member.name} ({member.host}): containerRuntime is {settings.container_runtime}, "
                f"and this member's etcd runs under {used}, which would keep running it, "
                "unmanaged. Set containerRuntime back; for the other runtime "
                "start a new stack on new hosts from a backup (docs/runbooks/restore.md)"
            )
    if not restores:  # (what ends has its size compared where it is restored)
        yield from quota.faults(settings, observations, memory)
        yield from quota.room_faults(settings, observations, memory)
    if not restores and not settings.take_over:  # (the former members can be asked, too)
        yield from _nobody_to_ask(settings, observations, memory)
    for name in leaving(settings, memory):
        seen = observations.get(name)
        if seen is not None and not seen.seen:
            yield (
                f"{name} ({memory.members[name].host}): is to leave the cluster, and its host is "
                f"unreachable: {seen.why_not}. Start it; or give it up: keep "
                "it in members with lost: true, run `pulumi up`, and remove it after that"
            )


def _nobody_to_ask(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """A member without data joins first, and asks the others at the addresses that they are to
    have: one of them at least has to be there already."""
    order = chain(settings, observations, memory)
    seen = {member.name: observations.get(member.name) for member in settings.living}
    there = {name for name, each in seen.items() if each and each.seen and has_member(each)}
    elsewhere = [n for n in order.order if n in order.joining and n in memory.members]
    # (New ones come before everybody else where no more than two stay.)
    first = takewhile(order.joining.__contains__, order.order)
    started = {name for name, known in memory.members.items() if known.started}
    new = [name for name in first if name not in started and not order.stopped]
    coming = [*order.emptied, *(name for name in elsewhere if name in started), *new]
    if not coming or not there or not there <= order.moved:
        return
    if any(each and each.fact("restoring") for each in seen.values()):
        return
    yield (
        f"{', '.join(coming)}: to join on a host without data while every other member "
        f"({', '.join(sorted(there))}) changes its address, so the new member would find nobody. "
        "Change the addresses in one `pulumi up`, and the host in another"
    )


def gone_faults(
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
    *,
    formed: bool,
    restores: bool,
) -> Iterator[str]:
    """Members that leave the configuration, or are given up, and cannot go like that."""
    yield from protection.faults(settings, memory)
    yield from lost_faults(settings, observations, memory, formed=formed, restores=restores)


def lost_faults(
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
    *,
    formed: bool,
    restores: bool,
) -> Iterator[str]:
    """Members that are given up and that nobody could be rid of, as there is nothing to be rid of,
    or nobody who could. restores: whether this run makes another cluster, or goes on with that.
    """
    for member in settings.lost:
        if not formed:
            yield (
                f"{member.name}: lost is true, but no cluster has been formed yet; give the "
                "member another host (address), or remove it from members"
            )
        elif member.name not in memory.members:
            yield (
                f"{member.name}: lost is true, and this stack has no such member; remove it from "
                "members"
            )
    if not formed or restores or settings.take_over:  # (the former members vote there, too)
        return
    voters, dead = lost_voters(settings, observations, memory)
    left, needed = len(voters - dead), len(voters) // 2 + 1
    if dead and left < needed:
        yield (
            f"members: with {', '.join(sorted(dead))} given up (lost: true) {left} of "
            f"{len(voters)} members would be left, and a quorum, which alone can remove the "
            f"others, needs {needed}. Bring one of them back, or restore: "
            "docs/runbooks/lost-quorum.md"
        )


def warnings(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """What is not well in a formed cluster, and the way out."""
    for member in settings.living:
        seen = observations.get(member.name)
        if seen and seen.seen and has_member(seen):
            yield from (f"{member.name} ({member.host}): {text}" for text in _health(seen))
    yield from _cut_off(settings, observations)
    for name, seen in observations.items():
        member_name, at, host = name.partition("@")
        known, now = memory.members.get(member_name), observations.get(member_name)
        if at and not seen.seen and not is_same_host(known, now, host):
            yield (
                f"{member_name}: its former host {host} is unreachable ({seen.why_not}), so its "
                "kubelet, its data and three private keys of this cluster stay there. Wipe it, at "
                "least /etc/kubernetes/pki/etcd, /etc/kubernetes/etcd-host and "
                "/var/lib/etcd-host, before it is used again"
            )
    for member in settings.lost:
        yield (
            f"{member.name}: given up (lost: true). When the other members have removed its entry, "
            "remove it from members, or give it a new host; wipe the old one before it is used "
            "again"
        )


def _cut_off(settings: Settings, observations: Mapping[str, Observation]) -> Iterator[str]:
    """Healthy members without a connection to each other: through a third one both may serve."""
    well = [
        (member.name, observations[member.name])
        for member in settings.living
        if member.name in observations and observations[member.name].fact("healthy") == "yes"
    ]
    for name, seen in well:
        peers = seen.fact("active-peers").split()
        for other, its in well:
            peer = its.fact("member-id")
            if other != name and peer and peers and peer not in peers:
                yield (
                    f"{name}: its etcd has no connection to {other}. Check that the members reach "
                    "each other on TCP 2380, in both directions: while another member leads, both "
                    "serve; when that one stops, there may be no quorum"
                )


def _health(seen: Observation) -> Iterator[str]:
    health = seen.fact("health")
    used, quota = seen.fact("db-bytes"), seen.fact("quota-bytes")
    if "CORRUPT" in health:
        yield (
            "its database is damaged (alarm CORRUPT). Replace its data from the healthy members: "
            "docs/runbooks/damaged-member.md"
        )
    elif "NOSPACE" in health:
        yield (
            f"out of space (alarm NOSPACE): the database has {used or '?'} of {quota or '?'} "
            "bytes, and writes fail. Raise etcd.quotaBackendBytes, or compact: "
            "docs/runbooks/nospace.md. `pulumi up` defragments, and clears the alarm once there "
            "is room"
        )
    elif is_stopped(seen):
        yield "its etcd does not run; `pulumi up` starts it"
    elif seen.fact("healthy") != "yes":
        reason = health.partition(" ")[2] or "it does not answer on 127.0.0.1:2381"
        yield f"its etcd is running but not healthy: {reason}. See docs/runbooks/damaged-member.md"
    if seen.fact("learner") == "yes":
        yield "still a learner, without a vote; `pulumi up` promotes it"
