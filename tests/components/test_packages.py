"""Hosts that start bare: packages and the registry, their order and their drift."""

from __future__ import annotations

import base64
from itertools import pairwise, permutations

import pytest

from etcd_cluster import hostprogram
from tests.support.mocks import Graph
from tests.support.providers import COMMAND

from .bare import BARE_DRIFT, KEY, LONG_CHAIN, told, whole
from .declared import NAMES, commands, declare

VERBS = {"packages": ("install", "forget-packages"), "registry": ("registry", "forget-registry")}


def test_packages_are_the_only_difference_when_hosts_start_bare(bare: Graph) -> None:
    """One command more for each host, as a child of it."""
    preinstalled = declare()
    known = {each.urn for each in preinstalled.resources}
    new = [each for each in bare.resources if each.urn not in known]
    assert {each.name for each in new} == {f"etcd-{name}-packages" for name in NAMES}
    parents = [bare.parent(each) for each in new]
    assert {each.name for each in parents if each} == {f"etcd-{name}-host" for name in NAMES}
    assert len(bare.resources) == len(preinstalled.resources) + len(NAMES)


def test_every_member_has_its_chain_of_commands_when_hosts_start_bare(bare_graph: Graph) -> None:
    """Seven for each, and no other command."""
    assert bare_graph.names(COMMAND) == {
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
    bare_graph: Graph, name: str, earlier: str, later: str
) -> None:
    """No verb without the program; no runtime before its package; no pull before its login."""
    before, after = (
        bare_graph.command(f"etcd-{name}-{earlier}"),
        bare_graph.command(f"etcd-{name}-{later}"),
    )
    assert before.urn in after.dependencies


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("one", "other"), [("packages", "registry"), ("packages", "pki")])
def test_commands_of_one_host_run_beside_each_other_when_nothing_is_shared(
    bare_with_registry: Graph, name: str, one: str, other: str
) -> None:
    """Packages take longest; certificates and the login are there by then."""
    first = bare_with_registry.command(f"etcd-{name}-{one}")
    second = bare_with_registry.command(f"etcd-{name}-{other}")
    assert not bare_with_registry.depends(first, second)
    assert not bare_with_registry.depends(second, first)


@pytest.mark.parametrize(("one", "other"), list(permutations(NAMES, 2)))
def test_no_member_starts_before_every_host_is_prepared_when_bootstrapping(
    bare: Graph, one: str, other: str
) -> None:
    """A host whose packages cannot be installed must not leave half a bare on the others."""
    prepared = bare.command(f"etcd-{other}-host")
    assert prepared.urn in bare.command(f"etcd-{one}-member").dependencies


@pytest.mark.parametrize(("one", "other"), list(permutations(NAMES, 2)))
@pytest.mark.parametrize("thing", ["host-program", "packages", "registry", "host", "pki"])
def test_hosts_are_prepared_all_at_once_when_bootstrapping(
    bare_with_registry: Graph, thing: str, one: str, other: str
) -> None:
    """Only the start of etcd waits for the others, and never for their health."""
    earlier = commands(bare_with_registry, *LONG_CHAIN, members=(other,))
    command = bare_with_registry.command(f"etcd-{one}-{thing}")
    assert not any(bare_with_registry.depends(command, each) for each in earlier)
    member = bare_with_registry.command(f"etcd-{one}-member")
    for step in ("member", "healthy"):
        assert not bare_with_registry.depends(
            member, bare_with_registry.command(f"etcd-{other}-{step}")
        )


@pytest.mark.parametrize("graph_name", ["bare_formed", "bare_drifted"])
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


