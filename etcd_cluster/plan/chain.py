"""Who is done when: the order in which the members of a formed cluster are changed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..config.sections import MemberEntry
from ..config.settings import Settings
from ..config.values import spelled
from ..state import member as state_member
from .endings import has_ended
from .memory import KnownMember, StackMemory
from .probe import Observation

NOT_OBSERVED = Observation(unreachable="the host was not observed")
"""In place of a host that nobody has looked at."""


@dataclass(frozen=True, kw_only=True)
class Chain:
    """The members of a formed cluster, by name and by what becomes of them.

    stopped: have their data, and no etcd runs, or one without a quorum: side by side and first of
    all, for nobody can miss them, and there may be no quorum without them. emptied: have lost
    their data and come back through the quorum, side by side (etcd takes one learner at a time),
    before anybody else is touched. beside: running members that are not healthy, side by side with
    the emptied ones: etcd takes no learner while it misses a voter, so none of those would come
    back before these. order: one after the other; where nobody was emptied, those that are not
    healthy first, then those that go to another machine and still serve on the former one, which
    goes before they join; leader last of those that answer, so that the leadership moves once, to
    one that is done; then those that join, then those that do not answer, which stop nobody behind
    them. Those that join come first of all where no more than two voters stay, of which none could
    be spared. An emptied member for which there are no certificates comes behind them: it has to
    wait for another CA, which the others are to trust first.
    joining: of these, those whose hosts have no member yet, and can be prepared at once.
    moved: of these, those with a new address: each has to have certificates for it before the
    first moves. ended: of these, those whose certificates have ended: each has to have new ones
    before anybody's turn, also of those that are stopped or emptied, for nobody can ask it before.
    """

    stopped: tuple[str, ...] = ()
    emptied: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    order: tuple[str, ...] = ()
    joining: frozenset[str] = frozenset()
    moved: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()


def chain(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Chain:
    """The order for this run, from what the hosts say and what the stack knows."""
    found = _one_by_one(settings, observations, memory)
    if not found.emptied:
        return found
    apart = found.moved | found.ended  # these get their certificates before anybody's turn
    beside = [
        name
        for name in found.order
        if name not in apart and _is_missed(settings, observations.get(name, NOT_OBSERVED))
    ]
    order = tuple(name for name in found.order if name not in beside)
    return replace(found, beside=tuple(beside), order=order)


def _is_missed(settings: Settings, seen: Observation) -> bool:
    """Whether a member runs that is not healthy, so that the others may have no connection to it,
    and that its turn may repair. A damaged one is connected, and its turn ends the run, as does
    that of one for which there are no certificates: with an emptied one not yet back.
    """
    if not has_member(seen) or is_stopped(seen) or seen.fact("healthy") != "no":
        return False
    return "CORRUPT" not in seen.fact("health") and not lacks_certificates(settings, seen)


def _one_by_one(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Chain:
    stopped: list[str] = []
    emptied: list[str] = []
    unhealthy: list[str] = []
    replaced: dict[str, bool] = {}
    followers: list[str] = []
    leaders: list[str] = []
    joining: list[str] = []
    waiting: list[str] = []
    silent: list[str] = []
    for entry in settings.living:
        seen = observations.get(entry.name)
        known = memory.members.get(entry.name)
        if seen is None or not seen.seen:
            silent.append(entry.name)
        elif " joins " in seen.fact("restoring"):  # a survivor's data, when that serves
            emptied.append(entry.name)
        elif seen.fact("restoring"):
            stopped.append(entry.name)
        elif has_member(seen) and is_stopped(seen):
            (waiting if lacks_certificates(settings, seen) else stopped).append(entry.name)
        elif has_member(seen) and seen.fact("healthy") == "no":
            unhealthy.append(entry.name)
        elif has_member(seen):
            (leaders if seen.fact("leader") == "yes" else followers).append(entry.name)
        elif former := _serving_elsewhere(entry.name, known, observations):
            replaced[entry.name] = former.fact("leader") == "yes"
        elif (known and known.started) or seen.fact("formed"):
            (waiting if lacks_certificates(settings, seen) else emptied).append(entry.name)
        else:
            joining.append(entry.name)
    # Those that answer through a quorum, and those that may: too few for one without the others.
    well = len(followers) + len(leaders) + len(silent) + len(replaced)
    if well < (len(settings.living) - len(joining)) // 2 + 1:
        stopped, unhealthy = [*stopped, *unhealthy], []
    # Of two voters none can be spared before others have joined, who need both of them for that.
    stay = len(settings.living) - len(joining)
    stay += sum(memory.members[name].started for name in going(settings, observations, memory))
    first, last = (joining, []) if stay <= 2 and not silent else ([], joining)
    moved, ended = _need_certificates(settings, observations, memory)
    return Chain(
        stopped=tuple(stopped),
        emptied=tuple(emptied),
        order=(
            *first,
            *unhealthy,
            *sorted(replaced, key=lambda name: replaced[name]),
            *followers,
            *leaders,
            *last,
            *waiting,
            *silent,
        ),
        joining=frozenset((*joining, *replaced)),
        moved=moved,
        ended=ended,
    )


def _need_certificates(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> tuple[frozenset[str], frozenset[str]]:
    """Members that need others before anybody's turn: those that move, those whose have ended."""
    moved = (
        entry.name
        for entry in settings.living
        if is_moved(entry, memory.members.get(entry.name), observations.get(entry.name))
    )
    ended = (entry.name for entry in settings.living if is_ended(entry, observations))
    return frozenset(moved), frozenset(ended)


