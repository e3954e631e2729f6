"""Which CAs the members trust, and whose certificates they have: how one takes over. Pure.

etcd reads its certificates at every handshake, and the CAs that it trusts when it starts
(client/pkg/transport, listener.go; etcd#11555). So a new CA is trusted everywhere before it issues
anything, and the old one is trusted until nothing that it issued is in use.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from ..config.settings import Settings
from .chain import NOT_OBSERVED, has_member
from .cluster import STATE_LOST
from .endings import GUIDE, ended_faults
from .memory import KnownMember, StackMemory
from .probe import Observation

_AUTHORITY_REMOVED = (
    "Or certificates.authority was removed before the members stopped trusting it; set it again"
)


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A member as its host says it is. trusts, issuer: numbers of CAs; None where not known.

    outlived: it has certificates of a CA that has ended. healthy: also by connections from before.
    """

    label: str
    trusts: frozenset[int] | None
    issuer: int | None
    outlived: bool
    healthy: bool

    def would_refuse(self, issuer: int) -> bool:
        """Whether its etcd, as it runs, refuses certificates of this CA."""
        return self.healthy and issuer not in (self.trusts or ())

    def is_forgotten(self, listed: Sequence[int]) -> bool:
        """Whether it trusts the listed CAs, and which of them issued its certificates is lost."""
        return self.issuer is None and self.trusts == frozenset(listed)

    def is_left_behind(self, listed: Sequence[int]) -> bool:
        """Whether it trusts the given authority alone. Hosts are told of it while it is listed."""
        return 0 not in listed and self.trusts == frozenset({0})


def authority_faults(
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
    now: datetime,
) -> Iterator[str]:
    """Why the configured authorities cannot be the next step; none where nothing changes."""
    listed = settings.certificates.authorities
    yield from ended_faults(listed, memory, now)
    if not memory.authorities:
        return  # then no host is this stack's, which each of them says
    by_print, ended = _by_print(memory), _ended_prints(memory, now)
    members, silent = [], []
    for entry in settings.living:
        seen, label = observations.get(entry.name), f"{entry.name} ({entry.host})"
        if seen is None or not seen.seen:
            silent.append((label, seen))
        elif _takes_part(seen):
            foreign = set(_prints(seen)) - set(by_print)
            if foreign:
                removed = "" if settings.certificates.authority else f". {_AUTHORITY_REMOVED}"
                yield (
                    f"{label}: uses a CA unknown to this stack ({foreign.pop()}). {STATE_LOST}"
                    f"{removed}"
                )
                return
            known = memory.members.get(entry.name)
            members.append(_member(label, seen, by_print, known, ended))
    moving = [each for each in members if not _settled(each, listed)]
    # (Whichever of these CAs issued what a host forgot: everybody trusts it.)
    if not moving or (not silent and all(each.is_forgotten(listed) for each in moving)):
        return
    text = f"certificates.authorities {list(listed)}"
    # (Once one member has taken the step, it would be needed for the way back, too.)
    undecided = len({(each.trusts, each.issuer) for each in members}) == 1
    back = "; or set authorities back" if undecided else ""
    for label, seen in silent:
        why = (seen or NOT_OBSERVED).why_not
        yield (
            f"{label}: unreachable ({why}), and {text} needs every member to take part. Start "
            f"it, or give it up (lost: true){back}. {GUIDE}"
        )
    unknown = [each.label for each in moving if each.trusts is None]
    if unknown:
        yield (
            f"{', '.join(unknown)}: which CAs its etcd trusts could not be determined, and {text} "
            f"changes that. Set authorities back, run `pulumi up`, then change it. {GUIDE}"
        )
        return
    alone = len(moving) == 1 and len(members) > 2 and not silent
    yield from _not_the_next(moving, listed, text, alone=alone)


def _not_the_next(
    moving: Sequence[_Member], listed: Sequence[int], text: str, *, alone: bool
) -> Iterator[str]:
    """Why it is not the next step of these. alone: whether all others have taken it."""
    refusing = [each for each in moving if each.would_refuse(listed[0])]
    if alone and not (refusing or moving[0].is_left_behind(listed)):
        return  # they refuse it until it has, too
    if not all(each.outlived for each in moving):
        yield from _skipped(moving, listed, text)
    elif refusing:
        yield (
            f"{_labels(refusing)}: healthy only through connections that were opened before "
            f"authority {refusing[0].issuer} expired. New ones are refused, so members cannot be "
            "changed one by one. Stop etcd on each of these hosts (sudo pkill -x etcd; the kubelet "
            "starts it again, and it finds no quorum), wait until the preview finds no healthy "
            f"member, then run it again. {GUIDE}"
        )
    elif any(each.healthy for each in moving):
        yield from _skipped(moving, listed, text)


