"""Which minor of etcd the members run, and which the cluster speaks, as they say. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from .. import versions
from ..config.settings import Settings
from .probe import Observation

_NOT_KNOWN_YET = (3, 0)
"""What etcd says until every member has said what it runs, also of one that never started
(server/etcdserver, monitorVersions)."""


def cluster_minor(
    settings: Settings, observations: Mapping[str, Observation]
) -> tuple[int, int] | None:
    """The version that all members speak, as the healthy ones say; they have to agree.

    Before etcd 3.7 a member that joined by a snapshot does not say it until it starts again. Where
    nobody does, it is the minor of all members, if that is one: a change would have been told.
    """
    found = said(settings, observations)
    return (found or _minors(settings, observations)).pop() if len(found) <= 1 else None


def said(
    settings: Settings, observations: Mapping[str, Observation]
) -> set[tuple[int, int] | None]:
    """What the healthy members say that the cluster speaks; None in it for what is no version."""
    found = set()
    for member in settings.living:
        seen = observations.get(member.name)
        if seen and seen.fact("healthy") == "yes" and seen.fact("cluster-version"):
            parsed = versions.parse_etcd(f"{seen.fact('cluster-version')}.0")
            found.add(parsed[:2] if parsed and parsed[:2] != _NOT_KNOWN_YET else None)
    return found


def running(
    settings: Settings, observations: Mapping[str, Observation]
) -> list[versions.Etcd | None]:
    """What each member runs, in the order of the configuration; None where that is not known."""
    seen = [observations.get(member.name) for member in settings.living]
    return [versions.parse_etcd(each.fact("etcd-version")) if each else None for each in seen]


def _minors(
    settings: Settings, observations: Mapping[str, Observation]
) -> set[tuple[int, int] | None]:
    """The one minor that every member runs; None in it where that is not known, or not one."""
    minors = {each[:2] if each else None for each in running(settings, observations)}
    return minors if len(minors) == 1 else {None}


def lowest_minor(
    settings: Settings, observations: Mapping[str, Observation]
) -> tuple[int, int] | None:
    """The oldest minor that a member runs; None where that of any member is not known."""
    found = running(settings, observations)
    known = [each[:2] for each in found if each]
    return min(known) if len(known) == len(found) else None