def _serving_elsewhere(
    name: str, known: KnownMember | None, observations: Mapping[str, Observation]
) -> Observation | None:
    """A former host on which this member is known to serve, while its own has none. Side by side
    such members would take each other's votes away.
    """
    for each in known.hosts if known and known.started else ():
        seen = observations.get(f"{name}@{each.host}")
        ours = seen and seen.seen and not seen.fact("foreign")
        if seen and ours and has_member(seen) and seen.fact("healthy") == "yes":
            return seen
    return None


def has_member(seen: Observation) -> bool:
    """Whether an etcd of a formed cluster, or its data, is on this host."""
    return seen.fact("data") == "present" or seen.fact("etcd") == "running"


def is_here(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> bool:
    """Whether a host of this stack has data of its cluster."""
    seen = [observations.get(member.name) for member in settings.living]
    ours = [each for each in seen if each and has_member(each) and not each.fact("foreign")]
    return memory.cluster_id in {each.fact("formed") for each in ours}


def leaving(settings: Settings, memory: StackMemory) -> list[str]:
    """Members that the stack has and the configuration has no more; also those that were only
    begun, for what was done on their hosts is taken back there.
    """
    named = {member.name for member in settings.members}
    return [
        name for name, each in memory.members.items() if not each.given_up and name not in named
    ]


def going(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> list[str]:
    """Of these, those that really go: behind a new name on the same host is the same member, also
    where that host is dialed in another way."""
    hosts = {spelled(member.host) for member in settings.living}
    seen = (observations.get(member.name) for member in settings.living)
    ids = {each.fact("member-id") for each in seen if each} - {""}
    return [
        name
        for name in leaving(settings, memory)
        if spelled(memory.members[name].host) not in hosts and memory.members[name].id not in ids
    ]


def is_in_place(entry: MemberEntry, memory: StackMemory) -> bool:
    """Whether this stack has started this member, on the host where it is now to be."""
    known = memory.members.get(entry.name)
    if known is None or not known.started or known.given_up:
        return False
    return not known.host or spelled(known.host) == spelled(entry.host)


def is_stopped(seen: Observation) -> bool:
    """Whether no etcd runs. One that answers does, whatever else the host says of it."""
    return seen.fact("etcd") == "stopped" and seen.fact("healthy") != "yes"


def is_moved(entry: MemberEntry, known: KnownMember | None, seen: Observation | None) -> bool:
    """Whether this member's own host has another address than its etcd was last told."""
    if known is None or seen is None or not seen.seen or not has_member(seen):
        return False
    return bool(known.peer_url) and known.peer_url != state_member.peer_url(entry)


def is_ended(entry: MemberEntry, observations: Mapping[str, Observation]) -> bool:
    """Whether this member's certificates have ended, so that new connections to it are refused."""
    seen = observations.get(entry.name)
    return seen is not None and seen.seen and has_member(seen) and has_ended(seen)


def lacks_certificates(settings: Settings, seen: Observation) -> bool:
    """Whether this host has not all its certificates, and there is no key to issue others."""
    return not settings.certificates.can_issue and len(seen.fact("certificates").split()) < 3


def is_one_machine(one: Observation | None, other: Observation | None) -> bool:
    """Whether what answers at two places has the very same addresses, as far as they are known."""
    own = one.fact("addresses") if one else ""
    return bool(own and other and other.fact("addresses") == own)


def is_one_member(one: KnownMember, other: KnownMember) -> bool:
    """Whether two names in the state are of one member, as a rename that was cut off leaves it."""
    same_host = bool(one.host) and spelled(one.host) == spelled(other.host)
    return same_host or (bool(one.id) and one.id == other.id)


def is_same_host(
    known: KnownMember | None, seen: Observation | None, host: str, there: Observation | None = None
) -> bool:
    """Whether a member that is dialed elsewhere now is the one that the stack knows at that host:
    this has another address then, and is no former host. (One that a run was to clear is.)

    there: what answers at that host. With the very same addresses it is this one machine, dialed by
    another name, whatever a run that was cut off has left in the state.
    """
    if is_one_machine(seen, there):
        return True
    if known is None or host != known.host:
        return False
    return bool(known.id and seen and seen.fact("member-id") == known.id)


def addresses(entry: MemberEntry, known: KnownMember | None) -> tuple[str, ...]:
    """The addresses in a member's certificates.

    A member that moves is reached at its old address until it has moved, and etcd refuses a peer
    that calls from an address that its certificate lacks (client/pkg/transport, listener_tls.go).
    So the former address stays in until another move: taking it out would be a change of its own.
    """
    needed = {"127.0.0.1", "::1", entry.address}
    if known is None or not known.addresses:
        return tuple(sorted(needed))
    if needed <= set(known.addresses):
        return known.addresses
    former = known.peer_url.removeprefix("https://").rpartition(":")[0].strip("[]")
    return tuple(sorted(needed | ({former} if former in known.addresses else set())))
