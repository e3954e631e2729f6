"""What is secret in the state, and what can be read there."""

from __future__ import annotations

import base64

import pytest

from etcd_cluster import hostprogram
from tests.support.mocks import COMMAND, Graph, is_secret, open_secret, readable
from tests.support.samples import KEY_BODY, KEY_TEXT

from .declared import CHAIN, NAMES, PRIVATE_KEY, TOKEN, commands


def traces(graph: Graph) -> list[str]:
    """What would give a private key away: its text, its lines, and its text in base64."""
    keys = [str(open_secret(each.outputs["privateKeyPem"])) for each in graph.of_type(PRIVATE_KEY)]
    assert len(keys) == len(set(keys)) == 1 + 1 + 3 * len(NAMES)
    bodies = [line for key in keys for line in key.splitlines()[1:-1]]
    encoded = [base64.b64encode(key.encode()).decode() for key in keys]
    return [*keys, *bodies, *encoded, KEY_TEXT, KEY_BODY]


def test_no_private_key_can_be_read_when_inputs_are_stored(graph: Graph) -> None:
    """In no input of any resource."""
    hidden = traces(graph)
    found = [text for each in graph.resources for text in readable(dict(each.inputs))]
    assert len(found) > len(graph.resources)
    assert not [text for text in found if any(trace in text for trace in hidden)]


def test_no_private_key_can_be_read_when_outputs_are_stored(graph: Graph) -> None:
    """Neither a component's nor the stack's."""
    hidden = traces(graph)
    found = [
        text for outputs in graph.registered_outputs.values() for text in readable(dict(outputs))
    ]
    assert len(found) > len(NAMES)
    assert not [text for text in found if any(trace in text for trace in hidden)]


def test_connection_is_secret_when_a_command_is_stored(graph: Graph) -> None:
    """It holds the SSH key."""
    keys = {each.name: each.text("connection", "privateKey") for each in graph.of_type(COMMAND)}
    assert set(keys.values()) == {KEY_TEXT}
    assert [each.name for each in graph.of_type(COMMAND) if not each.is_secret("connection")] == []


@pytest.mark.parametrize("name", NAMES)
def test_stdin_is_secret_when_it_is_keys(graph: Graph, name: str) -> None:
    """They must not be read."""
    assert graph.command(f"etcd-{name}-pki").is_secret("stdin") is True


@pytest.mark.parametrize("thing", ["host", "member", "healthy"])
@pytest.mark.parametrize("name", NAMES)
def test_stdin_can_be_read_when_it_is_desired_state(graph: Graph, name: str, thing: str) -> None:
    """A preview is there to show what changes."""
    assert graph.command(f"etcd-{name}-{thing}").is_secret("stdin") is False


def test_host_program_is_not_in_the_state_when_it_is_installed(bootstrapping: Graph) -> None:
    """It would be nearly half of it; the line that installs it has its digest."""
    for command in commands(bootstrapping, "host-program"):
        assert "stdin" not in command.inputs
        assert command.text("create") == command.text("update")
        assert hostprogram.digest() in command.text("create")
        assert len(command.text("create")) < 800


def test_every_line_can_be_read_when_a_preview_shows_it(graph: Graph) -> None:
    """create, update, delete."""
    lines = [
        each.is_secret(key)
        for each in graph.of_type(COMMAND)
        for key in ("create", "update", "delete")
        if key in each.inputs
    ]
    assert lines == [False] * (3 * len(NAMES) * len(CHAIN) - len(NAMES))


def test_client_key_is_secret_when_exported(graph: Graph) -> None:
    """It opens the whole cluster."""
    value = graph.stack_output("clientKey")
    assert is_secret(value)
    key = graph.get(PRIVATE_KEY, "etcd-apiserver-etcd-client-key").outputs["privateKeyPem"]
    assert open_secret(value) == open_secret(key)


@pytest.mark.parametrize(
    "name",
    [
        "endpoints",
        "caCertificate",
        "clientCertificate",
        "kubeadmExternalEtcd",
        "members",
        "clusterId",
    ],
)
def test_output_can_be_read_when_it_is_no_key(graph: Graph, name: str) -> None:
    """Another stack reads them without the passphrase's secrets."""
    assert not is_secret(graph.stack_output(name))


def test_token_has_128_bits_when_made(bootstrapping: Graph) -> None:
    """Two clusters never have the same."""
    assert bootstrapping.get(*TOKEN).value("byteLength") == 16
