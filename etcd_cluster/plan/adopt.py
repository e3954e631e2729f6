"""Taking over a cluster that this stack did not make: what has to be true of it first. Pure.

The first `up` remembers the members, and touches nothing that runs; what differs from the
configuration is drift then, and the next `up` rolls it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from ..config.sections import MemberEntry
from ..config.settings import Settings
from ..state import member as state_member
from . import adoptable
from .memory import StackMemory
from .probe import Observation
from .theirs import forsaken

GUIDE = adoptable.GUIDE
# What is in use on a host of theirs is what is to be taken over.
_IN_USE = ("foreign", "ports-used", "kubelet-user", "data-free-mib")


@dataclass(frozen=True, kw_only=True)
class Adoption:
    """What a run takes over.

    pending: members that are taken over in this run; nothing else is done in it. observations:
    as they were given, but what is taken over is nobody else's any more.
    """

    observations: Mapping[str, Observation]
    pending: frozenset[str] = frozenset()
    faults: tuple[str, ...] = ()


def adoption(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Adoption:
    """What `adopt` means for this run: nothing without it, or where all has been taken over."""
    observations = {name: _as_adopted(seen, memory) for name, seen in observations.items()}
    wanted = settings.adopt
    if not wanted:
        return Adoption(observations=observations)
    if memory.cluster_id not in ("", wanted):
        return Adoption(
            observations=observations,
            faults=(
                f"adopt: {wanted!r} is another cluster than this stack's, {memory.cluster_id}; a "
                "stack has one cluster. Remove adopt, or use a new stack",
            ),
        )
    entries = {entry.name: entry for entry in settings.living if entry.name in observations}
    pending = {name for name in entries if _is_pending(name, observations[name], memory)}
    if memory.cluster_id and not pending:
        return Adoption(observations=observations)
    theirs = {name for name in pending if observations[name].fact("foreign")}
    faults: list[str] = []
    for name, entry in entries.items():
        seen = observations[name]
        if name in theirs:
            found = adoptable.faults(settings, entry, seen, memory)
        else:
            found = _other_host(settings, name, seen, pending)
        faults += [f"{name} ({entry.host}): {fault}" for fault in found]
    faults += _membership(settings, {name: observations[name] for name in sorted(theirs)})
    taken = {name: _taken(observations[name]) for name in theirs}
    return Adoption(
        observations={**observations, **taken},
        pending=frozenset(pending),
        faults=tuple(dict.fromkeys(faults)),
    )


def _is_pending(name: str, seen: Observation, memory: StackMemory) -> bool:
    """Whether this host is to be taken over, or was in a run that was cut off after it.

    A host that the stack knows and that belongs to another one by now is none: then it is this
    stack's state that is an old one.
    """
    known = memory.members.get(name)
    if seen.fact("foreign"):
        return "adopt-why" in seen.facts and (known is None or not seen.fact("owner"))
    return bool(seen.fact("adopted")) and not (known and known.started)


def _taken(seen: Observation) -> Observation:
    return replace(seen, facts={k: v for k, v in seen.facts.items() if k not in _IN_USE})


def _as_adopted(seen: Observation, memory: StackMemory) -> Observation:
    """As it is, but of the CAs that a member trusts whose turn has not come those that this stack
    knows: it may trust one more, if its former stack was about to change CAs.
    """
    if "adopt-flags" not in seen.facts:
        return seen
    known = {each.fingerprint for each in memory.authorities.values()}
    trusts = " ".join(each for each in seen.fact("trusts").split() if each in known)
    return replace(seen, facts={**seen.facts, "trusts": trusts or seen.fact("trusts")})


def _other_host(
    settings: Settings, name: str, seen: Observation, pending: set[str]
) -> Iterator[str]:
    """A host that is not somebody else's, in a run that takes over the others."""
    if not seen.seen:
        yield (
            f"unreachable ({seen.why_not}), and a cluster is adopted while "
            f"all its members answer. Start it. {GUIDE}"
        )
    elif seen.fact("foreign"):
        return  # it is told whose it is
    elif name not in pending and seen.fact("formed") != settings.adopt:
        yield (
            f"holds no member of the cluster {settings.adopt}, which adopt names; a cluster is "
            f"adopted with its own members, and others are added after that. {GUIDE}"
        )


