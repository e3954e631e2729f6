"""What a change of the configuration changes in the graph, and what it leaves alone."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from etcd_cluster.plan.memory import KnownMember, StackMemory
from tests.support.mocks import COMMAND, Graph
from tests.support.samples import members

from .declared import NAMES, declare


def changes(before: Graph, after: Graph) -> set[tuple[str, str]]:
    """(resource, input) wherever resources of both graphs differ."""
    kept = {each.urn: each for each in after.resources}
    return {
        (each.name, key)
        for each in before.resources
        if each.urn in kept
        for key in set(each.inputs) | set(kept[each.urn].inputs)
        if each.inputs.get(key) != kept[each.urn].inputs.get(key)
    }


def told(graph: Graph, name: str, thing: str = "member") -> dict[str, Any]:
    """The desired state on a command's stdin."""
    state = yaml.safe_load(graph.command(f"etcd-{name}-{thing}").text("stdin"))
    assert isinstance(state, dict)
    return state


def keys_changed(before: Graph, after: Graph, name: str, thing: str = "member") -> set[str]:
    """The keys of the desired state in which two graphs differ."""
    one, other = told(before, name, thing), told(after, name, thing)
    return {key for key in set(one) | set(other) if one.get(key) != other.get(key)}


@pytest.fixture(scope="module")
def new_quota() -> Graph:
    """The formed cluster with another quota."""
    return declare(formed=True, etcd={"quotaBackendBytes": 4 * 1024**3})


