"""Certificates that would not be valid yet on the hosts that get them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from ..config.settings import Settings
from ..config.values import is_address
from . import authorities, endings
from .chain import addresses, is_moved
from .memory import StackMemory
from .preflight import behind
from .probe import Observation

FAR_BEHIND_SECONDS = 60.0  # what is less is over before a member has its turn


def faults(
    settings: Settings,
    own: Mapping[str, Observation],
    memory: StackMemory,
    now: datetime,
    *,
    adopts: bool = False,
) -> Iterator[str]:
    """That a formed cluster's certificates would be made by a clock that is ahead of its hosts'.

    Its members would refuse each other until their clocks have come there: all at once, where all
    get new ones. Where none are made, the clocks are a warning: nothing depends on them then.
    adopts: whether the run takes the cluster over. It makes the certificates of the roll.
    """
    late = behind(own, FAR_BEHIND_SECONDS)
    reasons: list[str] = []
    if late:
        reasons = ["adopt"] if adopts else list(_made(settings, own, memory, now))
    if reasons:
        yield (
            f"clocks of {', '.join(late)} are at least {min(late.values()):.1f} s behind that of "
            f"this machine, and this run makes certificates ({'; '.join(reasons)}), which would "
            "not be valid there yet: members would refuse each other. Correct the clock that is "
            "wrong, this machine's or those of the hosts, e.g. with chrony or systemd-timesyncd"
        )


def _made(
    settings: Settings, own: Mapping[str, Observation], memory: StackMemory, now: datetime
) -> Iterator[str]:
    """Why certificates are made in this run, of members that have some."""
    moving, renamed, new = [], [], []
    further = {each for each in settings.certificates.extra_names if is_address(each)}
    for entry in settings.living:
        known = memory.members.get(entry.name)
        had = set(known.addresses) if known else set()
        wanted = set(addresses(entry, known))
        other = bool(had) and had != wanted
        if other or is_moved(entry, known, own.get(entry.name)):
            moving.append(entry.name)
        elif had and not further <= had:
            renamed.append(entry.name)
        elif not had and settings.certificates.can_issue:
            new.append(entry.name)
    if new:
        yield f"of the new members {', '.join(new)}"
    if renamed:  # (The state is not asked for the DNS names in them.)
        yield f"certificates.extraNames: another address for {', '.join(renamed)}"
    if moving:
        yield f"the address of {', '.join(moving)} changes"
    step, _ = authorities.step(settings, own, memory)
    if step:
        yield f"certificates.authorities {step}"
    ending = endings.ending(settings, memory, now)
    if ending:
        yield f"to be renewed: {', '.join(sorted(ending))}"
