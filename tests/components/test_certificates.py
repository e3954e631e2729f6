"""The certificates."""

from __future__ import annotations

import base64
import hashlib

import pytest
import yaml

from tests.support.mocks import Graph, open_secret
from tests.support.samples import members

from .declared import (
    CA_CERTIFICATE,
    CA_KEY,
    LEAF,
    LEAVES,
    NAMES,
    PRIVATE_KEY,
    REQUEST,
    commands,
    declare,
)

CERTIFICATES = ["apiserver-etcd-client", *(f"{name}-{leaf}" for name in NAMES for leaf in LEAVES)]
SERVED = [f"{name}-{leaf}" for name in NAMES for leaf in ("server", "peer")]
CLIENTS = [each for each in CERTIFICATES if each not in SERVED]


def output(graph: Graph, type_: str, name: str, key: str) -> str:
    """What a provider computed."""
    return str(open_secret(graph.get(type_, name).outputs[key]))


def test_every_certificate_is_there_when_declared(bootstrapping: Graph) -> None:
    """Three for each member, one for the API servers."""
    assert bootstrapping.names(LEAF) == {f"etcd-{name}-certificate" for name in CERTIFICATES}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_leaf_is_signed_by_the_ca_when_issued(bootstrapping: Graph, name: str) -> None:
    """One CA above them all: by its key, and naming its certificate."""
    leaf = bootstrapping.get(LEAF, f"etcd-{name}-certificate")
    assert leaf.text("caPrivateKeyPem") == output(bootstrapping, *CA_KEY, "privateKeyPem")
    assert leaf.text("caCertPem") == output(bootstrapping, *CA_CERTIFICATE, "certPem")
    assert leaf.property_dependencies["caPrivateKeyPem"] == {bootstrapping.get(*CA_KEY).urn}
    assert leaf.property_dependencies["caCertPem"] == {bootstrapping.get(*CA_CERTIFICATE).urn}


@pytest.mark.parametrize("name", CERTIFICATES)
def test_leaf_has_its_own_key_when_issued(bootstrapping: Graph, name: str) -> None:
    """key -> request -> certificate, shared with nobody."""
    request = bootstrapping.get(REQUEST, f"etcd-{name}-request")
    key = output(bootstrapping, PRIVATE_KEY, f"etcd-{name}-key", "privateKeyPem")
    leaf = bootstrapping.get(LEAF, f"etcd-{name}-certificate")
    assert request.text("privateKeyPem") == key
    assert leaf.text("certRequestPem") == output(
        bootstrapping, REQUEST, request.name, "certRequestPem"
    )


def test_every_key_is_p256_when_made(bootstrapping: Graph) -> None:
    """The provider's default is P224, and kubeadm loads no Ed25519 key."""
    kinds = [
        (each.text("algorithm"), each.text("ecdsaCurve"))
        for each in bootstrapping.of_type(PRIVATE_KEY)
    ]
    assert kinds == [("ECDSA", "P256")] * (len(CERTIFICATES) + 1)


def test_ca_is_not_renewed_when_its_end_comes_near(bootstrapping: Graph) -> None:
    """A new CA in one step makes the members refuse each other."""
    assert bootstrapping.get(*CA_CERTIFICATE).value("earlyRenewalHours") == 0


def test_ca_is_a_ca_when_made(bootstrapping: Graph) -> None:
    """It signs certificates and outlives them by far."""
    ca = bootstrapping.get(*CA_CERTIFICATE)
    assert ca.value("isCaCertificate") is True
    assert "cert_signing" in ca.value("allowedUses")
    assert ca.value("validityPeriodHours") == 3650 * 24
    assert ca.text("privateKeyPem") == output(bootstrapping, *CA_KEY, "privateKeyPem")


@pytest.mark.parametrize("name", CERTIFICATES)
def test_leaf_lives_and_is_renewed_as_configured_when_issued(
    bootstrapping: Graph, name: str
) -> None:
    """A year, renewed in its last 30 days."""
    leaf = bootstrapping.get(LEAF, f"etcd-{name}-certificate")
    assert leaf.value("validityPeriodHours") == 365 * 24
    assert leaf.value("earlyRenewalHours") == 30 * 24


@pytest.mark.parametrize("name", SERVED)
def test_leaf_serves_and_dials_when_it_is_a_server_s_or_a_peer_s(
    bootstrapping: Graph, name: str
) -> None:
    """etcd uses both kinds in both directions."""
    uses = bootstrapping.get(LEAF, f"etcd-{name}-certificate").value("allowedUses")
    assert {"server_auth", "client_auth"} <= set(uses)


