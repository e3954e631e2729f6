"""Members that leave, and that nothing would remove; hosts that are left."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import FORMED, SILENT, TOKEN, decided, faults, known, remembered, settled

THEIRS = "this host belongs to member m of cluster blue of the stack a/b/c"
PLACES = {each["name"]: each["address"] for each in members(4)}


def leaving(**changes: Any) -> StackMemory:
    """The stack has a member etcd04 that the configuration has no more."""
    gone = known(PLACES["etcd04"], **changes)
    return remembered(members={**remembered().members, "etcd04": gone})


def refused(seen: Observation, **changes: Any) -> str:
    """Why etcd04 cannot leave from a host that answers so."""
    everybody: Any = {**settled(), "etcd04": seen}
    return faults(preview=True, memory=leaving(**changes), **everybody)


def passes(seen: Observation, **changes: Any) -> None:
    """The plan has no fault."""
    everybody = {**settled(), "etcd04": seen}
    assert decided(settings(), everybody, preview=False, memory=leaving(**changes)).formed


@pytest.mark.parametrize(
    "facts",
    [
        {"owner": "blue m beef a/b/c"},
        {"owner": "etcd etcd04 beef a/b/c"},
        {"owner": "etcd etcd04", "token": "beef"},
        {"token": "beef"},
        {"data": "present"},
    ],
    ids=["cluster", "token", "of an older version", "memory lost", "data of nobody known"],
)
def test_member_on_a_host_that_is_somebody_elses_does_not_leave_unsaid(
    facts: dict[str, str],
) -> None:
    """The host would do nothing, and end well; the member would stay in the cluster, dead."""
    text = refused(ready(**{**FORMED, "data": "absent", "foreign": THEIRS, **facts}))
    assert text.startswith("etcd04 (10.107.88.18): is to leave the cluster, and its host is no ")
    assert THEIRS in text
    assert "lost: true, run `pulumi up`, and remove it after that" in text


def test_member_that_has_left_may_go_when_its_host_is_somebody_elses() -> None:
    """Its delete was cut off after `leave`; nothing of it is there."""
    passes(ready(**FORMED, foreign=THEIRS, owner="blue m beef a/b/c"), started=False)


@pytest.mark.parametrize(
    "facts", [{"owner": f"etcd etcd04 {TOKEN} o/p/s"}, {"owner": "etcd etcd04"}, {"token": TOKEN}]
)
def test_member_leaves_a_host_that_became_a_node_of_kubernetes(facts: dict[str, str]) -> None:
    """It is this stack's still, and the host lets it leave."""
    passes(ready(**FORMED, foreign="this host is a node of a Kubernetes cluster", **facts))


ALL = frozenset(("host-program", "packages", "host", "pki", "member", "healthy"))
BEGUN = frozenset(("host-program", "packages"))


@pytest.mark.parametrize("facts", [{}, {"data": "absent", "etcd": "stopped", "owner": "etcd e"}])
@pytest.mark.parametrize("commands", [ALL, frozenset(("host-program",))])
def test_member_does_not_leave_without_the_host_program(
    facts: dict[str, str], commands: frozenset[str]
) -> None:
    """Each of its commands would end with `command not found`."""
    text = refused(ready(**{**FORMED, "program": "absent", **facts}), commands=commands)
    assert text.startswith("etcd04 (10.107.88.18): is to leave the cluster, and the host program,")
    assert "Put the member back into members and run `pulumi up`" in text
    assert "lost: true, run `pulumi up`, and remove it after that" in text


@pytest.mark.parametrize(("commands", "started"), [(ALL, True), (BEGUN, False)])
def test_member_does_not_leave_from_a_host_that_was_emptied(
    commands: frozenset[str], started: bool
) -> None:
    """There is nobody who could take it out of the cluster."""
    text = refused(ready(), commands=commands, started=started)
    assert text.startswith("etcd04 (10.107.88.18): is to leave the cluster, and its host was empt")
    assert "lost: true, run `pulumi up`, and remove it after that" in text


def test_delete_goes_on_when_just_the_program_s_own_was_cut_off() -> None:
    """The program is gone, and so is all that it knew."""
    passes(ready(), commands=frozenset(("host-program",)), started=False)


def test_renamed_member_needs_no_host_program() -> None:
    """The new name's own command installs it before anything of the old one is deleted."""
    wanted = [*members(), {"name": "etcd05", "address": PLACES["etcd04"]}]
    there = ready(**{**FORMED, "program": "absent"})
    plan = decided(
        settings(members=wanted, allowEvenMembers="true"),
        {**settled(), "etcd04": there, "etcd05": there},
        preview=False,
        memory=leaving(commands=ALL),
    )
    assert plan.formed


def member_on(host: str, *, owner: str = "", id_: str = "") -> Observation:
    """A host with the member that the stack first had there."""
    name = next((name for name, place in PLACES.items() if place == host), "")
    facts = {"member-id": id_ or f"a{name[-1:]}", "owner": f"etcd {owner or name} {TOKEN} o/p/s"}
    return ready(**FORMED, **facts)


def four(**changed: Any) -> StackMemory:
    """A cluster of four, whose ids are known."""
    everybody = {name: known(place, id=f"a{name[-1]}") for name, place in PLACES.items()}
    return remembered(members=everybody | changed)


