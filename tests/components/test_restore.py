"""A restore as a graph: all stage, then all stop, then all start anew."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.restore import Restoring
from tests.support.mocks import Graph

from .declared import NAMES, commands, declare

OLD = "cdf818194e3a8c32"
SECTION = {"snapshot": "/root/snap.db", "replaces": OLD}
SNAPSHOT = Restoring(
    id="0123456789abcdef",
    snapshot="/root/snap.db",
    mark="20512 " + "ab" * 32,
    replaces=OLD,
    running=frozenset(NAMES),
    asked="2026-11-28T18:50:00+00:00",
)
SURVIVOR = replace(SNAPSHOT, snapshot="", mark="", survivor="etcd02")


def restored(wanted: Restoring = SNAPSHOT) -> Graph:
    """The graph of a run that restores."""
    why = {(name, "member"): "restore: …" for name in NAMES}
    return declare(formed=True, restoring=wanted, drift=why, restore=SECTION)


@pytest.mark.parametrize(("later", "earlier"), [("fence", "restore"), ("member", "fence")])
@pytest.mark.parametrize(("one", "other"), list(product(NAMES, NAMES)))
def test_nobody_goes_on_before_all_are_there(
    one: str, other: str, later: str, earlier: str
) -> None:
    """None stops before every host has the new data; none starts before all have stopped."""
    graph = restored()
    after, before = (
        graph.command(f"etcd-{name}-{thing}") for name, thing in ((one, later), (other, earlier))
    )
    assert before.urn in after.dependencies


def test_hosts_are_prepared_one_by_one_before_anything_is_staged() -> None:
    """The old cluster serves meanwhile, and its members are disturbed one after the other."""
    graph = restored()
    first, second, third = commands(graph, "host")
    assert graph.depends(second, first)
    assert graph.depends(third, second)
    for step in commands(graph, "restore"):
        assert all(graph.depends(step, each) for each in commands(graph, "host", "pki"))


def test_host_without_an_etcd_is_prepared_at_once() -> None:
    """It has none that its preparation could disturb."""
    graph = restored(replace(SNAPSHOT, running=frozenset({"etcd01"})))
    first, second, third = commands(graph, "host")
    assert not graph.depends(second, first)
    assert not graph.depends(third, first)


def test_members_start_side_by_side_and_never_bootstrap() -> None:
    """Each needs the others for a quorum."""
    graph = restored()
    for member in commands(graph, "member"):
        assert " converge" in member.text("create")
        assert not any(graph.depends(member, each) for each in commands(graph, "healthy"))


def test_others_join_the_survivor_when_it_is_healthy() -> None:
    """Not before there is somebody to join."""
    graph = restored(SURVIVOR)
    first, survivor, third = commands(graph, "member")
    healthy = graph.command("etcd-etcd02-healthy")
    assert graph.depends(first, healthy)
    assert graph.depends(third, healthy)
    assert not graph.depends(survivor, first)
    assert not graph.depends(first, third)


def test_preview_names_the_snapshot_and_the_cluster_that_ends() -> None:
    """On every host, in the line that is shown; and each run asks every host again."""
    graph = restored()
    for step in commands(graph, "restore"):
        assert "/root/snap.db (0.0 MiB, abababababab)" in step.text("create")
        assert step.text("create") == step.text("update")
        assert "asked: '2026-11-28T18:50:00+00:00'" in step.text("stdin")
    for step in commands(graph, "fence"):
        assert f"cluster {OLD} ends" in step.text("create")


def test_steps_stay_as_they_are_once_they_are_done() -> None:
    """While the section is there; a member that came later has none."""
    done = frozenset({"etcd01-restore", "etcd01-fence"})
    memory = StackMemory(stack="organization/etcd-cluster/test", restore_commands=done)
    graph = declare(formed=True, memory=memory, restore=SECTION)
    for thing in ("restore", "fence"):
        step = graph.command(f"etcd-etcd01-{thing}")
        assert {"create", "update", "stdin", "connection"} <= set(step.ignore_changes)
    names = graph.names("command:remote:Command")
    assert "etcd-etcd02-restore" not in names
    later = declare(formed=True, memory=memory)
    assert "etcd-etcd01-restore" not in later.names("command:remote:Command")