def step(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> tuple[str, bool]:
    """What the members' CAs become, as `[1] becomes [1, 2]`, and whether one has them already.

    Empty where all have: of those that answer. A host that forgot whose certificates it has is to
    be repaired, which is not a step.
    """
    listed = settings.certificates.authorities
    by_print = _by_print(memory)
    members = [
        _member(name, seen, by_print, memory.members.get(name))
        for name, seen in observations.items()
        if by_print and seen.seen and _takes_part(seen)
    ]
    moving = [
        each
        for each in members
        if each.trusts != frozenset(listed) or each.issuer not in (None, listed[0])
    ]
    if not moving:
        return "", False
    first = moving[0]
    others = sorted((first.trusts or frozenset()) - {first.issuer})
    known = first.trusts is not None and first.issuer is not None
    before = f"{[first.issuer, *others]} becomes" if known else "becomes"
    return f"{before} {list(listed)}", len(moving) < len(members)


def nobody_accepts(
    observations: Mapping[str, Observation], memory: StackMemory, now: datetime
) -> bool:
    """Whether a host has certificates of a CA that has ended: its etcdctl is refused then."""
    ended = _ended_prints(memory, now)
    return any(_issuer_print(seen) in ended for seen in observations.values())


def _issuer_print(seen: Observation) -> str:
    """Of the CA whose certificates it has; of a host that was never told, the only one."""
    trusted = seen.fact("trusts").split()
    return seen.fact("issuer") or (trusted[0] if len(trusted) == 1 else "")


def _ended_prints(memory: StackMemory, now: datetime) -> set[str]:
    """Those of CAs that have ended, also of one that has another certificate by now."""
    known = memory.authorities.values()
    return {
        *(each.fingerprint for each in known if each.has_ended(now)),
        *(former for each in known for former in each.former),
    }


def _by_print(memory: StackMemory) -> dict[str, int]:
    return {
        fingerprint: number
        for number, each in memory.authorities.items()
        for fingerprint in each.fingerprints
    }


def _takes_part(seen: Observation) -> bool:
    """Whether an etcd of this stack's runs there, or starts from what is there."""
    if not has_member(seen) or seen.fact("foreign"):
        return False
    return seen.fact("etcd") == "running" or bool(seen.fact("trusts"))


def _prints(seen: Observation) -> list[str]:
    return [each for each in (*seen.fact("trusts").split(), seen.fact("issuer")) if len(each) == 64]


def _member(
    label: str,
    seen: Observation,
    by_print: Mapping[str, int],
    known: KnownMember | None,
    ended: Collection[str] = (),
) -> _Member:
    prints = seen.fact("trusts").split()
    trusts: frozenset[int] | None = None
    if prints and all(each in by_print for each in prints):
        trusts = frozenset(by_print[each] for each in prints)
    elif known and known.told:
        # Its file is gone from under it. It runs with what this stack last had carried out.
        named = known.told.get("trusted", "1").split("-")
        trusts = frozenset(int(each) for each in named if each.isdecimal())
    issuer = by_print.get(seen.fact("issuer"))
    if issuer is None and trusts and len(trusts) == 1:
        issuer = next(iter(trusts))  # a host that was never told: there was no other CA
    return _Member(
        label=label,
        trusts=trusts,
        issuer=issuer,
        outlived=_issuer_print(seen) in ended,
        healthy=seen.fact("healthy") == "yes",
    )


def _settled(member: _Member, listed: Sequence[int]) -> bool:
    return member.trusts == frozenset(listed) and member.issuer == listed[0]


def _skipped(members: Sequence[_Member], listed: Sequence[int], text: str) -> Iterator[str]:
    """Steps that one of these members has not taken, and that come before."""
    issuer = listed[0]
    behind = [each for each in members if each.trusts is not None and issuer not in each.trusts]
    if behind:
        trusted = sorted(behind[0].trusts or ())
        before = behind[0].issuer or (trusted[0] if trusted else 1)
        yield (
            f"{text} skips a step: {_labels(behind)} would refuse what authority {issuer} issues, "
            f"because it trusts {_numbers(trusted)} alone. First set authorities to "
            f"[{before}, {issuer}] and run `pulumi up`. {GUIDE}"
        )
        return
    for each in members:
        old = each.issuer
        if old is None:
            yield (
                f"{each.label}: which CA issued its certificates could not be determined, "
                f"and {text} depends on it. Set authorities back, run `pulumi up`, then change it. "
                f"{GUIDE}"
            )
        elif old not in listed:
            having = [other for other in members if other.issuer == each.issuer]
            yield (
                f"{text} skips a step: {_labels(having)} still has certificates of authority "
                f"{old}, which the others would refuse. First set authorities to "
                f"[{issuer}, {old}] and run `pulumi up`. {GUIDE}"
            )
            return


def _labels(members: Sequence[_Member]) -> str:
    return ", ".join(each.label for each in members)


def _numbers(numbers: Sequence[int]) -> str:
    return "authority " + " and ".join(str(each) for each in numbers)
