"""Members that are not healthy come back beside the emptied ones, whom they would hold up."""

from __future__ import annotations

from itertools import combinations_with_replacement
from typing import Any

import pytest

from etcd_cluster.plan.chain import Chain, chain
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.cas import authority, leaf
from tests.support.samples import members, ready, settings

from .decided import FORMED, SILENT, known, remembered
from .test_adopted import KEYLESS

WELL = ready(**FORMED)
EMPTY = ready()
ILL = {**FORMED, "healthy": "no", "health": "false RAFT NO LEADER"}
SICK = ready(**ILL)
DAMAGED = ready(**{**ILL, "health": "false ALARM CORRUPT"})
STOPPED = ready(**{**ILL, "etcd": "stopped", "health": ""})
UNCERTIFIED = ready(**ILL, certificates="A")
CERTIFIED = ready(**ILL, certificates="A B C")


def planned(
    *seen: Observation, memory: StackMemory | None = None, **changes: Any
) -> tuple[Chain, int]:
    """The chain of members that say this, in this order, and how many there are."""
    wanted = settings(members=members(len(seen)), allowEvenMembers="true", **changes)
    by_name = dict(zip((each.name for each in wanted.living), seen, strict=True))
    return chain(wanted, by_name, memory or remembered(len(seen))), len(seen)


@pytest.mark.parametrize(
    ("seen", "stopped", "emptied", "beside", "order"),
    [
        # Etcd takes no learner while it misses the fifth.
        ([WELL, WELL, WELL, EMPTY, SICK], "", "4", "5", "123"),
        ([SICK, WELL, EMPTY, WELL, WELL], "", "3", "1", "245"),
        ([WELL, WELL, WELL, EMPTY, SILENT], "", "4", "", "1235"),
        ([WELL, WELL, SILENT, EMPTY, SICK], "", "4", "5", "123"),
        ([WELL] * 4 + [EMPTY, EMPTY, SICK], "", "56", "7", "1234"),
        ([WELL] * 4 + [EMPTY, SICK, SICK], "", "5", "67", "1234"),
        # Nobody was emptied: one after the other, as the guard has them.
        ([WELL, WELL, WELL, SICK, SICK], "", "", "", "45123"),
        # It is connected, and would end the run before the emptied one is back.
        ([WELL, WELL, WELL, EMPTY, DAMAGED], "", "4", "", "5123"),
        ([WELL] * 4 + [EMPTY, DAMAGED, SICK], "", "5", "7", "61234"),
        # Those that are down start first, as ever; so do all where there may be no quorum.
        ([WELL, WELL, WELL, EMPTY, STOPPED], "5", "4", "", "123"),
        ([WELL, WELL, EMPTY, SICK, SICK], "45", "3", "", "12"),
        ([WELL, EMPTY, SICK], "3", "2", "", "1"),
        ([WELL, WELL, EMPTY, SICK], "4", "3", "", "12"),
    ],
)
def test_unhealthy_members_come_back_beside_the_emptied_ones(
    seen: list[Observation], stopped: str, emptied: str, beside: str, order: str
) -> None:
    """One is in one place alone."""
    found, count = planned(*seen)
    for names, expected in (
        (found.stopped, stopped),
        (found.emptied, emptied),
        (found.beside, beside),
        (found.order, order),
    ):
        assert names == tuple(f"etcd0{number}" for number in expected)
    assert len(stopped + emptied + beside + order) == count


@pytest.mark.parametrize("count", [3, 4, 5, 6, 7])
def test_those_that_are_well_hold_the_quorum_without_who_comes_back_beside_the_emptied(
    count: int,
) -> None:
    """Whatever is done to any of these, at whatever time. (Former entries of emptied members go
    first, and with fewer voters a quorum is not larger.) Of those that are silent nobody knows, and
    nobody did when they had their turns alone: there the guard decides, on each host.
    """
    some = 0
    for seen in combinations_with_replacement((WELL, EMPTY, SICK, STOPPED, SILENT), count):
        found, _ = planned(*seen)
        well = seen.count(WELL) + seen.count(SILENT)
        if found.beside:
            some += 1
            assert well >= count // 2 + 1
            assert found.emptied
    assert bool(some) == (count >= 5)


@pytest.mark.parametrize("cause", ["moves", "ended"])
def test_member_that_others_wait_for_keeps_its_place(cause: str) -> None:
    """All have their certificates before anybody's turn: it is connected by these, or would be the
    first one at a new address."""
    memory, sick = remembered(5), SICK
    if cause == "moves":
        moved = known("10.107.88.19", peer_url="https://10.9.9.9:2380")
        memory = remembered(5, members={**memory.members, "etcd05": moved})
    else:
        ended = leaf(authority(), ["etcd05"], 1).der
        at = "2027-01-01T00:00:00+00:00"
        sick = Observation(facts={**SICK.facts, "certificates": ended}, at=at)
    found, _ = planned(WELL, WELL, WELL, EMPTY, sick, memory=memory)
    assert (found.emptied, found.beside) == (("etcd04",), ())
    assert found.order[0] == "etcd05"
    assert "etcd05" in found.moved | found.ended


@pytest.mark.parametrize(
    ("sick", "beside"), [(UNCERTIFIED, ()), (CERTIFIED, ("etcd05",))], ids=["lacks one", "has all"]
)
def test_member_for_which_there_are_no_certificates_keeps_its_place(
    sick: Observation, beside: tuple[str, ...]
) -> None:
    """Its turn fails at once."""
    empty = ready(certificates="A B C")
    found, _ = planned(WELL, WELL, WELL, empty, sick, certificates=KEYLESS)
    assert (found.emptied, found.beside) == (("etcd04",), beside)
