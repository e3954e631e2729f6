"""Machines that are copies of one another: two hosts with the identity of one member. Pure.

The copy of a machine has token, data and memory of the original, so everything else takes it for a
host of this stack. Its etcd would start under the original's id, and entry and address in the
cluster would become the copy's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

from ..config.settings import Settings
from ..config.values import spelled
from .chain import has_member, is_one_machine
from .memory import StackMemory
from .probe import Observation


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A host, and the member that it takes itself for.

    name: of its member. label: for people. host: where it is dialed. seen: what it said; one that
    said nothing is what the stack knows of it. former: whether its member has another one now.
    """

    name: str
    label: str
    host: str
    id: str
    seen: Observation
    former: bool = False

    @property
    def serves(self) -> bool:
        return self.seen.fact("healthy") == "yes"


def faults(
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
    *,
    restores: bool = False,
) -> Iterator[str]:
    """Pairs of machines with one member's identity. restores: whether this run makes another
    cluster, in which all members start anew, and only hosts that are none any more keep what they
    have.
    """
    for one, other in combinations(_places(settings, observations, memory), 2):
        if (not restores or one.former or other.former) and _is_copy(one, other):
            yield _text(one, other)


def _places(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> list[_Place]:
    found = []
    for entry in settings.living:
        seen, known = observations.get(entry.name), memory.members.get(entry.name)
        if seen is None or seen.fact("restoring"):  # (fenced: what it starts with is not this data)
            continue
        id_, label = seen.fact("member-id"), f"{entry.name} ({entry.host})"
        here = known and not known.given_up and spelled(known.host) == spelled(entry.host)
        if known and here and not id_ and (not seen.seen or has_member(seen)):
            id_ = known.id
        found.append(_Place(name=entry.name, label=label, host=entry.host, id=id_, seen=seen))
    living = {entry.name for entry in settings.living}
    for key, seen in observations.items():
        name, at, host = key.partition("@")
        known = memory.members.get(name)
        former = bool(at)
        # (A former host without data has nothing that could start.)
        if key in living or not seen.seen or not known or (former and not has_member(seen)):
            continue
        host = host or known.host
        label = f"the former host {host} of {name}" if former else f"{name} ({host})"
        id_ = "" if seen.fact("restoring") else seen.fact("member-id")
        found.append(_Place(name=name, label=label, host=host, id=id_, seen=seen, former=former))
    return [each for each in found if each.id]


def _is_copy(one: _Place, other: _Place) -> bool:
    clusters = {one.seen.fact("formed"), other.seen.fact("formed")} - {""}
    if one.id != other.id or len(clusters) > 1 or spelled(one.host) == spelled(other.host):
        return False
    if not (has_member(one.seen) or has_member(other.seen)):
        return False
    # One machine may be dialed by two names; where its addresses are not known, nobody knows.
    return not is_one_machine(one.seen, other.seen)


def _text(one: _Place, other: _Place) -> str:
    silent = next((each for each in (one, other) if not each.seen.seen), None)
    both = (
        f"{one.label}, {other.label}: both have the identity of the member {one.id}, so one of "
        "these machines is a copy of the other, and with two etcds of one id the cluster would "
        "lose acknowledged writes"
    )
    aside = "moves its data aside and leaves the list of members alone; or reinstall it"
    if silent:
        copy = other if silent is one else one
        return (
            f"{both}. {silent.name} does not answer ({silent.seen.why_not}). If {copy.name} is the "
            f"copy, run `sudo etcd-host abandon` on it, which {aside}. If {silent.name} is gone "
            "for good, give it up (lost: true)"
        )
    serving = [each for each in (one, other) if each.serves]
    if len(serving) == 1:
        (stays,) = serving
        copy = other if stays is one else one
        what = (
            f"{stays.label} serves, and has to stay. Run `sudo etcd-host abandon` on {copy.label}"
        )
    else:
        what = "Find out which one is the copy, and run `sudo etcd-host abandon` on it"
    unread = [each.name for each in (one, other) if not each.seen.fact("addresses")]
    more = ""
    if unread:
        more = (
            f". (Or this is one machine, and its addresses could not be read: check that `ip addr` "
            f"works on {unread[0]})"
        )
    return (
        f"{both}. {what}, which {aside}. It can join anew after that. To shut down the original "
        f"instead is safe only if its etcd has not run since it was copied{more}"
    )