def rows(**places: str) -> list[dict[str, Any]]:
    """Members on the hosts that four members had."""
    return [{"name": name, "address": PLACES[place]} for name, place in places.items()]


def arranged(
    wanted: list[dict[str, Any]], memory: StackMemory, **seen: Observation
) -> tuple[dict[str, Any], dict[str, Observation]]:
    """Settings, and what each host says, of members that have moved over known hosts."""
    found = {each["name"]: member_on(each["address"]) for each in wanted}
    for name, one in memory.members.items():
        if name not in found:
            found[name] = member_on(one.host)
        elif one.host != next(e["address"] for e in wanted if e["name"] == name):
            found[f"{name}@{one.host}"] = member_on(one.host)
    return {"members": wanted, "allowEvenMembers": "true"}, {**found, **seen}


SHIFTED = rows(etcd01="etcd01", etcd02="etcd03", etcd03="etcd04")


@pytest.mark.parametrize("former", [None, SILENT], ids=["answers", "silent"])
def test_names_are_not_shifted_over_hosts_while_one_is_dropped(former: Observation | None) -> None:
    """Nobody would remove the member on etcd02's former host: `retire` refuses, in each run."""
    seen = {f"etcd02@{PLACES['etcd02']}": former} if former else {}
    changes, found = arranged(SHIFTED, four(), **seen)
    text = faults(preview=True, changes=changes, memory=four(), **found)
    assert text == (
        f"etcd02 ({PLACES['etcd03']}): moves to the host of etcd03, which stays a member, and "
        f"nothing would remove the member a2 on its former host {PLACES['etcd02']}. First remove "
        "etcd02 from members and run `pulumi up`; rename the others after that"
    )


GONE = {name: each for name, each in four().members.items() if name != "etcd02"}


@pytest.mark.parametrize(
    ("wanted", "memory"),
    [
        (rows(etcd01="etcd02", etcd02="etcd01", etcd03="etcd03", etcd04="etcd04"), four()),
        (rows(etcd01="etcd02", etcd02="etcd03", etcd03="etcd01", etcd04="etcd04"), four()),
        (rows(etcd01="etcd01", etcd02="etcd02", etcd03="etcd03", etcd05="etcd04"), four()),
        (rows(etcd01="etcd01", etcd02="etcd03", etcd03="etcd04"), remembered(members=GONE)),
        (rows(etcd01="etcd01", etcd03="etcd03", etcd04="etcd04"), four()),
    ],
    ids=["a swap", "a cycle", "a rename", "a shift after the removal", "a removal"],
)
def test_names_may_move_over_hosts_that_all_stay(
    wanted: list[dict[str, Any]], memory: StackMemory
) -> None:
    """Nobody is left without a name. And a host that another member has then is not cleared."""
    changes, found = arranged(wanted, memory)
    plan = decided(settings(**changes), found, preview=False, memory=memory)
    assert plan.former_hosts == {}


def test_member_may_move_to_an_empty_host() -> None:
    """As every other day; the one that it leaves is cleared."""
    changes, found = arranged([*rows(etcd01="etcd01", etcd02="etcd02", etcd03="etcd03")], four())
    changes["members"].append({"name": "etcd04", "address": "10.107.88.40"})
    found |= {"etcd04": ready(), f"etcd04@{PLACES['etcd04']}": member_on(PLACES["etcd04"])}
    plan = decided(settings(**changes), found, preview=False, memory=four())
    assert list(plan.former_hosts) == ["etcd04"]


THEM = "etcd01=https://10.107.88.15:2380"
WITH_IT = f"{THEM},etcd04=https://10.107.88.18:2380"


@pytest.mark.parametrize(
    ("began", "started", "refused"),
    [
        (f"new {WITH_IT}", False, True),
        (f"new {WITH_IT}", True, False),
        (f"new {THEM}", False, False),
        (f"existing {WITH_IT}", False, False),
        (f"new {THEM},xetcd04=https://10.107.88.18:2380", False, False),
        (f"new {THEM},etcd04=https://10.9.9.9:2380", False, False),
        ("", False, False),
    ],
    ids=[
        "bootstrapped with it",
        "it ran",
        "it was to come later",
        "it was to come beside another",
        "another of a like name",
        "an earlier one of its name",
        "not known how",
    ],
)
def test_member_that_never_ran_does_not_leave_when_the_cluster_counts_it(
    began: str, started: bool, refused: bool
) -> None:
    """Nothing on its host would remove its entry, and nobody else is asked to."""
    memory = leaving(commands=BEGUN, started=started)
    on_it = ready(program="d" * 64, owner=f"etcd etcd04 {TOKEN} a/b/c", data="absent")
    first = ready(**{**FORMED, "started": began})
    seen: dict[str, Any] = {**settled(etcd01=first), "etcd04": on_it}
    if refused:
        text = faults(preview=True, memory=memory, **seen)
        assert text.startswith("etcd04 (10.107.88.18): is to leave the cluster, and never ran, but")
        assert "keep it in members with lost: true" in text
    else:
        assert decided(settings(), seen, preview=True, memory=memory).formed