def test_only_the_members_stdin_changes_when_the_quota_does(
    formed: Graph, new_quota: Graph
) -> None:
    """No host, no certificate, no `healthy` by itself."""
    assert changes(formed, new_quota) == {(f"etcd-{name}-member", "stdin") for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_one_line_changes_when_the_quota_does(formed: Graph, new_quota: Graph, name: str) -> None:
    """A preview shows just that line."""
    before, after = (
        graph.command(f"etcd-{name}-member").text("stdin").splitlines()
        for graph in (formed, new_quota)
    )
    different = [pair for pair in zip(before, after, strict=True) if pair[0] != pair[1]]
    assert [line.partition(":")[0] for pair in different for line in pair] == [
        "arg.quota-backend-bytes"
    ] * 2
    assert yaml.safe_load(different[0][1]) == {"arg.quota-backend-bytes": str(4 * 1024**3)}


def test_downgrade_is_told_again_on_another_day() -> None:
    """A run that failed has left the command of the former one in the state."""
    first, later = (
        declare(formed=True, downgrade=f"3.5 (asked 2026-11-{day}T18:50:00+00:00)")
        for day in ("28", "29")
    )
    told = first.command("etcd-downgrade")
    assert told.text("create") == told.text("update")
    assert "allow-downgrade # to etcd 3.5 (asked 2026-11-28" in told.text("update")
    assert changes(first, later) == {("etcd-downgrade", "create"), ("etcd-downgrade", "update")}
    assert not told.ignore_changes


@pytest.fixture(scope="module", params=[4, 5])
def grown(request: pytest.FixtureRequest) -> Graph:
    """The formed cluster with one or two members more."""
    return declare(formed=True, members=members(request.param), allowEvenMembers="true")


def test_every_resource_stays_when_members_are_added(formed: Graph, grown: Graph) -> None:
    """Under its name."""
    assert {each.urn for each in formed.resources} < {each.urn for each in grown.resources}


def test_only_new_members_resources_come_when_members_are_added(
    formed: Graph, grown: Graph
) -> None:
    """Nothing of the cluster's own is made a second time."""
    known = {each.urn for each in formed.resources}
    new = [each.name for each in grown.resources if each.urn not in known]
    assert new
    assert all(name.startswith(("etcd-etcd04-", "etcd-etcd05-")) for name in new)


def test_only_membership_changes_for_the_others_when_members_are_added(
    formed: Graph, grown: Graph
) -> None:
    """No certificate, no token, no connection: nothing is replaced."""
    assert changes(formed, grown) == {(f"etcd-{name}-member", "stdin") for name in NAMES}
    assert {name: keys_changed(formed, grown, name) for name in NAMES} == {
        name: {"initial-cluster", "endpoints"} for name in NAMES
    }


def remembering(graph: Graph) -> StackMemory:
    """What the stack knows after that run."""
    return StackMemory(
        stack="organization/etcd-cluster/test",
        members={name: KnownMember(told=told(graph, name)) for name in NAMES},
    )


def test_nothing_runs_for_the_others_when_members_are_added_and_the_stack_knows_them(
    formed: Graph,
) -> None:
    """A preview of growing shows what happens: that members join."""
    grown = declare(formed=True, members=members(5), memory=remembering(formed))
    assert changes(formed, grown) == set()
    for name in ("etcd04", "etcd05"):
        assert len(told(grown, name)["endpoints"].split(",")) == 5


def test_member_whose_host_has_drifted_is_told_all_when_members_are_added(formed: Graph) -> None:
    """It may have to join anew."""
    grown = declare(
        formed=True,
        members=members(5),
        memory=remembering(formed),
        drift={("etcd02", "member"): "drift after 3: data missing"},
    )
    assert keys_changed(formed, grown, "etcd02") == {"initial-cluster", "endpoints"}
    assert keys_changed(formed, grown, "etcd01") == set()


def test_bootstrap_is_told_all_members_whatever_a_killed_run_told(bootstrapping: Graph) -> None:
    """All of them have to name the same initial cluster."""
    again = declare(formed=False, members=members(5), memory=remembering(bootstrapping))
    assert {name: keys_changed(bootstrapping, again, name) for name in NAMES} == {
        name: {"initial-cluster", "endpoints"} for name in NAMES
    }


def test_new_member_joins_when_it_is_added_to_a_formed_cluster(grown: Graph) -> None:
    """After all the others are healthy."""
    new = grown.command("etcd-etcd04-member")
    assert new.text("create").endswith(" converge")
    assert all(grown.depends(new, grown.command(f"etcd-{name}-healthy")) for name in NAMES)


def test_nothing_but_its_own_resources_goes_when_a_member_is_taken_out(formed: Graph) -> None:
    """From five to three, whichever place they had in the list."""
    five = declare(formed=True, members=members(5))
    three = declare(formed=True, members=[*members(5)[:1], *members(5)[3:]])
    left = {each.urn for each in three.resources}
    gone = [each.name for each in five.resources if each.urn not in left]
    assert gone
    assert all(name.startswith(("etcd-etcd02-", "etcd-etcd03-")) for name in gone)
    assert {name for name, _ in changes(five, three)} == {
        f"etcd-{name}-member" for name in ("etcd01", "etcd04", "etcd05")
    }


def test_hosts_and_members_change_and_no_certificate_when_the_version_does(formed: Graph) -> None:
    """An upgrade."""
    upgraded = declare(formed=True, kubernetesVersion="1.35.5")
    assert changes(formed, upgraded) == {
        (f"etcd-{name}-{thing}", "stdin") for name in NAMES for thing in ("host", "member")
    }
    # (What is told of the kubelet: the member's turn is what restarts it.)
    assert keys_changed(formed, upgraded, "etcd01") == {"kubernetes-version", "kubelet"}
    assert keys_changed(formed, upgraded, "etcd01", "host") == {"kubernetes-version"}


def test_only_leaf_certificates_change_when_their_life_does(formed: Graph) -> None:
    """The CA and every key stay."""
    changed = changes(formed, declare(formed=True, certificates={"validityDays": 90}))
    by_hand = {pair for pair in changed if not pair[0].endswith("-pki")}
    assert {key for _, key in by_hand} == {"validityPeriodHours"}
    assert ("etcd-ca-certificate", "validityPeriodHours") not in by_hand


def test_no_member_is_touched_when_deletion_protection_is_turned_off(
    formed: Graph, unprotected: Graph
) -> None:
    """It is a matter of the state alone."""
    assert changes(formed, unprotected) == set()


def test_only_the_verb_of_new_members_differs_when_the_cluster_has_formed(
    bootstrapping: Graph, formed: Graph
) -> None:
    """The second `up` has nothing to do: `create` is not compared."""
    assert changes(bootstrapping, formed) == {(f"etcd-{name}-member", "create") for name in NAMES}
    assert all(each.ignore_changes == ("create",) for each in formed.of_type(COMMAND))
