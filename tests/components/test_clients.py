"""Further clients: each has a certificate of its own."""

from __future__ import annotations

import pytest

from tests.support.mocks import Graph, is_secret, open_secret

from .declared import CA_CERTIFICATE, LEAF, PRIVATE_KEY, REQUEST, declare

CLIENTS = ("monitoring", "backup")


@pytest.fixture(scope="module")
def graph() -> Graph:
    """A cluster with two further clients."""
    return declare(clients=list(CLIENTS))


@pytest.mark.parametrize("name", CLIENTS)
def test_client_has_its_own_common_name_when_issued(graph: Graph, name: str) -> None:
    """So that etcd's log and its users tell clients apart; it cannot pose as a member."""
    request = graph.get(REQUEST, f"etcd-client-{name}-request")
    leaf = graph.get(LEAF, f"etcd-client-{name}-certificate")
    assert request.value("subject") == {"commonName": name}
    assert leaf.text("caCertPem") == open_secret(graph.get(*CA_CERTIFICATE).outputs["certPem"])
    assert "client_auth" in leaf.value("allowedUses")
    assert "server_auth" not in leaf.value("allowedUses")


@pytest.mark.parametrize("name", CLIENTS)
def test_client_is_exported_with_its_key_hidden_when_declared(graph: Graph, name: str) -> None:
    """The certificate can be read without --show-secrets, the key cannot."""
    exported = graph.stack_output("clients")
    assert set(exported) == set(CLIENTS)
    leaf = graph.get(LEAF, f"etcd-client-{name}-certificate")
    key = graph.get(PRIVATE_KEY, f"etcd-client-{name}-key")
    assert exported[name]["certificate"] == leaf.outputs["certPem"]
    assert is_secret(exported[name]["key"])
    assert open_secret(exported[name]["key"]) == open_secret(key.outputs["privateKeyPem"])


def test_no_client_is_there_when_none_is_declared() -> None:
    """The output is there all the same: who reads it need not ask first."""
    assert declare().stack_output("clients") == {}


def test_client_can_be_taken_back_while_deletion_is_protected() -> None:
    """That revokes nothing, and touches no host; the API servers' key is another matter."""
    graph = declare(clients=["monitoring"], deletionProtection="true")
    assert not graph.get(PRIVATE_KEY, "etcd-client-monitoring-key").protect
    assert graph.get(PRIVATE_KEY, "etcd-apiserver-etcd-client-key").protect
