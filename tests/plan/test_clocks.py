"""A clock of this machine that is ahead of the hosts': when it is a fault in a formed cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from etcd_cluster.errors import HostsError
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import settings

from . import theirs
from .decided import decided, faults, known, remembered
from .test_authorities import BOTH, NAMES, ONE, at, knows
from .test_endings import in_time
from .theirs import CHANGES, cluster

TWO_HOURS = (-7200.4, -7199.8)
TOLD = "and this run makes certificates"


def late(seen: Observation = ONE, ahead: tuple[float, float] = TWO_HOURS) -> dict[str, Observation]:
    """Three members, two of which are behind."""
    return {name: seen if name == "etcd03" else replace(seen, ahead=ahead) for name in NAMES}


def moved(**changes: Any) -> StackMemory:
    """What the stack knows, where etcd02 had another address."""
    address = {"peer_url": "https://10.9.9.9:2380", "addresses": ("127.0.0.1", "::1", "10.9.9.9")}
    had = known("10.107.88.16", **{**address, **changes})
    members = {**remembered().members, "etcd02": had}
    return remembered(authorities=knows(1).authorities, members=members)


def without(name: str) -> StackMemory:
    """What the stack knows, where this member is to come."""
    members = {each: known for each, known in remembered().members.items() if each != name}
    return remembered(authorities=knows(1).authorities, members=members)


def ending(days: int) -> StackMemory:
    """What the stack knows, where a certificate ends in so many days."""
    return replace(knows(1), expiries={"etcd02-peer": in_time(timedelta(days=days))})


def step(*listed: int) -> dict[str, Any]:
    """The configured authorities."""
    return {"certificates": {"authorities": list(listed)}}


def further(*names: str) -> dict[str, Any]:
    """The configured names besides the members' own."""
    return {"certificates": {"extraNames": [*names]}}


@pytest.mark.parametrize(
    ("memory", "changes", "seen", "reason"),
    [
        (moved(), {}, ONE, "the address of etcd02 changes"),
        (moved(addresses=("127.0.0.1", "::1", "10.9.9.9", "10.107.88.16")), {}, ONE, "of etcd02"),
        (knows(1, 2), step(2, 1), BOTH, "certificates.authorities [1, 2] becomes [2, 1]"),
        (ending(1), {}, ONE, "to be renewed: etcd02-peer"),
        (knows(1), further("10.9.9.9"), ONE, "another address for etcd01, etcd02, etcd03"),
        (without("etcd02"), {}, ONE, "of the new members etcd02"),
    ],
    ids=[
        "it moves",
        "a move was cut off",
        "another CA issues",
        "one ends",
        "a further address",
        "a new member",
    ],
)
def test_clock_that_is_ahead_is_a_fault_where_it_makes_certificates(
    memory: StackMemory, changes: dict[str, Any], seen: Observation, reason: str
) -> None:
    """They would be refused until the hosts' clocks have come there, by all members at once."""
    text = faults(preview=True, changes=changes, memory=memory, **late(seen))
    assert "clocks of etcd01, etcd02 are at least 7199.8 s behind that of this machine" in text
    assert TOLD in text
    assert reason in text
    assert "Correct the clock that is wrong" in text


@pytest.mark.parametrize(
    ("memory", "ahead"),
    [(knows(1), TWO_HOURS), (ending(200), TWO_HOURS), (moved(), (-59.0, -58.0))],
    ids=["nothing is made", "none ends soon", "less than a minute"],
)
def test_clock_that_is_ahead_is_a_warning_elsewhere(
    memory: StackMemory, ahead: tuple[float, float]
) -> None:
    """To repair a running cluster matters more."""
    plan = decided(settings(), late(ahead=ahead), preview=True, memory=memory)
    assert any("behind that of this machine" in each for each in plan.warnings)


def test_clock_that_may_be_right_is_no_fault() -> None:
    """A slow answer makes the reading vague."""
    assert decided(settings(), late(ahead=(-600.0, 1.0)), preview=True, memory=moved()).formed


def test_further_address_that_the_certificates_have_is_no_reason() -> None:
    """Nor is a name: whether they have that, the state does not say."""
    had = {
        name: replace(each, addresses=("127.0.0.1", "::1", each.host, "10.9.9.9"))
        for name, each in remembered().members.items()
    }
    memory = remembered(authorities=knows(1).authorities, members=had)
    wanted = settings(**further("10.9.9.9", "etcd.example.com"))
    assert decided(wanted, late(), preview=True, memory=memory).formed


def test_clock_that_is_ahead_is_no_fault_where_no_key_makes_certificates() -> None:
    """Of an adopted cluster without its CA's key; the state has no addresses of its members."""
    members = {name: replace(each, addresses=()) for name, each in remembered().members.items()}
    memory = remembered(authorities=knows(0, 1).authorities, members=members)
    given = {"authority": {"certificateFile": "ca.crt"}, "authorities": [0, 1]}
    seen = late(at([0, 1], 0))
    assert decided(settings(certificates=given), seen, preview=True, memory=memory).formed


@pytest.mark.parametrize(("ahead", "refused"), [(TWO_HOURS, True), ((-59.0, -58.0), False)])
def test_clock_that_is_ahead_is_a_fault_in_an_adoption(
    ahead: tuple[float, float], refused: bool
) -> None:
    """It makes the certificates of the roll, which may come at once."""
    seen = {name: replace(each, ahead=ahead) for name, each in cluster().items()}
    wanted = settings(**CHANGES)
    if not refused:
        assert decided(wanted, seen, preview=True, memory=theirs.memory()).adopting
        return
    with pytest.raises(HostsError, match=r"this run makes certificates \(adopt\)"):
        decided(wanted, seen, preview=True, memory=theirs.memory())