def _membership(settings: Settings, theirs: Mapping[str, Observation]) -> Iterator[str]:
    """Whether the declared members and the cluster's are the same, and each is well.

    Each host has asked for itself, and may have had another answer.
    """
    for seen in theirs.values():
        text = seen.fact("adopt-members")
        if not text or seen.fact("adopt-cluster") != settings.adopt:
            continue
        rows = [row.split(",") for row in text.split()]
        there = {row[1]: row for row in rows if len(row) == 5}
        if len(there) != len(rows):
            yield f"adopt: the member list of {settings.adopt} could not be read: {text}"
            continue
        declared = {entry.name: entry for entry in settings.members}
        for name in sorted(set(there) - set(declared)):
            yield (
                f"members: the cluster has a member {name} at {there[name][2]} that is not "
                "declared; add it, or remove it from the cluster first (etcdctl member remove "
                f"{there[name][0]})"
            )
        for name in sorted(set(declared) - set(there)):
            yield (
                f"members: {name} is not a member of cluster {settings.adopt}, whose members are "
                f"{', '.join(sorted(there))}; add it after the cluster was adopted"
            )
        asked = seen.fact("adopt-auth") == "false"  # else it may have refused to say
        serving = seen.fact("adopt-serving").split() if asked else [row[0] for row in rows]
        for name in sorted(set(there) & set(declared)):
            yield from _entry(declared[name], there[name], serving)


def _entry(entry: MemberEntry, row: list[str], serving: list[str]) -> Iterator[str]:
    label = f"{entry.name} ({entry.host})"
    number, _, peer, _, learner = row
    if peer != state_member.peer_url(entry):
        yield (
            f"{label}: the cluster has it at {peer}, and members[].address gives "
            f"{state_member.peer_url(entry)}; correct the address, or tell the cluster: etcdctl "
            f"member update {number} --peer-urls=…"
        )
    if learner == "true":
        yield f"{label}: is a learner; promote it first (etcdctl member promote {number})"
    elif number not in serving:
        yield (
            f"{label}: is not healthy, and a cluster is adopted while all its members are. Bring "
            "it back, or remove it from the cluster and from members"
        )


def hint(settings: Settings, seen: Observation) -> str:
    """The way to take over a host that is refused as somebody else's; empty where there is none."""
    foreign = seen.fact("foreign")
    if settings.adopt:
        return ""
    if "holds an etcd that this stack did not make" in foreign:
        return "; or adopt its cluster: docs/runbooks/adopt.md"
    if "this host belongs to member" in foreign and seen.fact("formed"):
        return (
            f". If the state cannot be restored, adopt: '{seen.fact('formed')}' takes the cluster "
            "over"
        )
    return ""


def announcement(settings: Settings) -> str:
    """What a run does that takes over a cluster."""
    return (
        f"adopt: `pulumi up` takes over the cluster {settings.adopt} as it is: it restarts "
        "nothing, and changes no package, certificate or setting. The next preview then shows what "
        "differs from the configuration, and the next `pulumi up` changes it, member by member"
    )


def warnings(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """Private keys of a CA that lie on hosts; and what ends with the roll: pods and settings of a
    kubelet that runs more than etcd, and the trust in further CAs.
    """
    for member in settings.living:
        seen = observations.get(member.name)
        if seen and seen.fact("ca-keys"):
            yield (
                f"{member.name} ({member.host}): a CA's private key is on this host: "
                f"{', '.join(seen.fact('ca-keys').split())}. Anyone who reads it can issue a "
                "client or member certificate. Keep a copy with your secrets, and delete it here"
            )
        if seen and seen.fact("adopt-manifests"):
            yield (
                f"{member.name} ({member.host}): its kubelet also runs other files in "
                f"/etc/kubernetes/manifests: {seen.fact('adopt-manifests')}. The rolling restart "
                "moves them to /etc/kubernetes/manifests.aside, which stops their pods. Run what "
                f"is still needed on another host first. {GUIDE}"
            )
        if seen and seen.fact("adopt-dropins"):
            yield (
                f"{member.name} ({member.host}): the rolling restart moves these drop-ins of its "
                f"kubelet aside: {seen.fact('adopt-dropins')}. {GUIDE}"
            )
        others = forsaken(settings, seen, memory) if seen else []
        if others:
            yield (
                f"{member.name} ({member.host}): its etcd currently also trusts CA "
                f"{', CA '.join(others)}; after the rolling restart it will not, and clients with "
                f"certificates of that CA will be refused. Give them new ones first. {GUIDE}"
            )