@pytest.mark.parametrize("name", CLIENTS)
def test_leaf_does_not_serve_when_it_is_a_client_s(bootstrapping: Graph, name: str) -> None:
    """With it nobody can pose as a member."""
    uses = bootstrapping.get(LEAF, f"etcd-{name}-certificate").value("allowedUses")
    assert "client_auth" in uses
    assert not {"server_auth", "cert_signing"} & set(uses)


@pytest.mark.parametrize("name", CLIENTS)
def test_client_has_no_names_when_issued(bootstrapping: Graph, name: str) -> None:
    """Nobody dials a client."""
    assert not {"dnsNames", "ipAddresses"} & set(
        bootstrapping.get(REQUEST, f"etcd-{name}-request").inputs
    )


@pytest.mark.parametrize(
    ("name", "common_name"),
    [
        ("apiserver-etcd-client", "kube-apiserver-etcd-client"),
        ("etcd01-server", "etcd01"),
        ("etcd02-peer", "etcd02"),
        ("etcd03-healthcheck-client", "kube-etcd-healthcheck-client"),
    ],
)
def test_common_name_is_kubeadm_s_when_issued(
    bootstrapping: Graph, name: str, common_name: str
) -> None:
    """As cmd/kubeadm/app/phases/certs/certlist.go has them."""
    request = bootstrapping.get(REQUEST, f"etcd-{name}-request")
    assert request.value("subject") == {"commonName": common_name}


@pytest.mark.parametrize("name", SERVED)
def test_names_are_complete_when_a_member_is_dialed(bootstrapping: Graph, name: str) -> None:
    """By its own name and address, and on the host itself; by no other member's."""
    request = bootstrapping.get(REQUEST, f"etcd-{name}-request")
    host = name.partition("-")[0]
    address = next(each["address"] for each in members() if each["name"] == host)
    assert set(request.value("dnsNames")) == {host, "localhost"}
    assert set(request.value("ipAddresses")) == {address, "127.0.0.1", "::1"}


@pytest.mark.parametrize("name", SERVED)
@pytest.mark.parametrize("key", ["dnsNames", "ipAddresses"])
def test_names_are_sorted_when_issued(bootstrapping: Graph, name: str, key: str) -> None:
    """The provider compares lists in order, and a difference replaces the certificate."""
    names = bootstrapping.get(REQUEST, f"etcd-{name}-request").value(key)
    assert names == sorted(set(names))


def test_names_are_sorted_when_the_member_s_name_comes_last() -> None:
    """Whatever the names are."""
    changed = [member | {"name": f"zz-{member['name']}"} for member in members()]
    request = declare(members=changed).get(REQUEST, "etcd-zz-etcd01-server-request")
    assert request.value("dnsNames") == ["localhost", "zz-etcd01"]


@pytest.mark.parametrize("name", NAMES)
def test_host_gets_ca_and_its_own_pairs_when_pushed(bootstrapping: Graph, name: str) -> None:
    """Seven files; the CA's key is not among them."""
    files = yaml.safe_load(bootstrapping.command(f"etcd-{name}-pki").text("stdin"))
    expected = {"ca.crt": output(bootstrapping, *CA_CERTIFICATE, "certPem")}
    for leaf in LEAVES:
        prefix = f"etcd-{name}-{leaf}"
        expected[f"{leaf}.crt"] = output(bootstrapping, LEAF, f"{prefix}-certificate", "certPem")
        expected[f"{leaf}.key"] = output(
            bootstrapping, PRIVATE_KEY, f"{prefix}-key", "privateKeyPem"
        )
    assert {file: base64.b64decode(text).decode() for file, text in files.items()} == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["create", "update"])
def test_line_names_every_fingerprint_when_pairs_are_pushed(
    bootstrapping: Graph, name: str, key: str
) -> None:
    """Beside the secret stdin, a preview shows which certificate changes."""
    line = bootstrapping.command(f"etcd-{name}-pki").text(key)
    for leaf in LEAVES:
        text = output(bootstrapping, LEAF, f"etcd-{name}-{leaf}-certificate", "certPem")
        der = base64.b64decode("".join(text.splitlines()[1:-1]))
        assert f" {leaf}={hashlib.sha256(der).hexdigest()}" in line


def test_line_is_readable_when_pairs_are_pushed(bootstrapping: Graph) -> None:
    """A fingerprint that a preview hides would say nothing."""
    pushed = commands(bootstrapping, "pki")
    assert [each.name for each in pushed if each.is_secret("update")] == []
