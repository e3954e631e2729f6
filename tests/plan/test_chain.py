"""Who is done when: the leader last, the silent after everybody, the emptied before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from etcd_cluster.plan.chain import Chain, addresses, chain
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import FORMED, NOBODY, SILENT, known, remembered

FIVE = tuple(f"etcd0{n}" for n in range(1, 6))
WELL = ready(**FORMED)
LEADER = ready(**FORMED, leader="yes")
EMPTY = ready()
SICK = ready(**{**FORMED, "healthy": "no", "health": "false RAFT NO LEADER"})


def planned(
    seen: Mapping[str, Observation], memory: StackMemory | None = None, count: int = 5
) -> Chain:
    """The chain of so many members, well but for those that are named."""
    wanted = settings(members=members(count), allowEvenMembers="true")
    everybody = {each.name: seen.get(each.name, WELL) for each in wanted.living}
    return chain(wanted, everybody, memory or remembered(count))


@pytest.mark.parametrize("leader", FIVE)
def test_leader_is_last_when_all_answer(leader: str) -> None:
    """So that the leadership moves once, and to a member that is done."""
    found = planned({leader: LEADER})
    assert found.order == (*(name for name in FIVE if name != leader), leader)
    assert (found.emptied, found.joining, found.moved) == ((), frozenset(), frozenset())


@pytest.mark.parametrize("silent", [SILENT, Observation(refused="no sudo")])
def test_silent_host_is_behind_everybody_when_others_answer(silent: Observation) -> None:
    """Its command fails, and nobody stands behind it."""
    assert planned({"etcd01": silent, "etcd02": LEADER}).order == (
        "etcd03",
        "etcd04",
        "etcd05",
        "etcd02",
        "etcd01",
    )


def test_host_that_was_not_observed_counts_as_silent() -> None:
    """As in a preview that asks nobody."""
    wanted = settings()
    assert chain(wanted, {}, remembered()).order == ("etcd01", "etcd02", "etcd03")
    assert chain(wanted, {"etcd02": WELL}, remembered()).order[0] == "etcd02"


def test_emptied_member_comes_first_and_not_in_the_order() -> None:
    """Whom the stack started, and whose host has nothing any more."""
    found = planned({"etcd04": EMPTY, "etcd02": EMPTY})
    assert found.emptied == ("etcd02", "etcd04")
    assert found.order == ("etcd01", "etcd03", "etcd05")


def moved_to_new_machines(*names: str) -> StackMemory:
    """What the stack knows, where these members are to be on other machines than before."""
    return remembered(
        5, members={**remembered(5).members, **{n: known(f"10.9.9.{n[-1]}") for n in names}}
    )


def test_members_that_still_serve_elsewhere_are_replaced_one_after_the_other() -> None:
    """Each gives up a vote before it joins: side by side four of five would, and one be left."""
    moving = ("etcd02", "etcd03", "etcd04", "etcd05")
    wanted = settings(members=members(5))
    seen = dict.fromkeys(moving, EMPTY) | {"etcd01": WELL}
    former = {f"{name}@10.9.9.{name[-1]}": WELL for name in moving}
    former["etcd02@10.9.9.2"] = LEADER
    found = chain(wanted, {**seen, **former}, moved_to_new_machines(*moving))
    assert (found.stopped, found.emptied) == ((), ())
    assert found.order == ("etcd03", "etcd04", "etcd05", "etcd02", "etcd01")
    assert found.joining == set(moving)


def test_member_that_serves_elsewhere_waits_for_who_is_not_healthy() -> None:
    """It gives up a vote; and that vote counts until then, so nobody is mended side by side."""
    wanted = settings(members=members(5))
    seen = {"etcd01": WELL, "etcd02": EMPTY, "etcd03": EMPTY, "etcd04": SICK, "etcd05": SICK}
    former = {"etcd02@10.9.9.2": WELL, "etcd03@10.9.9.3": WELL}
    found = chain(wanted, {**seen, **former}, moved_to_new_machines("etcd02", "etcd03"))
    assert (found.stopped, found.emptied) == ((), ())
    assert found.order == ("etcd04", "etcd05", "etcd02", "etcd03", "etcd01")


@pytest.mark.parametrize(
    "former",
    [
        SILENT,
        ready(**{**FORMED, "healthy": "no"}),
        ready(**FORMED, foreign="of another stack"),
        EMPTY,
        None,
    ],
    ids=["silent", "not healthy", "another stack's", "empty", "not observed"],
)
def test_member_is_emptied_when_it_is_not_known_to_serve_elsewhere(
    former: Observation | None,
) -> None:
    """Until it is back, no other member can be spared."""
    wanted = settings(members=members(5))
    seen = {name: EMPTY if name == "etcd02" else WELL for name in FIVE}
    if former:
        seen["etcd02@10.9.9.2"] = former
    assert chain(wanted, seen, moved_to_new_machines("etcd02")).emptied == ("etcd02",)


def test_host_that_remembers_a_cluster_and_has_no_data_is_emptied() -> None:
    """Also where the stack has forgotten it."""
    assert planned({"etcd02": ready(formed="cafe")}, NOBODY).emptied == ("etcd02",)


@pytest.mark.parametrize("fact", [{"data": "present"}, {"etcd": "running"}])
def test_host_is_not_emptied_while_an_etcd_or_its_data_is_there(fact: dict[str, str]) -> None:
    """Disturbing it costs the quorum a member."""
    found = planned({"etcd02": ready(**fact)})
    assert (found.emptied, "etcd02" in found.order) == ((), True)


@pytest.mark.parametrize(
    ("sick", "others", "together"),
    [
        (1, {}, False),
        (2, {}, False),
        (3, {}, True),
        (5, {}, True),
        # Who does not answer may be well, and may be what makes a quorum with the rest.
        (2, {"etcd05": SILENT}, False),
        (3, {"etcd05": SILENT}, True),
        # Who was emptied votes no more.
        (2, {"etcd05": EMPTY}, True),
        (2, {"etcd05": ready(**{**FORMED, "etcd": "stopped", "healthy": "no"})}, True),
    ],
)
def test_members_are_mended_side_by_side_when_there_cannot_be_a_quorum(
    sick: int, others: dict[str, Observation], together: bool
) -> None:
    """One after the other, the first would wait for a quorum that the next ones are to make."""
    names = FIVE[:sick]
    found = planned({**dict.fromkeys(names, SICK), **others})
    assert (set(names) <= set(found.stopped)) == together
    assert (found.order[:sick] == names) == (not together)


def test_member_that_answers_is_not_taken_for_stopped() -> None:
    """All such would restart side by side."""
    odd = ready(**{**FORMED, "etcd": "stopped"})
    found = planned(dict.fromkeys(FIVE, odd))
    assert (found.stopped, found.order) == ((), FIVE)


def test_new_member_joins_behind_those_that_are_there() -> None:
    """And before those that do not answer: it can join without them."""
    found = planned({"etcd01": EMPTY, "etcd02": LEADER, "etcd03": SILENT}, remembered(0))
    assert found.order == ("etcd04", "etcd05", "etcd02", "etcd01", "etcd03")
    assert found.joining == {"etcd01"}


def replaced(lost: bool = True, second: str = "") -> tuple[Any, StackMemory]:
    """Of three members etcd02 is dead, and etcd04 is to come; `second`: one more that goes."""
    rows = members(4)
    rows[1] |= {"lost": True} if lost else {}
    before = {each["name"]: known(each["address"]) for each in members(3)}
    if second:
        before[second] = known("10.107.88.77")
    return settings(members=rows, allowEvenMembers="true"), remembered(members=before)


@pytest.mark.parametrize(
    ("lost", "second", "seen", "order"),
    [
        (True, "", {}, ("etcd04", "etcd01", "etcd03")),
        (True, "", {"etcd01": LEADER}, ("etcd04", "etcd03", "etcd01")),
        # Nobody joins while a voter is missing.
        (True, "", {"etcd01": SILENT}, ("etcd03", "etcd04", "etcd01")),
        # It is mended before anybody joins, as an emptied one.
        (True, "", {"etcd01": SICK}, ("etcd04", "etcd03")),
        # Three voters stay until the last one leaves.
        (True, "etcd09", {}, ("etcd01", "etcd03", "etcd04")),
        (False, "", {"etcd02": WELL}, ("etcd01", "etcd02", "etcd03", "etcd04")),
        (True, "", {"etcd03": EMPTY}, ("etcd04", "etcd01")),
    ],
    ids=["two", "the leader", "silent", "without a quorum", "one goes", "three", "emptied"],
)
def test_new_member_joins_first_when_no_member_can_be_spared_without_it(
    lost: bool, second: str, seen: dict[str, Observation], order: tuple[str, ...]
) -> None:
    """The entry of a dead one goes, and two voters that are left can spare none."""
    wanted, memory = replaced(lost, second)
    everybody = {"etcd01": WELL, "etcd03": WELL, "etcd04": EMPTY, **seen}
    assert chain(wanted, everybody, memory).order == order


def test_member_whose_first_start_failed_is_joining_and_not_emptied() -> None:
    """Its program is installed, its etcd was never started by this stack."""
    begun = {**remembered(4).members, "etcd05": known("10.107.88.19", started=False)}
    found = planned({"etcd05": EMPTY}, remembered(members=begun))
    assert found.emptied == ()
    assert found.joining == {"etcd05"}


def test_lost_member_has_no_turn() -> None:
    """Nothing dials it."""
    given = members(3)
    given[1]["lost"] = True
    wanted = settings(members=given, allowEvenMembers="true")
    assert chain(wanted, {"etcd01": WELL, "etcd03": WELL}, remembered()).order == (
        "etcd01",
        "etcd03",
    )


@pytest.mark.parametrize(
    ("peer_url", "seen", "moved"),
    [
        ("https://10.9.9.9:2380", WELL, True),
        ("https://10.107.88.16:2380", WELL, False),
        ("", WELL, False),
        ("https://10.9.9.9:2380", SILENT, False),
        ("https://10.9.9.9:2380", EMPTY, False),
    ],
    ids=["another address", "the same", "never told", "silent", "another host, without a member"],
)
def test_member_has_moved_when_its_own_host_has_another_address(
    peer_url: str, seen: Observation, moved: bool
) -> None:
    """A new host joins with its new address; it does not move."""
    before = {**remembered().members, "etcd02": known("10.107.88.16", peer_url=peer_url)}
    found = planned({"etcd02": seen}, remembered(members=before), count=3)
    assert found.moved == ({"etcd02"} if moved else frozenset())


ENTRY = settings().members[0]
LOOPBACK = ("127.0.0.1", "::1")


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        (None, {*LOOPBACK, ENTRY.address}),
        ({"addresses": ()}, {*LOOPBACK, ENTRY.address}),
        ({}, {*LOOPBACK, ENTRY.address}),
        (
            {"addresses": (*LOOPBACK, "10.9.9.9"), "peer_url": "https://10.9.9.9:2380"},
            {*LOOPBACK, ENTRY.address, "10.9.9.9"},
        ),
        (
            {"addresses": (*LOOPBACK, "fd00::9"), "peer_url": "https://[fd00::9]:2380"},
            {*LOOPBACK, ENTRY.address, "fd00::9"},
        ),
        (
            {"addresses": (*LOOPBACK, "10.8.8.8", "10.9.9.9"), "peer_url": "https://10.9.9.9:2380"},
            {*LOOPBACK, ENTRY.address, "10.9.9.9"},
        ),
    ],
    ids=["new", "no certificate yet", "as it was", "moves", "moves from IPv6", "moves again"],
)
def test_certificate_has_the_address_and_the_former_one_of_a_member_that_moves(
    before: dict[str, Any] | None, expected: set[str]
) -> None:
    """Others reach it at the old one until it has moved; of two former ones the last is kept."""
    past = None if before is None else known(ENTRY.address, **before)
    assert set(addresses(ENTRY, past)) == expected


def test_certificate_stays_as_it_is_when_the_member_has_moved() -> None:
    """Taking the former address out would be a change, and a restart, of its own."""
    had = (*LOOPBACK, "10.9.9.9", ENTRY.address)
    assert addresses(ENTRY, known(ENTRY.address, addresses=had)) == had
