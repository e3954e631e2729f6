"""What waits for what."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest

from tests.support.graph import Graph
from tests.support.samples import members

from .declared import CA_CERTIFICATE, CA_KEY, LEAVES, NAMES, TOKEN, commands, declare


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("host-program", "host"),
        ("host-program", "pki"),
        ("pki", "host"),
        ("host", "member"),
        ("pki", "member"),
        ("member", "healthy"),
    ],
)
def test_command_waits_for_the_one_before_when_on_one_host(
    graph: Graph, name: str, earlier: str, later: str
) -> None:
    """The program before its verbs, kubelet and certificates before the member that needs both."""
    before, after = graph.command(f"etcd-{name}-{earlier}"), graph.command(f"etcd-{name}-{later}")
    assert before.urn in after.dependencies


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("leaf", LEAVES)
@pytest.mark.parametrize("kind", ["key", "certificate"])
def test_certificates_are_made_first_when_they_are_put_on_a_host(
    bootstrapping: Graph, name: str, leaf: str, kind: str
) -> None:
    """Its own three pairs."""
    pki = bootstrapping.command(f"etcd-{name}-pki")
    assert any(urn.endswith(f"::etcd-{name}-{leaf}-{kind}") for urn in pki.dependencies)


@pytest.mark.parametrize("name", NAMES)
def test_ca_certificate_is_made_first_when_it_is_put_on_a_host(
    bootstrapping: Graph, name: str
) -> None:
    """The certificate; no host has use for the CA's key."""
    pki = bootstrapping.command(f"etcd-{name}-pki")
    assert bootstrapping.get(*CA_CERTIFICATE).urn in pki.dependencies
    assert bootstrapping.get(*CA_KEY).urn not in pki.dependencies


@pytest.mark.parametrize("name", NAMES)
def test_token_is_made_first_when_a_member_starts(graph: Graph, name: str) -> None:
    """It tells this cluster from every other."""
    assert graph.get(*TOKEN).urn in graph.command(f"etcd-{name}-member").dependencies


@pytest.mark.parametrize(("one", "other"), list(permutations(NAMES, 2)))
def test_no_member_waits_for_another_when_founding(
    bootstrapping: Graph, one: str, other: str
) -> None:
    """A first member that waited to be healthy would wait for ever: there is no quorum yet."""
    assert not any(
        bootstrapping.depends(later, earlier)
        for later in commands(bootstrapping, members=(one,))
        for earlier in commands(bootstrapping, members=(other,))
    )


@pytest.mark.parametrize("graph_name", ["formed", "drifted"])
@pytest.mark.parametrize(("earlier", "later"), list(pairwise(NAMES)))
def test_host_is_left_alone_until_the_member_before_is_healthy_when_formed(
    request: pytest.FixtureRequest, graph_name: str, earlier: str, later: str
) -> None:
    """From the first command on: even a new host program waits."""
    graph: Graph = request.getfixturevalue(graph_name)
    healthy = graph.command(f"etcd-{earlier}-healthy")
    assert healthy.urn in graph.command(f"etcd-{later}-host-program").dependencies
    assert all(graph.depends(command, healthy) for command in commands(graph, members=(later,)))


def test_first_member_waits_for_nobody_when_formed(formed: Graph) -> None:
    """Somebody has to begin."""
    others = commands(formed, members=NAMES[1:])
    assert not any(
        formed.depends(later, earlier)
        for later in commands(formed, members=NAMES[:1])
        for earlier in others
    )


def test_members_go_in_the_configuration_s_order_when_formed() -> None:
    """Who wrote it decides who is first."""
    graph = declare(formed=True, members=members()[::-1])
    agent = graph.command("etcd-etcd01-host-program")
    assert graph.command("etcd-etcd02-healthy").urn in agent.dependencies
    assert not graph.depends(graph.command("etcd-etcd03-host-program"), agent)
