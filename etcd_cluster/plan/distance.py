"""Whether etcd's timers suit the distance between the members. Pure.

https://etcd.io/docs/latest/tuning/: a heartbeat interval around the longest round trip between
members (0.5 to 1.5 of it), an election timeout of at least ten round trips and at most 50 s, and
the same values for all members.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..config.settings import Settings
from .probe import Observation

ROUND_TRIPS_OF_AN_ELECTION = 10
LONGEST_HEARTBEAT, LONGEST_ELECTION = 10_000, 50_000


def warnings(settings: Settings, observations: Mapping[str, Observation]) -> Iterator[str]:
    """Timers that are too short for the two members that are furthest apart, and what to set.

    Where no round trip was measured there is nothing to say.
    """
    known = round_trips(settings, observations)
    if not known:
        return
    (one, other), took = max(known.items(), key=lambda item: item[1])
    heartbeat = settings.etcd.heartbeat_interval_milliseconds
    election = settings.etcd.election_timeout_milliseconds
    too_short = [
        f"etcd.{key} is {value}, less than {wanted}"
        for key, value, wanted, least in (
            ("heartbeatIntervalMilliseconds", heartbeat, "that", took),
            (
                "electionTimeoutMilliseconds",
                election,
                f"{ROUND_TRIPS_OF_AN_ELECTION} of them",
                ROUND_TRIPS_OF_AN_ELECTION * took,
            ),
        )
        if value < least
    ]
    if too_short:
        heartbeat, election = suited(heartbeat, election, took)
        yield (
            f"a round trip between {one} and {other} takes {took:.0f} ms; "
            f"{', and '.join(too_short)}, so members may call elections for no reason. Set "
            f"etcd.heartbeatIntervalMilliseconds: {heartbeat} and "
            f"etcd.electionTimeoutMilliseconds: {election}"
        )


def suited(heartbeat: int, election: int, took: float) -> tuple[int, int]:
    """Heartbeat interval and election timeout for a round trip of this length, in milliseconds.

    A quarter above it, in full tens: the next measurement may be a little longer.
    """
    heartbeat = min(max(heartbeat, _tens(1.25 * took)), LONGEST_HEARTBEAT)
    return heartbeat, min(max(election, ROUND_TRIPS_OF_AN_ELECTION * heartbeat), LONGEST_ELECTION)


def round_trips(
    settings: Settings, observations: Mapping[str, Observation]
) -> dict[tuple[str, str], float]:
    """Milliseconds between two members, as far as they are known.

    What makes a measurement wrong makes it longer, so of both directions the shorter one is right.
    """
    names = {member.address: member.name for member in settings.living}
    found: dict[tuple[str, str], float] = {}
    for member in settings.living:
        seen = observations.get(member.name)
        for entry in seen.fact("round-trips").split() if seen else ():
            address, _, took = entry.rpartition("=")
            other = names.get(address, member.name)
            if other != member.name and took.isdecimal():
                pair = (min(member.name, other), max(member.name, other))
                found[pair] = min(found.get(pair, float("inf")), int(took) / 1000)
    return found


def _tens(milliseconds: float) -> int:
    return -int(-milliseconds // 10) * 10
