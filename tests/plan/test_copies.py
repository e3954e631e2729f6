"""Machines that were copied: two of them with the identity of one member."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.plan import copies
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import CLUSTER, FORMED, SILENT, decided, faults, known, remembered, settled

OLD, NEW = "10.9.9.9", "10.107.88.18"
PLACES = {each["name"]: each["address"] for each in members(4)}
GROWN = {"members": members(4), "allowEvenMembers": "true"}
STOPPED = {"etcd": "stopped", "healthy": "no", "health": ""}


def on(address: str, id_: str, **facts: str) -> Observation:
    """A host with this address, whose member is this one."""
    own = {"member-id": id_, "addresses": f"127.0.0.1 {address} 172.17.0.1"}
    return ready(**FORMED | own | facts)


def cluster(**changed: Any) -> StackMemory:
    """Three members whose ids the stack knows."""
    everybody = {name: known(PLACES[name], id=f"a{name[-1]}") for name in list(PLACES)[:3]}
    return remembered(members=everybody | changed)


def all_well(**changed: Observation) -> dict[str, Observation]:
    """Their hosts."""
    return {name: on(PLACES[name], f"a{name[-1]}") for name in list(PLACES)[:3]} | changed


def refused(changes: dict[str, Any], memory: StackMemory, seen: dict[str, Observation]) -> str:
    """The only fault."""
    (line,) = faults(preview=True, changes=changes, memory=memory, **seen).splitlines()
    return line


BOTH = ": both have the identity of the member %s, so one of these machines is a copy of the other"


@pytest.mark.parametrize("etcd", [STOPPED, {}, {**STOPPED, "data": "absent"}])
def test_host_that_was_copied_from_a_member_does_not_become_another(etcd: dict[str, str]) -> None:
    """It would be taken for a member that is down; without data, it would have that one removed."""
    seen = all_well(etcd04=on(NEW, "a1", **etcd))
    line = refused(GROWN, cluster(), seen)
    assert line.startswith(f"etcd01 (10.107.88.15), etcd04 ({NEW}){BOTH % 'a1'}")
    assert "run `sudo etcd-host abandon` on" in line.lower()
    if etcd:
        stays = "etcd01 (10.107.88.15) serves, and has to stay. Run `sudo etcd-host abandon` on"
        assert f"{stays} etcd04 ({NEW}), which moves its data aside" in line
    else:
        assert "Find out which one is the copy" in line


def test_given_up_member_is_not_replaced_by_a_copy_of_another() -> None:
    """The others have removed its own entry."""
    memory = cluster(etcd03=known(OLD, id="a3", given_up=True))
    seen = all_well(etcd03=on(PLACES["etcd03"], "a2", **STOPPED))
    line = refused({}, memory, seen)
    assert line.startswith(f"etcd02 (10.107.88.16), etcd03 (10.107.88.17){BOTH % 'a2'}")


@pytest.mark.parametrize("own", [STOPPED, {**STOPPED, "data": "absent"}])
@pytest.mark.parametrize("restores", [False, True])
def test_member_does_not_move_to_a_copy_while_the_original_answers(
    restores: bool, own: dict[str, str]
) -> None:
    """Its id alone says that this is the same machine, at another address."""
    memory = cluster(etcd02=known(OLD, id="a2"))
    seen = all_well(etcd02=on(PLACES["etcd02"], "a2", **own))
    seen[f"etcd02@{OLD}"] = on(OLD, "a2")
    if restores:
        assert list(copies.faults(settings(), seen, memory, restores=True))
        return
    line = refused({}, memory, seen)
    former = f"the former host {OLD} of etcd02"
    assert line.startswith(f"etcd02 (10.107.88.16), {former}{BOTH % 'a2'}")
    assert f"{former} serves, and has to stay" in line
    assert "safe only if its etcd has not run since it was copied" in line


def test_copy_does_not_leave_with_the_entry_of_the_original() -> None:
    """The state has begun a member there, and the configuration has it no more."""
    memory = cluster(etcd04=known(NEW, started=False, commands=frozenset(("host-program",))))
    line = refused({}, memory, all_well(etcd04=on(NEW, "a1", **STOPPED)))
    assert line.startswith(f"etcd01 (10.107.88.15), etcd04 ({NEW}){BOTH % 'a1'}")


@pytest.mark.parametrize("first", [SILENT, on(PLACES["etcd01"], "")], ids=["silent", "forgetful"])
def test_copy_is_refused_when_the_stack_alone_knows_the_original_s_id(first: Observation) -> None:
    """Its etcd may serve all the same."""
    seen = all_well(etcd01=first, etcd04=on(NEW, "a1", **STOPPED))
    line = refused(GROWN, cluster(), seen)
    assert line.startswith(f"etcd01 (10.107.88.15), etcd04 ({NEW}){BOTH % 'a1'}")
    if first is SILENT:
        assert "etcd01 does not answer (No route to host). If etcd04 is the copy, run" in line
        assert "give it up (lost: true)" in line


@pytest.mark.parametrize("unread", [("etcd04",), ("etcd01", "etcd04")])
def test_two_machines_are_taken_for_two_when_their_addresses_are_not_known(
    unread: tuple[str, ...],
) -> None:
    """It is said why, in case it is one."""
    seen = all_well(etcd04=on(NEW, "a1", **STOPPED))
    seen |= {name: on("", "a1", addresses="") for name in unread}
    line = refused(GROWN, cluster(), seen)
    assert f"check that `ip addr` works on {unread[0]})" in line


def passes(changes: dict[str, Any], memory: StackMemory, seen: dict[str, Observation]) -> None:
    """The plan has no fault."""
    assert decided(settings(**changes), seen, preview=False, memory=memory).formed


SAME = {"addresses": f"127.0.0.1 {PLACES['etcd02']} {OLD}"}
MOVES = cluster(etcd02=known(OLD, id="a2"))


@pytest.mark.parametrize(
    ("own", "former"),
    [
        (on("", "a2", **SAME), on("", "a2", **SAME)),
        (on(PLACES["etcd02"], "a2"), SILENT),
        (on(PLACES["etcd02"], "a2"), on(OLD, "a2", **STOPPED, data="absent")),
        (ready(addresses=PLACES["etcd02"]), on(OLD, "a2")),
        (on(PLACES["etcd02"], "b7"), on(OLD, "a2", **STOPPED)),
        (on(PLACES["etcd02"], ""), on(OLD, "")),
        (on(PLACES["etcd02"], "a2"), on(OLD, "a2", formed="beef")),
        (on(PLACES["etcd02"], "a2"), on(OLD, "a2", **STOPPED, restoring="r1 data x y a2")),
    ],
    ids=[
        "one machine",
        "the former one is off",
        "its disk is in the new one",
        "it is replaced",
        "it has been replaced",
        "no ids",
        "a member of another cluster",
        "stopped for a restore",
    ],
)
def test_member_may_move(own: Observation, former: Observation) -> None:
    """To another address, or to another machine."""
    seen = all_well(etcd02=own, **{f"etcd02@{OLD}": former})
    assert list(copies.faults(settings(), seen, MOVES)) == []


@pytest.mark.parametrize("host", ["etcd03.example", "ETCD03.example."])
def test_member_may_be_renamed(host: str) -> None:
    """Its host is looked at twice, once for each name; also where a name was spelled otherwise."""
    rows = [*members()[:2], {"name": "etcd04", "address": PLACES["etcd03"], "sshHost": host}]
    memory = cluster(etcd03=known(PLACES["etcd03"], host="etcd03.example", id="a3"))
    there = on(PLACES["etcd03"], "a3", addresses="")
    passes({"members": rows}, memory, all_well(etcd03=there, etcd04=there))


def test_member_may_be_renamed_and_dialed_in_another_way() -> None:
    """Both names lead to one machine."""
    rows = [*members()[:2], {"name": "etcd04", "address": PLACES["etcd03"], "sshHost": "new"}]
    memory = cluster(etcd03=known(PLACES["etcd03"], host="old.example", id="a3"))
    there = on(PLACES["etcd03"], "a3")
    passes({"members": rows}, memory, all_well(etcd03=there, etcd04=there))


def test_names_may_be_swapped_while_a_host_is_silent() -> None:
    """The id that the stack knows of a name is then that of the other name's host."""
    rows = members()
    rows[0]["address"], rows[1]["address"] = rows[1]["address"], rows[0]["address"]
    seen = all_well(etcd01=SILENT, etcd02=on(PLACES["etcd01"], "a1"))
    seen[f"etcd01@{PLACES['etcd01']}"] = on(PLACES["etcd01"], "a1")
    assert list(copies.faults(settings(members=rows), seen, cluster())) == []


def test_copies_of_one_machine_may_be_restored() -> None:
    """Each starts anew, with data and an id of its own; what one has done so far is not judged."""
    seen = all_well(etcd02=on(PLACES["etcd02"], "a1"), etcd03=on(PLACES["etcd03"], "a1"))
    assert len(list(copies.faults(settings(), seen, cluster()))) == 3
    assert list(copies.faults(settings(), seen, cluster(), restores=True)) == []
    begun = {"restoring": f"r1 data {CLUSTER} beef a1"}
    seen = {name: on(PLACES[name], "a1", **begun) for name in seen}
    assert list(copies.faults(settings(), seen, cluster())) == []


def test_hosts_that_nobody_has_looked_at_are_no_copies() -> None:
    """As in a preview without driftDetection."""
    assert list(copies.faults(settings(), {}, cluster())) == []
    assert decided(settings(), settled(), preview=False, memory=cluster()).formed
