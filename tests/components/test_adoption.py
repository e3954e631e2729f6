"""A cluster that is taken over: what its first `up` declares, and a CA that was given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import yaml

from etcd_cluster.config.authority import GivenAuthority
from etcd_cluster.plan.memory import KnownAuthority, StackMemory
from tests.support import cas
from tests.support.mocks import COMMAND, Graph

from .declared import CHAIN, LEAF, NAMES, commands, declare

ID = "7e27652122e8b2ae"
CA = cas.authority()
WITH_KEY = GivenAuthority(certificate=CA.pem, key=CA.key_pem, fingerprint=CA.fingerprint)
WITHOUT = GivenAuthority(certificate=CA.pem, fingerprint=CA.fingerprint)
MEMORY = StackMemory(
    stack="organization/etcd-cluster/test",
    authorities={0: KnownAuthority(fingerprint=CA.fingerprint)},
)


def adopted(given: GivenAuthority, *authorities: int, **changes: Any) -> Graph:
    """The graph of a stack that has this authority 0."""
    section = {"certificateFile": "ca.crt", **({"privateKeyFile": "ca.key"} if given.key else {})}
    return declare(
        formed=True,
        memory=MEMORY,
        authority=given,
        adopt=ID,
        certificates={"authority": section, "authorities": list(authorities)},
        **changes,
    )


@pytest.fixture(scope="module")
def adopting() -> Graph:
    """The run that takes all members over."""
    return adopted(WITH_KEY, 0, adopting=NAMES)


def test_members_are_remembered_and_nothing_else_is_done(adopting: Graph) -> None:
    """Every command says who the member is, but for the one that takes it over."""
    for each in commands(adopting, *CHAIN[1:]):
        assert each.text("create") == "/usr/local/sbin/etcd-host adopted"
        # What is in the state already stays as it is, whatever was configured since.
        assert {"create", "update", "stdin", "connection"} <= set(each.ignore_changes)
    for name, each in zip(NAMES, commands(adopting, "host-program"), strict=True):
        create = each.text("create")
        assert f" adopt etcd {name} " in create
        assert f" {ID} {CA.fingerprint} " in create
        assert " claim etcd " in each.text("update")
        assert " adopt " not in each.text("update")
        assert each.ignore_changes == ("create",)


def test_next_run_manages_what_was_adopted(adopting: Graph) -> None:
    """The commands' `update` are those of any member, so that nothing but drift runs them."""
    later = adopted(WITH_KEY, 0)
    for before, after in zip(commands(adopting), commands(later), strict=True):
        assert before.text("update") == after.text("update")


def test_members_are_adopted_side_by_side(adopting: Graph) -> None:
    """Nothing is disturbed."""
    for each in adopting.of_type(COMMAND):
        name = each.name.removeprefix("etcd-").partition("-")[0]
        others = {other for other in NAMES if other != name}
        assert not [urn for urn in each.dependencies if any(f"-{o}-pki" in urn for o in others)]


def test_given_ca_issues_as_any_other() -> None:
    """Its key is nobody's to see."""
    graph = adopted(WITH_KEY, 0)
    leaves = graph.of_type(LEAF)
    assert len(leaves) == 3 * len(NAMES) + 1
    for each in leaves:
        assert each.text("caCertPem") == CA.pem
        assert each.text("caPrivateKeyPem") == CA.key_pem
        assert each.is_secret("caPrivateKeyPem")


def test_ca_without_a_key_issues_nothing() -> None:
    """The certificates stay that are there, and clients keep those that they have."""
    graph = adopted(WITHOUT, 0, 1)
    assert LEAF not in {each.type for each in graph.resources}
    for each in commands(graph, "pki"):
        assert set(yaml.safe_load(each.text("stdin"))) == {"ca.crt", "trusted-0-1.crt"}
        assert f"pki issuer={CA.fingerprint} known={CA.fingerprint}," in each.text("update")


def test_next_ca_issues_without_a_cross_certificate() -> None:
    """Only the former one's key could make one."""
    graph = adopted(WITHOUT, 1, 0)
    assert len(graph.of_type(LEAF)) == 3 * len(NAMES) + 1
    assert not [each for each in graph.resources if "cross" in each.name]
    crossed = adopted(WITH_KEY, 1, 0)
    assert [each.name for each in crossed.resources if each.name.endswith("-cross")] == [
        "etcd-ca-cross"
    ]
    alone = replace(WITH_KEY, can_cross=False)
    assert not [each for each in adopted(alone, 1, 0).resources if "cross" in each.name]
    assert not [each for each in adopted(WITHOUT, 1).resources if each.name == "etcd-ca-0"]


def test_further_names_are_in_the_members_certificates() -> None:
    """DNS names and addresses, each where it belongs."""
    graph = declare(formed=True, certificates={"extraNames": ["etcd.example.com", "10.9.9.9"]})
    for name in NAMES:
        request = graph.get("tls:index/certRequest:CertRequest", f"etcd-{name}-server-request")
        assert request.value("dnsNames") == sorted(["etcd.example.com", "localhost", name])
        assert "10.9.9.9" in request.value("ipAddresses")


@pytest.mark.parametrize(("listed", "told"), [([0, 1], True), ([1, 0], True), ([1], False)])
def test_hosts_are_told_of_the_given_authority_while_it_is_listed(
    listed: list[int], told: bool
) -> None:
    """Not after the last step: that it is no longer configured would be a change of every host."""
    for each in commands(adopted(WITHOUT, *listed), "pki"):
        known = each.text("update").partition("known=")[2].split(",")
        assert (CA.fingerprint in known) == told
