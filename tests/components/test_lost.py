"""Members that are given up, as a graph: what the state has stays, and nothing dials them."""

from __future__ import annotations

import pytest

from etcd_cluster.plan.memory import COMMANDS, MEMBER_TYPE, KnownMember, StackMemory
from tests.support.mocks import COMMAND, Graph
from tests.support.samples import members

from .declared import NAMES, declare

LOST = [*members()[:2], members()[2] | {"lost": True}]
AS_IT_IS = ("connection", "create", "update", "delete", "stdin")
FIRST = "2026-11-28T18:50:00+00:00"
WELL = frozenset(COMMANDS) - {"registry", "backup"}


def given_up(*had: str) -> Graph:
    """The cluster, one of whose members is lost that had these commands."""
    known = {name: KnownMember(id="1", started=True, commands=WELL) for name in NAMES[:2]}
    lost = KnownMember(started="member" in had, commands=frozenset(had), lost_since=FIRST)
    memory = StackMemory(members={**known, "etcd03": lost})
    return declare(formed=True, members=LOST, memory=memory, install="packages")


def its_commands(graph: Graph) -> set[str]:
    """What the graph has on that host."""
    return {
        each.name.removeprefix("etcd-etcd03-")
        for each in graph.of_type(COMMAND)
        if each.name.startswith("etcd-etcd03-")
    }


@pytest.mark.parametrize(
    "had",
    [
        COMMANDS,
        ("host-program",),
        ("host-program", "packages"),
        ("host-program", "pki", "packages", "host"),
        ("host-program", "pki", "packages", "host", "member"),
    ],
    ids=["all", "its program", "packages", "prepared", "not seen healthy"],
)
def test_lost_host_keeps_what_it_had_and_gets_nothing_new(had: tuple[str, ...]) -> None:
    """Also one that died in the middle of joining: a command that is new would be run there."""
    graph = given_up(*had)
    assert its_commands(graph) == set(had)
    for thing in had:
        command = graph.command(f"etcd-etcd03-{thing}")
        assert command.ignore_changes == AS_IT_IS
        assert command.retain_on_delete
        assert not command.protect


def test_others_are_not_given_up() -> None:
    """Their commands run, and their components do not say so."""
    graph = given_up(*COMMANDS)
    for name, gone in (("etcd02", False), ("etcd03", True)):
        component = graph.get(MEMBER_TYPE, f"etcd-{name}-member")
        assert ("givenUp" in graph.registered_outputs[component.urn]) is gone
        assert bool(graph.command(f"etcd-{name}-member").ignore_changes == AS_IT_IS) is gone
