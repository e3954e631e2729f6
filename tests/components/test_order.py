"""What waits for what."""

from __future__ import annotations

from itertools import pairwise, permutations

import pytest
import yaml

from etcd_cluster.plan.chain import Chain
from tests.support.mocks import Graph
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
def test_no_member_waits_for_another_when_bootstrapping(
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


@pytest.mark.parametrize("order", list(permutations(NAMES)), ids="-".join)
def test_members_go_in_the_plan_s_order_when_formed(order: tuple[str, ...]) -> None:
    """Not in the configuration's: the leader comes last, whichever it is today."""
    graph = declare(formed=True, chain=Chain(order=order))
    for earlier, later in pairwise(order):
        healthy = graph.command(f"etcd-{earlier}-healthy")
        assert healthy.urn in graph.command(f"etcd-{later}-host-program").dependencies
    first = commands(graph, members=order[:1])
    others = commands(graph, members=order[1:])
    assert not any(graph.depends(one, other) for one in first for other in others)


def test_outputs_keep_the_configuration_s_order_when_the_plan_s_is_another() -> None:
    """A change of leader is no change of an endpoint list that other stacks read."""
    graph = declare(formed=True, chain=Chain(order=NAMES[::-1]))
    assert [url.partition("88.")[2] for url in graph.stack_output("endpoints")] == [
        "15:2379",
        "16:2379",
        "17:2379",
    ]


def test_emptied_members_come_back_side_by_side_before_anybody_is_touched() -> None:
    """Those who serve are not disturbed while two others have no data."""
    graph = declare(formed=True, chain=Chain(emptied=("etcd01", "etcd03"), order=("etcd02",)))
    one, other = (commands(graph, members=(name,)) for name in ("etcd01", "etcd03"))
    assert not any(graph.depends(a, b) or graph.depends(b, a) for a in one for b in other)
    for name in ("etcd01", "etcd03"):
        healthy = graph.command(f"etcd-{name}-healthy")
        assert all(graph.depends(each, healthy) for each in commands(graph, members=("etcd02",)))


def test_unhealthy_members_come_back_side_by_side_with_the_emptied_ones() -> None:
    """Neither waits for the other, and those that serve are touched when both are back."""
    names = ("etcd01", "etcd03")
    graph = declare(
        formed=True, chain=Chain(emptied=names[:1], beside=names[1:], order=("etcd02",))
    )
    one, other = (commands(graph, members=(name,)) for name in names)
    assert not any(graph.depends(a, b) or graph.depends(b, a) for a in one for b in other)
    for name in names:
        healthy = graph.command(f"etcd-{name}-healthy")
        assert all(graph.depends(each, healthy) for each in commands(graph, members=("etcd02",)))


def test_joining_host_is_prepared_at_once_and_joins_in_its_turn() -> None:
    """It has no member that its preparation could disturb; the others have."""
    chain = Chain(order=(*NAMES, "etcd04"), joining=frozenset({"etcd04"}))
    graph = declare(formed=True, chain=chain, members=members(4), allowEvenMembers="true")
    earlier = [graph.command(f"etcd-{name}-healthy") for name in NAMES]
    for thing in ("host-program", "pki", "host"):
        own = graph.command(f"etcd-etcd04-{thing}")
        assert not any(graph.depends(own, each) for each in commands(graph))
    member = graph.command("etcd-etcd04-member")
    assert all(graph.depends(member, each) for each in earlier)


def test_members_on_new_machines_join_one_after_the_other() -> None:
    """Each has its former entry removed first; their hosts are prepared at once."""
    chain = Chain(order=("etcd02", "etcd03", "etcd01"), joining=frozenset({"etcd02", "etcd03"}))
    graph = declare(formed=True, chain=chain)
    for earlier, later in pairwise(chain.order):
        healthy = graph.command(f"etcd-{earlier}-healthy")
        assert graph.depends(graph.command(f"etcd-{later}-member"), healthy)
    healthy = graph.command("etcd-etcd02-healthy")
    assert not graph.depends(graph.command("etcd-etcd03-host"), healthy)


def test_nobody_is_touched_before_a_member_that_joins_first() -> None:
    """The two that are left can be spared only when there are three again."""
    chain = Chain(order=("etcd04", *NAMES), joining=frozenset({"etcd04"}))
    graph = declare(formed=True, chain=chain, members=members(4), allowEvenMembers="true")
    healthy = graph.command("etcd-etcd04-healthy")
    assert all(graph.depends(each, healthy) for each in commands(graph))
    own = commands(graph, members=("etcd04",))
    assert not any(graph.depends(one, other) for one in own for other in commands(graph))


def test_every_moving_member_has_its_certificates_before_one_of_them_moves() -> None:
    """A peer that calls from an address that its certificate lacks is turned away."""
    moving = ("etcd01", "etcd03")
    graph = declare(formed=True, chain=Chain(order=NAMES, moved=frozenset(moving)))
    for name in moving:
        for other in moving:
            pki = graph.command(f"etcd-{other}-pki")
            for thing in ("host", "member"):
                assert pki.urn in graph.command(f"etcd-{name}-host").dependencies
                assert graph.depends(graph.command(f"etcd-{name}-{thing}"), pki)
    # They still have their turns.
    healthy = graph.command("etcd-etcd02-healthy")
    assert graph.depends(graph.command("etcd-etcd03-host"), healthy)


@pytest.mark.parametrize(
    "chain",
    [
        Chain(order=NAMES, ended=frozenset(NAMES)),
        Chain(stopped=("etcd01",), order=NAMES[1:], ended=frozenset(NAMES)),
        Chain(emptied=("etcd01",), order=NAMES[1:], ended=frozenset(NAMES[1:])),
        Chain(order=NAMES, ended=frozenset(NAMES[1:]), joining=frozenset({"etcd01"})),
    ],
    ids=["all serve", "one is stopped", "one is emptied", "one joins"],
)
def test_certificates_that_ended_are_replaced_before_anybody_s_turn(chain: Chain) -> None:
    """The first one would find no quorum, and the others' turns would never come."""
    graph = declare(formed=True, chain=chain)
    for name in NAMES[1:]:
        pki = graph.command(f"etcd-{name}-pki")
        assert not any(graph.depends(pki, graph.command(f"etcd-{n}-healthy")) for n in NAMES)
        assert all(graph.depends(graph.command(f"etcd-{n}-member"), pki) for n in NAMES)
    for earlier, later in pairwise(NAMES):
        healthy = graph.command(f"etcd-{earlier}-healthy")
        assert graph.depends(graph.command(f"etcd-{later}-host"), healthy)


@pytest.mark.parametrize(("earlier", "later"), list(pairwise(NAMES)))
@pytest.mark.parametrize("thing", ["packages", "registry", "host"])
def test_moving_host_waits_for_its_turn_when_its_certificates_did_not(
    thing: str, earlier: str, later: str
) -> None:
    """A package's upgrade restarts a runtime: that is felt, certificates are not."""
    graph = declare(
        formed=True,
        chain=Chain(order=NAMES, moved=frozenset(NAMES)),
        install="packages",
        registry={"username": "puller", "password": "x"},
    )
    healthy = graph.command(f"etcd-{earlier}-healthy")
    assert graph.depends(graph.command(f"etcd-{later}-{thing}"), healthy)
    assert not graph.depends(graph.command(f"etcd-{later}-pki"), healthy)


@pytest.mark.parametrize("formed", [True, False])
@pytest.mark.parametrize("step", ["registry", "packages", "host", "pki", "member"])
def test_gate_waits_for_every_step_of_its_host(step: str, formed: bool) -> None:
    """And asks again after any of them."""
    graph = declare(
        formed=formed, install="packages", registry={"username": "puller", "password": "x"}
    )
    waiting = graph.command("etcd-etcd02-healthy")
    assert graph.command(f"etcd-etcd02-{step}").urn in waiting.property_dependencies["stdin"]
    after = yaml.safe_load(waiting.text("stdin"))["after"].split()
    assert f"{step}=7" in after
