"""Faults and warnings about the cluster: whose it is, and how it is."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.config.takeover import TakeOver
from etcd_cluster.plan import cluster
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.plan import Plan
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import CLUSTER, FORMED, SILENT, decided, faults, known, remembered, settled


def refused(memory: StackMemory, changes: dict[str, Any] | None = None, **seen: Observation) -> str:
    """Every fault of a plan whose hosts are well but for those that are named."""
    return faults(preview=True, changes=changes, memory=memory, **{**settled(), **seen})


def warned(changes: dict[str, Any] | None = None, **seen: Observation) -> list[str]:
    """Every warning of a plan for a formed cluster."""
    plan = decided(
        settings(**(changes or {})), {**settled(), **seen}, preview=True, memory=remembered()
    )
    return list(plan.warnings)


def test_nothing_is_said_when_all_is_well() -> None:
    """The case that the others differ from."""
    assert warned() == []


def test_another_cluster_than_the_stacks_is_a_fault() -> None:
    """Its state may be an old one."""
    text = refused(remembered(cluster_id="beef"))
    assert f"a member of cluster {CLUSTER}, but this stack's cluster is beef" in text
    assert "docs/runbooks/lost-state.md" in text


def test_all_new_names_are_a_fault() -> None:
    """The data would be left behind, and a second cluster is never made in its place."""
    new = [{**each, "name": f"new-{each['name']}"} for each in members()]
    seen: Any = {each["name"]: ready() for each in new}
    text = faults(preview=True, changes={"members": new}, memory=remembered(), **seen)
    assert "none of new-etcd01, new-etcd02, new-etcd03 is a member of this stack's cluster" in text
    assert "keep at least one of them" in text


@pytest.mark.parametrize("preview", [True, False])
def test_all_emptied_hosts_are_a_fault(preview: bool) -> None:
    """There is no quorum to come back through."""
    seen: Any = {name: ready() for name in ("etcd01", "etcd02", "etcd03")}
    text = faults(preview=preview, memory=remembered(), **seen)
    assert "none of the hosts has data" in text
    assert "a second, empty cluster is never bootstrapped" in text


def test_emptied_hosts_are_no_fault_while_one_is_not_seen() -> None:
    """It may have the data."""
    assert decided(
        settings(),
        {"etcd01": ready(), "etcd02": ready(), "etcd03": SILENT},
        preview=True,
        memory=remembered(),
    ).formed


def four() -> StackMemory:
    """The stack has a member etcd04 that the configuration has no more."""
    return remembered(4)


def test_leaving_member_is_a_fault_when_its_host_is_silent() -> None:
    """It could not be taken out in order; the way out is said."""
    text = refused(four(), etcd04=SILENT)
    assert text.startswith("etcd04 (10.107.88.18): is to leave the cluster")
    assert "No route to host" in text
    assert "lost: true" in text


def test_host_that_was_only_begun_is_a_fault_when_it_is_silent() -> None:
    """It died in the middle of joining: what was done there could not be taken back."""
    begun = {"etcd04": known("10.107.88.18", started=False)}
    text = refused(remembered(members={**remembered().members, **begun}), etcd04=SILENT)
    assert text.startswith("etcd04 (10.107.88.18): is to leave the cluster")
    assert "lost: true" in text


def test_leaving_member_is_no_fault_when_its_host_answers() -> None:
    """Then it leaves."""
    plan = decided(
        settings(), {**settled(), "etcd04": ready(**FORMED)}, preview=False, memory=four()
    )
    assert plan.warnings == ()


def test_runtime_is_a_fault_when_the_member_runs_in_the_other() -> None:
    """The old one would keep its etcd."""
    used = ready(**FORMED, runtime_used="unix:///var/run/crio/crio.sock")
    text = refused(remembered(), etcd02=used)
    assert text.startswith("etcd02 (10.107.88.16): containerRuntime is containerd")
    # Not member by member: the stack has one setting, and the others still use the old runtime.
    assert "new stack on new hosts from a backup (docs/runbooks/restore.md)" in text
    same = ready(**FORMED, runtime_used="unix:///run/containerd/containerd.sock")
    assert warned(etcd02=same) == []


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"health": "false ALARM NOSPACE"}, "out of space (alarm NOSPACE)"),
        ({"health": "false ALARM CORRUPT", "healthy": "no"}, "damaged (alarm CORRUPT)"),
        ({"health": "false ALARM NOSPACE ALARM CORRUPT"}, "damaged (alarm CORRUPT)"),
        ({"learner": "yes"}, "still a learner"),
        ({"etcd": "stopped", "healthy": "no", "health": ""}, "its etcd does not run"),
        ({"healthy": "no", "health": "false RAFT NO LEADER"}, "not healthy: RAFT NO LEADER"),
        ({"healthy": "no", "health": ""}, "does not answer on 127.0.0.1:2381"),
    ],
)
def test_member_that_is_not_well_is_warned_of(facts: dict[str, str], said: str) -> None:
    """Once, with its host; the plan goes on, for it may be what mends it."""
    (text,) = warned(etcd02=ready(**FORMED | facts))
    assert text.startswith("etcd02 (10.107.88.16): ")
    assert said in text


def test_members_without_a_connection_to_each_other_are_warned_of() -> None:
    """Through the leader both are healthy. What is not known is not warned of."""
    ids = {"etcd01": "a1", "etcd02": "b2", "etcd03": "c3"}
    hosts_: dict[str, Any] = {
        name: ready(**FORMED | {"member-id": each, "active-peers": f"a1 {each}"})
        for name, each in ids.items()
        if name != "etcd01"
    }
    first = FORMED | {"member-id": "a1", "active-peers": "b2 c3"}
    one, other = warned(etcd01=ready(**first), **hosts_)
    assert one.startswith("etcd02: its etcd has no connection to etcd03. Check that the members")
    assert other.startswith("etcd03: its etcd has no connection to etcd02")
    unknown = ready(**first | {"active-peers": ""})
    assert warned(etcd01=unknown, etcd02=ready(**FORMED | {"member-id": "b2"})) == []


def test_member_that_answers_is_not_said_to_be_stopped() -> None:
    """Its etcd runs, whatever else the host says of it."""
    assert warned(etcd02=ready(**FORMED | {"etcd": "stopped"})) == []


def test_former_host_is_warned_of_when_it_does_not_answer() -> None:
    """Keys of this cluster stay there, and with backups the store's credentials."""
    former: Any = {"etcd02@10.9.9.9": SILENT}
    (text,) = warned(**former)
    assert text.startswith("etcd02: its former host 10.9.9.9 is unreachable")
    for folder in ("/etc/kubernetes/pki/etcd", "/etc/kubernetes/etcd-host", "/var/lib/etcd-host"):
        assert folder in text


