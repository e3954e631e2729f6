"""Whether etcd's timers suit members that are far apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from etcd_cluster.plan import decide, distance
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import hosts, ready, settings

ONE, TWO, THREE = (f"10.107.88.{n}" for n in (15, 16, 17))


def timers(heartbeat: int = 100, election: int = 1000) -> dict[str, Any]:
    """The section of the configuration."""
    return {
        "etcd": {
            "heartbeatIntervalMilliseconds": heartbeat,
            "electionTimeoutMilliseconds": election,
        }
    }


def between(milliseconds: float) -> Mapping[str, Observation]:
    """Hosts of which the third is this far away from the others, which are near each other."""
    took = round(milliseconds * 1000)
    return hosts(
        etcd01=ready(round_trips=f"{TWO}=213 {THREE}={took}"),
        etcd02=ready(round_trips=f"{ONE}=190 {THREE}={took}"),
    )


def warned(seen: Mapping[str, Observation], **changes: Any) -> list[str]:
    """What is said of the timers."""
    return list(distance.warnings(settings(**changes), seen))


HEARTBEAT, ELECTION = "heartbeatIntervalMilliseconds", "electionTimeoutMilliseconds"
# Round trip, heartbeat and election timeout; which of them is too short; what to set.
CASES: dict[str, tuple[float, int, int, tuple[str, ...], tuple[int, int] | None]] = {
    "in one room": (0.2, 100, 1000, (), None),
    "20 ms, the defaults": (20, 100, 1000, (), None),
    "just so": (100, 100, 1000, (), None),
    "both": (122, 100, 1000, (HEARTBEAT, ELECTION), (160, 1600)),
    "20 ms, timers of one room": (20.4, 10, 100, (HEARTBEAT, ELECTION), (30, 300)),
    "heartbeat alone": (40, 20, 1000, (HEARTBEAT,), (50, 1000)),
    "election alone": (60, 100, 500, (ELECTION,), (100, 1000)),
    "a second, as far as is measured": (1000, 100, 1000, (HEARTBEAT, ELECTION), (1250, 12500)),
    "more than etcd takes": (6000, 100, 1000, (HEARTBEAT, ELECTION), (7500, 50000)),
}


@pytest.mark.parametrize(
    ("took", "heartbeat", "election", "short", "wanted"), list(CASES.values()), ids=list(CASES)
)
def test_timers_are_warned_of_when_they_are_too_short_for_the_way(
    took: float, heartbeat: int, election: int, short: tuple[str, ...], wanted: tuple[int, int]
) -> None:
    """With the way, what is too short, and what to set."""
    found = warned(between(took), **timers(heartbeat, election))
    assert len(found) == bool(short)
    for text in found:
        assert text.startswith(f"a round trip between etcd01 and etcd03 takes {took:.0f} ms; ")
        complaint, _, advice = text.partition(" Set ")
        assert [key for key in (HEARTBEAT, ELECTION) if f"etcd.{key} is " in complaint] == [*short]
        assert advice == f"etcd.{HEARTBEAT}: {wanted[0]} and etcd.{ELECTION}: {wanted[1]}"


@pytest.mark.parametrize("took", [10.1, 45, 99, 101, 133.7, 250, 999.9, 3900])
@pytest.mark.parametrize(("heartbeat", "election"), [(10, 50), (100, 1000), (1000, 5000)])
def test_nothing_is_said_when_the_values_are_set(
    took: float, heartbeat: int, election: int
) -> None:
    """They are a configuration that is accepted, and suit a way that is a fifth longer, too."""
    suited = distance.suited(heartbeat, max(election, 100), took)
    assert warned(between(1.2 * took), **timers(*suited)) == []


def test_shorter_one_is_right_when_two_directions_differ() -> None:
    """A busy host takes longer to notice an answer; none makes the way shorter."""
    seen = hosts(etcd01=ready(round_trips=f"{TWO}=900000"), etcd02=ready(round_trips=f"{ONE}=300"))
    assert distance.round_trips(settings(), seen) == {("etcd01", "etcd02"): 0.3}
    assert warned(seen) == []


@pytest.mark.parametrize(
    "told",
    ["", f"{TWO}=", f"{TWO}=unknown", f"{TWO}=-5", "192.0.2.9=900000", f"{ONE}=900000", TWO],
    ids=["nothing", "no number", "a word", "negative", "no member", "itself", "no value"],
)
def test_nothing_is_said_when_no_way_is_known(told: str) -> None:
    """No false number."""
    assert warned(hosts(etcd01=ready(round_trips=told))) == []


@pytest.mark.parametrize("seen", [{}, hosts(), hosts(etcd01=Observation(unreachable="off"))])
def test_nothing_is_said_when_nobody_was_asked(seen: Mapping[str, Observation]) -> None:
    """Hosts with an older program, hosts that are off, and a preview without them."""
    assert warned(seen) == []


def test_way_to_a_host_that_is_off_is_known_from_its_connections() -> None:
    """As long as etcd still has them; the values are for all members."""
    seen = hosts(etcd01=ready(round_trips=f"{THREE}=300000"), etcd03=Observation(unreachable="off"))
    assert len(warned(seen)) == 1


def test_lost_member_is_no_member() -> None:
    """It comes back no more."""
    entries = [{"name": f"etcd0{n}", "address": f"10.107.88.{14 + n}"} for n in (1, 2, 3)]
    seen = {"etcd01": ready(round_trips=f"{THREE}=300000"), "etcd02": ready()}
    assert warned(seen, members=[*entries[:2], {**entries[2], "lost": True}]) == []


def test_ipv6_members_are_known_by_their_addresses() -> None:
    """The text before the last equals sign."""
    entries = [{"name": f"etcd0{n}", "address": f"2001:db8::{n}"} for n in (1, 2, 3)]
    (text,) = warned({"etcd01": ready(round_trips="2001:db8::2=300000")}, members=entries)
    assert text.startswith("a round trip between etcd01 and etcd02 takes 300 ms")


@pytest.mark.parametrize("formed", ["", "cafe"])
def test_plan_warns_and_goes_on_whether_there_is_a_cluster_or_not(formed: str) -> None:
    """A warning is no guard."""
    seen = hosts(etcd01=ready(round_trips=f"{TWO}=300000", formed=formed))
    plan = decide.decide(settings(), seen, StackMemory(), preview=True)
    assert [text for text in plan.warnings if "a round trip between" in text]
