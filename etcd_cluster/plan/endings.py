"""CAs and certificates that come to their end, or have. Pure."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from cryptography import x509

from ..config.settings import Settings
from .memory import StackMemory
from .outputs import time_of
from .probe import Observation

GUIDE = "See docs/runbooks/rotate-ca.md"
CA_NOTICE = timedelta(days=365)
"""How long before its end a CA is spoken of: its clients have to follow, too."""


def warnings(settings: Settings, memory: StackMemory, now: datetime) -> Iterator[str]:
    """CAs and certificates that come to their end, and what clients have to know of a step."""
    listed = settings.certificates.authorities
    for number in listed:
        known = memory.authorities.get(number)
        end = known.end if known else None
        if end and now < end < now + CA_NOTICE:
            if len(listed) == 1:
                todo = f"Let a new one take over: [{number}, {_next(memory)}] is the first step"
            else:
                others = [each for each in listed if each != number]
                further = [*others, number] if number == listed[0] else others
                todo = f"Another one is about to take over: go on to {further}"
            yield (
                f"certificates.authorities: authority {number} expires on {end:%Y-%m-%d}, and "
                f"nothing that it issued is accepted after that. {todo}. Clients have to follow. "
                f"{GUIDE}"
            )
    renewed = ending(settings, memory, now)
    if renewed:
        first = min(renewed.values())
        yield (
            f"certificates: {len(renewed)} of {len(memory.expiries)} "
            f"{'have expired, or soon will' if first < now else 'expire soon'}, the first on "
            f"{first:%Y-%m-%d}; `pulumi up` renews them: {', '.join(sorted(renewed))}"
        )


def ending(settings: Settings, memory: StackMemory, now: datetime) -> dict[str, datetime]:
    """Certificates of members and clients that an `up` renews, and their ends."""
    notice = timedelta(days=settings.certificates.renew_before_days)
    return {
        name: end
        for name, text in memory.expiries.items()
        if (end := time_of(text)) and end < now + notice
    }


def has_ended(seen: Observation) -> bool:
    """Whether a certificate of the member on this host had ended when the host was read.

    By what the host has, not by the state: that has the new ones from the first run on, also where
    this did not come to bring them there.
    """
    at = time_of(seen.at)
    ends = (_end(text) for text in seen.fact("certificates").split())
    return at is not None and any(end is not None and end <= at for end in ends)


def _end(text: str) -> datetime | None:
    try:
        found = x509.load_der_x509_certificate(base64.b64decode(text, validate=True))
    except ValueError:
        return None
    return found.not_valid_after_utc


def _next(memory: StackMemory) -> int:
    return max(memory.authorities, default=1) + 1


def ended_faults(listed: Sequence[int], memory: StackMemory, now: datetime) -> Iterator[str]:
    """That the CA that is to issue has ended, and which one is to take over."""
    if not _has_ended(listed[0], memory, now):
        return
    end = memory.authorities[listed[0]].end
    others = [n for n in listed[1:] if n in memory.authorities and not _has_ended(n, memory, now)]
    if others:
        todo = f"{[*others, listed[0]]}: authority {others[0]} takes over"
    else:
        todo = f"[{_next(memory)}]: a new CA takes over at once; there is no trust left to preserve"
    yield (
        f"certificates.authorities {list(listed)}: authority {listed[0]} expired on "
        f"{end:%Y-%m-%d}, and nothing that it issued is accepted any more. Set it to {todo}. "
        f"{GUIDE}"
    )


def _has_ended(number: int, memory: StackMemory, now: datetime) -> bool:
    known = memory.authorities.get(number)
    return known is not None and known.has_ended(now)
