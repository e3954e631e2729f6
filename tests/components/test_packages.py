"""Packages and the registry: what hosts are told, secrets, drift."""

from __future__ import annotations

import base64

import pytest

from etcd_cluster import hostprogram
from tests.support.mocks import COMMAND, Graph, readable
from tests.support.samples import PASSWORD

from .bare import DRIFT, KEY, LOGIN, LONG_CHAIN, SOURCES, VERBS, told, whole
from .declared import NAMES, TOKEN, commands, declare


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("thing", list(VERBS))
def test_its_verb_runs_when_a_command_is_new_changed_or_removed(
    whole_graph: Graph, name: str, thing: str
) -> None:
    """The one that takes it back is told whose host it is."""
    command, (verb, forget) = whole_graph.command(f"etcd-{name}-{thing}"), VERBS[thing]
    token = whole_graph.get(*TOKEN).outputs["hex"]
    assert command.text("create").partition(" # ")[0] == f"{hostprogram.PATH} {verb}"
    assert command.text("update") == f"{hostprogram.PATH} {verb}"
    assert command.text("delete") == f"{hostprogram.PATH} {forget} etcd {name} {token}"


@pytest.mark.parametrize("name", NAMES)
def test_packages_are_told_whose_host_it_is_and_what_to_install(
    bootstrapping_whole: Graph, name: str
) -> None:
    """The same for all, but for the member's name."""
    state = told(bootstrapping_whole, name, "packages")
    assert (state["cluster"], state["member"]) == ("etcd", name)
    assert state["kubernetes-version"] == "v1.35.4"
    assert state["etcdctl-version"] == "3.6.6"
    assert base64.b64decode(state["repository.kubernetes.key"]).decode() == KEY


@pytest.mark.parametrize("install", ["packages", "preinstalled"])
@pytest.mark.parametrize(
    ("registry", "there"),
    [({}, False), ({"caFile": "ca.pem"}, True), (LOGIN, True)],
    ids=["nothing", "CA", "login"],
)
def test_registry_has_a_command_only_where_something_is_configured_of_it(
    install: str, registry: dict[str, str], there: bool
) -> None:
    """In both modes: an image does not know the password."""
    graph = declare(sources=SOURCES, install=install, registry=registry)
    found = {each for each in graph.names(COMMAND) if each.endswith("-registry")}
    assert found == ({f"etcd-{name}-registry" for name in NAMES} if there else set())


@pytest.mark.parametrize(
    ("registry", "secret"),
    [({"caFile": "ca.pem"}, False), (LOGIN, True), (LOGIN | {"caFile": "ca.pem"}, True)],
    ids=["CA", "login", "both"],
)
def test_registry_s_stdin_is_secret_just_where_it_holds_a_password(
    registry: dict[str, str], secret: bool
) -> None:
    """A CA's change can be read in a preview."""
    graph = whole(registry=registry)
    found = {each.is_secret("stdin") for each in commands(graph, "registry")}
    assert found == {secret}


def test_packages_can_be_read_when_a_preview_shows_them(whole_graph: Graph) -> None:
    """What is to be installed, and from where, is no secret."""
    assert {each.is_secret("stdin") for each in commands(whole_graph, "packages")} == {False}


def test_no_password_can_be_read_when_a_login_is_configured(whole_graph: Graph) -> None:
    """Neither itself nor in base64, in no input and no output; and the registry has it."""
    login = base64.b64encode(f"puller:{PASSWORD}".encode()).decode()
    traces = (PASSWORD, login, base64.b64encode(PASSWORD.encode()).decode().rstrip("="))
    stored = [dict(each.inputs) for each in whole_graph.resources]
    stored += [dict(each.outputs) for each in whole_graph.resources]
    stored += [dict(outputs) for outputs in whole_graph.registered_outputs.values()]
    texts = [text for each in stored for text in readable(each)]
    assert len(texts) > len(whole_graph.resources)
    assert not [text for text in texts if any(trace in text for trace in traces)]
    assert {told(whole_graph, name, "registry")["login"] for name in NAMES} == {login}


def test_only_the_registry_s_stdin_changes_when_the_password_does(formed_whole: Graph) -> None:
    """It is in no other command; nothing is replaced or restarted by it."""
    other = whole(formed=True, registry={"username": "puller", "password": "x", "caFile": "ca.pem"})
    changed = {
        (each.name, key)
        for each in other.resources
        for key in each.inputs
        if each.inputs[key] != formed_whole.get(each.type, each.name).inputs[key]
    }
    assert changed == {(f"etcd-{name}-registry", "stdin") for name in NAMES}


def test_everything_of_hosts_changes_member_by_member_when_the_version_does(
    formed_whole: Graph,
) -> None:
    """An upgrade installs before it prepares."""
    upgraded = whole(formed=True, kubernetesVersion="1.35.5")
    changed = {
        each.name
        for each in upgraded.resources
        if each.inputs != formed_whole.get(each.type, each.name).inputs
    }
    assert changed == {
        f"etcd-{name}-{thing}" for name in NAMES for thing in ("packages", "host", "member")
    }


@pytest.mark.parametrize("thing", list(VERBS))
def test_packages_and_registry_are_protected_as_everything_else_is(
    whole_graph: Graph, thing: str
) -> None:
    """`forget-packages` on a running host would let others upgrade its kubelet."""
    assert {each.protect for each in commands(whole_graph, thing)} == {True}


def test_packages_and_registry_can_be_destroyed_when_deletion_protection_is_off() -> None:
    """Then `destroy` destroys."""
    graph = whole(deletionProtection="false")
    assert {each.protect for each in commands(graph, *LONG_CHAIN)} == {False}


def test_nothing_is_ever_replaced_when_it_changes(whole_graph: Graph) -> None:
    """A replacement would forget what it has just installed."""
    found = commands(whole_graph, "packages", "registry")
    assert [each.name for each in found if "triggers" in each.inputs] == []
    assert [each.name for each in found if each.has_replacement_trigger] == []


def test_reason_stands_behind_create_when_packages_or_registry_drifted(
    drifted_whole: Graph,
) -> None:
    """And behind no other; there alone `create` is compared."""
    for (name, area), reason in DRIFT.items():
        command = drifted_whole.command(f"etcd-{name}-{area}")
        assert command.text("create") == f"{command.text('update')} # {reason}"
    shown = {each.name for each in drifted_whole.of_type(COMMAND) if each.ignore_changes == ()}
    commented = {
        each.name for each in drifted_whole.of_type(COMMAND) if "drift" in each.text("create")
    }
    assert shown == commented == {f"etcd-{name}-{area}" for name, area in DRIFT}


def test_nothing_of_packages_is_there_when_an_image_has_them() -> None:
    """No command, no barrier, and nothing for the runtime that the image brought."""
    graph = declare()
    assert not [each for each in graph.names(COMMAND) if each.endswith(("-packages", "-registry"))]
    keys = set(told(graph, "etcd01", "host"))
    assert keys.isdisjoint({"pause-image", "etcd-image", "registry-login"})


def test_host_is_told_its_images_when_it_starts_bare(bootstrapping_whole: Graph) -> None:
    """What is pulled before a member waits for it, and that there is a login; not the login."""
    state = told(bootstrapping_whole, "etcd01", "host")
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
    bootstrapping_whole: Graph,
) -> None:
    """Packages and registry are known from the start."""
    preview = whole(preview=True)
    assert {each.urn for each in preview.resources} == {
        each.urn for each in bootstrapping_whole.resources
    }
    assert told(preview, "etcd01", "packages") == told(bootstrapping_whole, "etcd01", "packages")
