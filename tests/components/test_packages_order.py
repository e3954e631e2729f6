"""Packages and the registry: what waits for what."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest

from tests.support.mocks import COMMAND, Graph

from .bare import LONG_CHAIN, PACKAGES
from .declared import NAMES, commands, declare


@pytest.fixture(scope="module")
def bootstrapping() -> Graph:
    """No cluster yet, bare hosts, and no registry of one's own."""
    return declare(**PACKAGES)


def test_packages_are_the_only_difference_when_hosts_start_bare(bootstrapping: Graph) -> None:
    """One command more for each host, as a child of it."""
    preinstalled = declare()
    known = {each.urn for each in preinstalled.resources}
    new = [each for each in bootstrapping.resources if each.urn not in known]
    assert {each.name for each in new} == {f"etcd-{name}-packages" for name in NAMES}
    parents = {parent.name for each in new if (parent := bootstrapping.parent(each))}
    assert parents == {f"etcd-{name}-host" for name in NAMES}
    assert len(bootstrapping.resources) == len(preinstalled.resources) + len(NAMES)


def test_every_member_has_its_chain_of_commands_when_hosts_start_bare(whole_graph: Graph) -> None:
    """Seven for each, and no other command."""
    assert whole_graph.names(COMMAND) == {
        f"etcd-{name}-{thing}" for name in NAMES for thing in LONG_CHAIN
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("host-program", "packages"),
        ("host-program", "registry"),
        ("packages", "host"),
        ("registry", "host"),
        ("host", "member"),
    ],
)
def test_command_waits_for_the_one_before_when_on_one_host(
    whole_graph: Graph, name: str, earlier: str, later: str
) -> None:
    """No verb without the program; no runtime before its package; no pull before its login."""
    before, after = (
        whole_graph.command(f"etcd-{name}-{earlier}"),
        whole_graph.command(f"etcd-{name}-{later}"),
    )
    assert before.urn in after.dependencies


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("one", "other"), [("packages", "registry"), ("packages", "pki")])
def test_commands_of_one_host_run_beside_each_other_when_nothing_is_shared(
    bootstrapping_whole: Graph, name: str, one: str, other: str
) -> None:
    """Packages take longest; certificates and the login are there by then."""
    first = bootstrapping_whole.command(f"etcd-{name}-{one}")
    second = bootstrapping_whole.command(f"etcd-{name}-{other}")
    assert not bootstrapping_whole.depends(first, second)
    assert not bootstrapping_whole.depends(second, first)


@pytest.mark.parametrize(("one", "other"), list(permutations(NAMES, 2)))
def test_no_member_starts_before_every_host_is_prepared_when_founding(
    bootstrapping: Graph, one: str, other: str
) -> None:
    """A host whose packages cannot be had must not leave half a bootstrapping on the others."""
    prepared = bootstrapping.command(f"etcd-{other}-host")
    assert prepared.urn in bootstrapping.command(f"etcd-{one}-member").dependencies


@pytest.mark.parametrize(("one", "other"), list(permutations(NAMES, 2)))
@pytest.mark.parametrize("thing", ["host-program", "packages", "registry", "host", "pki"])
def test_hosts_are_prepared_all_at_once_when_founding(
    bootstrapping_whole: Graph, thing: str, one: str, other: str
) -> None:
    """Only the start of etcd waits for the others, and never for their health."""
    earlier = commands(bootstrapping_whole, *LONG_CHAIN, members=(other,))
    command = bootstrapping_whole.command(f"etcd-{one}-{thing}")
    assert not any(bootstrapping_whole.depends(command, each) for each in earlier)
    member = bootstrapping_whole.command(f"etcd-{one}-member")
    for step in ("member", "healthy"):
        assert not bootstrapping_whole.depends(
            member, bootstrapping_whole.command(f"etcd-{other}-{step}")
        )


@pytest.mark.parametrize("graph_name", ["formed_whole", "drifted_whole"])
@pytest.mark.parametrize(("earlier", "later"), list(pairwise(NAMES)))
def test_packages_go_member_by_member_when_formed(
    request: pytest.FixtureRequest, graph_name: str, earlier: str, later: str
) -> None:
    """A package's upgrade restarts a runtime: the next host waits until this member is healthy."""
    graph: Graph = request.getfixturevalue(graph_name)
    healthy = graph.command(f"etcd-{earlier}-healthy")
    assert all(
        graph.depends(each, healthy) for each in commands(graph, *LONG_CHAIN, members=(later,))
    )


def test_first_member_waits_for_nobody_when_formed(formed_whole: Graph) -> None:
    """The barrier of a bootstrapping would never open here: the others come after it."""
    others = commands(formed_whole, *LONG_CHAIN, members=NAMES[1:])
    assert not any(
        formed_whole.depends(later, earlier)
        for later in commands(formed_whole, *LONG_CHAIN, members=NAMES[:1])
        for earlier in others
    )
