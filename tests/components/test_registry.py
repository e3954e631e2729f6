"""The images' registry: where it is configured, and that its password stays secret."""

from __future__ import annotations

import base64

import pytest

from tests.support.mocks import Graph
from tests.support.providers import COMMAND
from tests.support.samples import PASSWORD
from tests.support.values import readable

from .bare import LOGIN, SOURCES, told, whole
from .declared import NAMES, commands, declare


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


def test_packages_can_be_read_when_a_preview_shows_them(bare_graph: Graph) -> None:
    """What is to be installed, and from where, is no secret."""
    assert {each.is_secret("stdin") for each in commands(bare_graph, "packages")} == {False}


def test_no_password_can_be_read_when_a_login_is_configured(bare_graph: Graph) -> None:
    """Neither itself nor in base64, in no input and no output; and the registry has it."""
    login = base64.b64encode(f"puller:{PASSWORD}".encode()).decode()
    traces = (PASSWORD, login, base64.b64encode(PASSWORD.encode()).decode().rstrip("="))
    stored = [dict(each.inputs) for each in bare_graph.resources]
    stored += [dict(each.outputs) for each in bare_graph.resources]
    stored += [dict(outputs) for outputs in bare_graph.registered_outputs.values()]
    texts = [text for each in stored for text in readable(each)]
    assert len(texts) > len(bare_graph.resources)
    assert not [text for text in texts if any(trace in text for trace in traces)]
    assert {told(bare_graph, name, "registry")["login"] for name in NAMES} == {login}


def test_only_the_registry_s_stdin_changes_when_the_password_does(bare_formed: Graph) -> None:
    """It is in no other command; nothing is replaced or restarted by it."""
    other = whole(formed=True, registry={"username": "puller", "password": "x", "caFile": "ca.pem"})
    changed = {
        (each.name, key)
        for each in other.resources
        for key in each.inputs
        if each.inputs[key] != bare_formed.get(each.type, each.name).inputs[key]
    }
    assert changed == {(f"etcd-{name}-registry", "stdin") for name in NAMES}