def test_first_member_waits_for_nobody_when_formed(bare_formed: Graph) -> None:
    """The barrier of a bootstrapping would never open here: the others come after it."""
    others = commands(bare_formed, *LONG_CHAIN, members=NAMES[1:])
    assert not any(
        bare_formed.depends(later, earlier)
        for later in commands(bare_formed, *LONG_CHAIN, members=NAMES[:1])
        for earlier in others
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("thing", list(VERBS))
def test_its_verb_runs_when_a_command_is_new_changed_or_removed(
    bare_graph: Graph, name: str, thing: str
) -> None:
    """The one that takes it back is told whose host it is."""
    command, (verb, forget) = bare_graph.command(f"etcd-{name}-{thing}"), VERBS[thing]
    assert command.text("create").partition(" # ")[0] == f"{hostprogram.PATH} {verb}"
    assert command.text("update") == f"{hostprogram.PATH} {verb}"
    assert command.text("delete") == f"{hostprogram.PATH} {forget} etcd {name}"


@pytest.mark.parametrize("name", NAMES)
def test_packages_are_told_whose_host_it_is_and_what_to_install(
    bare_with_registry: Graph, name: str
) -> None:
    """The same for all, but for the member's name."""
    state = told(bare_with_registry, name, "packages")
    assert (state["cluster"], state["member"]) == ("etcd", name)
    assert state["kubernetes-version"] == "v1.35.4"
    assert state["etcdctl-version"] == "3.6.6"
    assert base64.b64decode(state["repository.kubernetes.key"]).decode() == KEY


def test_everything_of_hosts_changes_member_by_member_when_the_version_does(
    bare_formed: Graph,
) -> None:
    """An upgrade installs before it prepares."""
    upgraded = whole(formed=True, kubernetesVersion="1.35.5")
    changed = {
        each.name
        for each in upgraded.resources
        if each.inputs != bare_formed.get(each.type, each.name).inputs
    }
    assert changed == {
        f"etcd-{name}-{thing}" for name in NAMES for thing in ("packages", "host", "member")
    }


@pytest.mark.parametrize("thing", list(VERBS))
def test_packages_and_registry_are_protected_as_everything_else_is(
    bare_graph: Graph, thing: str
) -> None:
    """`forget-packages` on a running host would let others upgrade its kubelet."""
    assert {each.protect for each in commands(bare_graph, thing)} == {True}


def test_packages_and_registry_can_be_destroyed_when_deletion_protection_is_off() -> None:
    """Then `destroy` destroys."""
    graph = whole(deletionProtection="false")
    assert {each.protect for each in commands(graph, *LONG_CHAIN)} == {False}


def test_nothing_is_ever_replaced_when_it_changes(bare_graph: Graph) -> None:
    """A replacement would forget what it has just installed."""
    found = commands(bare_graph, "packages", "registry")
    assert [each.name for each in found if "triggers" in each.inputs] == []
    assert [each.name for each in found if each.has_replacement_trigger] == []


def test_reason_stands_behind_create_when_packages_or_registry_drifted(bare_drifted: Graph) -> None:
    """And behind no other; there alone `create` is compared."""
    for (name, area), reason in BARE_DRIFT.items():
        command = bare_drifted.command(f"etcd-{name}-{area}")
        assert command.text("create") == f"{command.text('update')} # {reason}"
    shown = {each.name for each in bare_drifted.of_type(COMMAND) if each.ignore_changes == ()}
    commented = {
        each.name for each in bare_drifted.of_type(COMMAND) if "drift" in each.text("create")
    }
    assert shown == commented == {f"etcd-{name}-{area}" for name, area in BARE_DRIFT}


def test_nothing_of_packages_is_there_when_an_image_has_them() -> None:
    """No command, no barrier, and nothing for the runtime that the image brought."""
    graph = declare()
    assert not [each for each in graph.names(COMMAND) if each.endswith(("-packages", "-registry"))]
    keys = set(told(graph, "etcd01", "host"))
    assert keys.isdisjoint({"pause-image", "etcd-image", "registry-login"})


def test_host_is_told_its_images_when_it_starts_bare(bare_with_registry: Graph) -> None:
    """What is pulled before a member waits for it, and that there is a login; not the login."""
    state = told(bare_with_registry, "etcd01", "host")
    assert state["pause-image"] == "registry.k8s.io/pause:3.10.1"
    assert state["etcd-image"] == "registry.k8s.io/etcd:3.6.6-0"
    assert state["registry-login"] == "given"


def test_every_line_goes_through_sudo_when_the_user_is_not_root() -> None:
    """Packages and registry too."""
    ssh = {"privateKeyFile": "id", "knownHostsFile": "known_hosts", "user": "deploy"}
    lines = [
        each.text(key)
        for each in commands(whole(ssh=ssh), "packages", "registry")
        for key in ("create", "update", "delete")
    ]
    assert len(lines) == 2 * 3 * len(NAMES)
    assert [line for line in lines if not line.startswith("sudo -n ")] == []


def test_preview_declares_the_same_resources_when_nothing_is_known(
    bare_with_registry: Graph,
) -> None:
    """Packages and registry are known from the start."""
    preview = whole(preview=True)
    assert {each.urn for each in preview.resources} == {
        each.urn for each in bare_with_registry.resources
    }
    assert told(preview, "etcd01", "packages") == told(bare_with_registry, "etcd01", "packages")
