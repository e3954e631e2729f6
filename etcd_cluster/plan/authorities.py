"""Which CAs the members trust, and whose certificates they have: how one takes over. Pure.

etcd reads its certificates at every handshake, and the CAs that it trusts when it starts
(client/pkg/transport, listener.go; etcd#11555). So a new CA is trusted everywhere before it issues
anything, and the old one is trusted until nothing that it issued is in use.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from ..config.settings import Settings
from .chain import has_member
from .cluster import STATE_LOST
from .memory import KnownMember, StackMemory, time_of
from .probe import Observation

GUIDE = "See docs/runbooks/rotate-ca.md"
CA_NOTICE = timedelta(days=365)
"""How long before its end a CA is spoken of: its clients have to follow, too."""


@dataclass(frozen=True, kw_only=True)
class _Member:
    """A member as its host says it is. trusts, issuer: numbers of CAs; None where not known."""

    label: str
    trusts: frozenset[int] | None
    issuer: int | None


def authority_faults(
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
    now: datetime,
) -> Iterator[str]:
    """Why the configured authorities cannot be the next step; none where nothing changes."""
    listed = settings.certificates.authorities
    yield from _ended(listed, memory, now)
    if not memory.authorities:
        return  # then no host is this stack's, which each of them says
    by_print = _by_print(memory)
    members, silent = [], []
    for entry in settings.living:
        seen, label = observations.get(entry.name), f"{entry.name} ({entry.host})"
        if seen is None or not seen.seen:
            silent.append((label, seen))
        elif _takes_part(seen):
            foreign = set(_prints(seen)) - set(by_print)
            if foreign:
                yield f"{label}: has to do with a CA ({foreign.pop()}) unknown here. {STATE_LOST}"
                return
            members.append(_member(label, seen, by_print, memory.members.get(entry.name)))
    moving = [each for each in members if not _settled(each, listed)]
    if not moving:
        return
    text = f"certificates.authorities {list(listed)}"
    for label, seen in silent:
        why = (seen.unreachable or seen.refused) if seen else "the host was not observed"
        yield (
            f"{label}: does not answer ({why}), and {text} needs every member to take part. Start "
            f"it, or give it up (lost: true); or set authorities back. {GUIDE}"
        )
    unknown = [each.label for each in moving if each.trusts is None]
    if unknown:
        yield (
            f"{', '.join(unknown)}: which CAs its etcd trusts could not be learned, and {text} "
            f"changes that. Set authorities back, run `pulumi up`, then change it. {GUIDE}"
        )
        return
    if len(moving) == 1 and len(members) + len(silent) > 2 and not silent:
        return  # the others have taken this step: they refuse it until it has, too
    if not _has_ended(_issuing(moving), memory, now):
        yield from _skipped(moving, listed, text)


def step(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> tuple[str, bool]:
    """What the members' CAs become, as `[1] becomes [1, 2]`, and whether one has them already.

    Empty where all have: of those that answer. A host that forgot whose certificates it has is to
    be mended, which is no step.
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
    label: str, seen: Observation, by_print: Mapping[str, int], known: KnownMember | None
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
    return _Member(label=label, trusts=trusts, issuer=issuer)


def _settled(member: _Member, listed: Sequence[int]) -> bool:
    return member.trusts == frozenset(listed) and member.issuer == listed[0]


def _issuing(members: Sequence[_Member]) -> int | None:
    """Whose certificates they have, if that is known and one."""
    found = {each.issuer for each in members}
    return found.pop() if len(found) == 1 else None


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
                f"{each.label}: whose certificates it has could not be learned, and {text} depends "
                f"on it. Set authorities back, run `pulumi up`, then change it. {GUIDE}"
            )
        elif old not in listed:
            having = [other for other in members if other.issuer == each.issuer]
            yield (
                f"{text} skips a step: {_labels(having)} still has certificates of authority "
                f"{old}, which the others would refuse. First set authorities to "
                f"[{issuer}, {old}] and run `pulumi up`. {GUIDE}"
            )
            return


def authority_warnings(settings: Settings, memory: StackMemory, now: datetime) -> Iterator[str]:
    """CAs and certificates that come to their end, and what clients have to know of a step."""
    listed = settings.certificates.authorities
    for number in listed:
        known = memory.authorities.get(number)
        end = known.end if known else None
        if end and now < end < now + CA_NOTICE:
            yield (
                f"certificates.authorities: authority {number} ends on {end:%Y-%m-%d}, and nothing "
                "that it issued is accepted after that. Let a new one take over, which clients "
                f"have to follow: [{number}, {_next(memory)}] is the first step. {GUIDE}"
            )
    notice = timedelta(days=settings.certificates.renew_before_days)
    ending = {
        name: end
        for name, text in memory.expiries.items()
        if (end := time_of(text)) and end < now + notice
    }
    if ending:
        first = min(ending.values())
        yield (
            f"certificates: {len(ending)} of {len(memory.expiries)} "
            f"{'ended' if first < now else 'end'} on {first:%Y-%m-%d} or later; `pulumi up` renews "
            f"them: {', '.join(sorted(ending))}"
        )


def _next(memory: StackMemory) -> int:
    return max(memory.authorities, default=1) + 1


def _ended(listed: Sequence[int], memory: StackMemory, now: datetime) -> Iterator[str]:
    if _has_ended(listed[0], memory, now):
        end = memory.authorities[listed[0]].end
        yield (
            f"certificates.authorities {list(listed)}: authority {listed[0]} ended on "
            f"{end:%Y-%m-%d}, and nothing that it issued is accepted any more. Set it to "
            f"[{_next(memory)}]: a new CA takes over at once, as there is no trust to keep. {GUIDE}"
        )


def _has_ended(number: int | None, memory: StackMemory, now: datetime) -> bool:
    known = memory.authorities.get(number) if number is not None else None
    return known is not None and known.has_ended(now)


def _labels(members: Sequence[_Member]) -> str:
    return ", ".join(each.label for each in members)


def _numbers(numbers: Sequence[int]) -> str:
    return "authority " + " and ".join(str(each) for each in numbers)