def at(plan: Plan) -> dict[str, tuple[str, ...]]:
    """Where former hosts are that are cleared, by member."""
    return {name: tuple(each.host for each in hosts) for name, hosts in plan.former_hosts.items()}


def test_former_host_is_cleared_when_it_answers_and_is_owned() -> None:
    """One that nobody owns any more has been cleared."""
    moved = {**remembered().members, "etcd02": known("10.9.9.9")}
    for owner, cleared in (("etcd etcd02 cafe s", {"etcd02": ("10.9.9.9",)}), ("", {})):
        plan = decided(
            settings(),
            {**settled(), "etcd02@10.9.9.9": ready(owner=owner)},
            preview=False,
            memory=remembered(members=moved),
        )
        assert at(plan) == cleared


@pytest.mark.parametrize(
    ("moving", "is_refused"), [(("etcd01", "etcd03"), True), (("etcd01",), False), ((), False)]
)
def test_new_host_joins_only_where_a_member_keeps_its_address(
    moving: tuple[str, ...], is_refused: bool
) -> None:
    """It comes first, and asks the others at the addresses that they are to have."""
    had = remembered().members
    before = {name: known(had[name].host, peer_url="https://10.9.9.9:2380") for name in moving}
    memory = remembered(members={**had, **before})
    seen = settled(etcd02=ready())
    if is_refused:
        text = refused(memory, etcd02=ready())
        assert "etcd02: to join on a host without data while every other member" in text
        assert "(etcd01, etcd03) changes its address" in text
    else:
        assert decided(settings(), seen, preview=True, memory=memory).chain.emptied == ("etcd02",)


def test_new_host_of_a_member_that_still_serves_joins_only_where_one_keeps_its_address() -> None:
    """As one without a former host."""
    had = remembered().members
    before = {n: known(had[n].host, peer_url="https://10.9.9.9:2380") for n in ("etcd01", "etcd03")}
    memory = remembered(members={**had, **before, "etcd02": known("10.9.9.2")})
    former: Any = {"etcd02@10.9.9.2": ready(**FORMED)}
    everybody = {**settled(etcd02=ready()), **former}
    alone = remembered(members={**had, "etcd02": known("10.9.9.2")})
    plan = decided(settings(), everybody, preview=True, memory=alone)
    assert (plan.chain.emptied, plan.chain.order[0]) == ((), "etcd02")
    text = refused(memory, etcd02=ready(), **former)
    assert "etcd02: to join on a host without data while every other member" in text


@pytest.mark.parametrize("way", ["restore", "takeOver"])
def test_new_host_may_join_while_all_others_move_when(way: str) -> None:
    """All start anew, with their new addresses; or the former members are asked."""
    had = remembered().members
    memory = remembered(
        members={
            name: known(each.host, peer_url="https://10.9.9.9:2380") for name, each in had.items()
        }
    )
    wanted = settings()
    if way == "takeOver":
        section = TakeOver.model_validate({"cluster": CLUSTER, "endpoints": ["https://h:2379"]})
        wanted = wanted.model_copy(update={"take_over": section})
        found = cluster.change_faults(wanted, settled(etcd02=ready()), memory)
        assert list(found) == []
        return
    mark = "20512 " + "ab" * 32
    down = ready(**{**FORMED, "healthy": "no", "snapshot": mark})
    seen = {"etcd01": down, "etcd02": ready(snapshot=mark), "etcd03": down}
    wanted = settings(restore={"snapshot": "/root/snap.db", "replaces": CLUSTER})
    assert decided(wanted, seen, preview=False, memory=memory).restoring
