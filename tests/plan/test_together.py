"""Several changes of the members in one run: who is where, and who can be asked."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan import cluster
from etcd_cluster.plan.chain import chain
from etcd_cluster.plan.lost import lost_voters
from tests.support.samples import members, ready, settings

from .decided import FORMED, SILENT, decided, known, remembered

WELL = ready(**FORMED)
FORMER = "https://10.9.9.9:2380"


def wanted(count: int, *, lost: str = "", renamed: str = "", gone: str = "") -> Any:
    """So many members; one lost, one with another name on its host, one removed."""
    rows = [
        {**each, "name": f"{each['name']}b" if each["name"] == renamed else each["name"]}
        | ({"lost": True} if each["name"] == lost else {})
        for each in members(count)
        if each["name"] != gone
    ]
    return settings(members=rows, allowEvenMembers="true")


@pytest.mark.parametrize("renamed", ["", "etcd02"])
def test_replacement_comes_first_where_of_two_none_can_be_spared(renamed: str) -> None:
    """One of them with another name is no third one."""
    told = wanted(4, lost="etcd03", renamed=renamed)
    seen = {each.name: WELL for each in told.living} | {"etcd04": ready()}
    assert chain(told, seen, remembered(3)).order[0] == "etcd04"


def test_member_that_leaves_with_its_host_can_be_asked_until_then() -> None:
    """With it there are three, and one can be spared."""
    told = wanted(5, lost="etcd03", gone="etcd04")
    seen = {each.name: WELL for each in told.living} | {"etcd05": ready()}
    assert chain(told, seen, remembered(4)).order[-1] == "etcd05"


@pytest.mark.parametrize(
    ("count", "lost", "renamed", "left"),
    [(4, 1, 0, True), (4, 2, 0, False), (4, 2, 1, False), (5, 2, 1, True), (3, 1, 1, True)],
)
@pytest.mark.parametrize("there", [WELL, SILENT], ids=["answers", "silent"])
def test_member_with_another_name_votes_once(
    count: int, lost: int, renamed: int, left: bool, there: Any
) -> None:
    """Of those that are left, the dead ones not, a quorum of all has to be there."""
    rows = [
        {**each, "lost": True}
        if number < lost
        else {**each, "name": f"{each['name']}b"}
        if number < lost + renamed
        else each
        for number, each in enumerate(members(count))
    ]
    told = settings(members=rows, allowEvenMembers="true")
    seen = {each.name: there if each.name.endswith("b") else WELL for each in told.living}
    voters, dead = lost_voters(told, seen, remembered(count))
    assert (len(voters), len(dead)) == (count, lost)
    assert (len(voters - dead) > count // 2) is left


@pytest.mark.parametrize("dialed", ["", "etcd02.example.com"])
def test_member_with_another_name_votes_once_however_it_is_dialed(dialed: str) -> None:
    """It is the one whose id it has: two of four are no quorum, with it counted twice they were."""
    rows = [{**each, "sshHost": each["address"]} for each in members(4)]
    rows[0]["lost"] = rows[3]["lost"] = True
    rows[1] |= {"name": "etcd02b"} | ({"sshHost": dialed} if dialed else {})
    told = settings(members=rows, allowEvenMembers="true")
    had = remembered(4).members
    ids = {name: replace(each, id=name[-2:]) for name, each in had.items()}
    seen = {each.name: ready(**FORMED, member_id=each.name[4:6]) for each in told.living}
    voters, dead = lost_voters(told, seen, remembered(members=ids))
    assert (len(voters), len(dead)) == (4, 2)


def test_host_of_a_rename_that_was_cut_off_can_be_given_up() -> None:
    """It has both names in the state; one entry would be refused for the other."""
    old = members(3)[1] | {"lost": True}
    rows = [*members(3), {**old, "name": "etcd02b"}]
    rows[1] = old
    told = settings(members=rows, allowEvenMembers="true")
    begun = known(old["address"], started=False, commands=frozenset({"host-program"}))
    memory = remembered(members={**remembered(3).members, "etcd02b": begun})
    plan = decided(told, {each.name: WELL for each in told.living}, preview=False, memory=memory)
    assert plan.chain.order == ("etcd01", "etcd03")


@pytest.mark.parametrize("begun", [False, True], ids=["new", "begun"])
@pytest.mark.parametrize(
    ("moving", "refused"), [(("etcd01", "etcd02"), True), (("etcd01",), False), ((), False)]
)
def test_replacement_finds_somebody_only_where_a_member_keeps_its_address(
    moving: tuple[str, ...], refused: bool, begun: bool
) -> None:
    """It comes first where two stay, and asks them at the addresses that they are to have."""
    had = remembered(3).members
    before = {name: known(had[name].host, peer_url=FORMER) for name in moving}
    if begun:
        address = members(4)[3]["address"]
        before["etcd04"] = known(address, started=False, commands=frozenset({"packages"}))
    memory = remembered(members={**had, **before})
    told = wanted(4, lost="etcd03")
    seen = {each.name: WELL for each in told.living} | {"etcd04": ready()}
    found = [each for each in cluster.change_faults(told, seen, memory) if "would find" in each]
    assert len(found) == refused
    assert all(each.startswith("etcd04: to join on a host without data") for each in found)


def test_one_that_joins_behind_others_asks_them_where_they_are_then() -> None:
    """Three move, one after the other, and the fourth comes after them."""
    had = remembered(3).members
    memory = remembered(members={n: known(each.host, peer_url=FORMER) for n, each in had.items()})
    told = wanted(4)
    seen = {each.name: WELL for each in told.living} | {"etcd04": ready()}
    assert not [each for each in cluster.change_faults(told, seen, memory) if "find" in each]


def test_members_that_are_down_start_where_they_are_to_be() -> None:
    """All hosts have other addresses, and a new one comes with them: it asks those."""
    had = remembered(3).members
    memory = remembered(members={n: known(each.host, peer_url=FORMER) for n, each in had.items()})
    told = wanted(4)
    down = ready(**{**FORMED, "healthy": "no", "etcd": "stopped"})
    seen = {each.name: down for each in told.living} | {"etcd04": ready()}
    assert not [each for each in cluster.change_faults(told, seen, memory) if "find" in each]
