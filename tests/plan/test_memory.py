"""What the stack knows of itself, from what the engine says of all its resources."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import pytest

from etcd_cluster.plan.memory import AUTHORITY_TYPE, KnownAuthority, StackMemory, parse
from etcd_cluster.state.text import digest_of, flat_yaml

STACK = "organization/etcd-cluster/test"
CLUSTER = "etcd-cluster:index:EtcdCluster"
CERTIFICATE = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
COMMAND = "command:remote:Command"
TOLD = flat_yaml({"arg.initial-advertise-peer-urls": "https://10.0.0.1:2380"})


def urn(name: str, kind: str = COMMAND, parents: str = CLUSTER) -> str:
    """As the engine makes it."""
    return f"urn:pulumi:test::etcd-cluster::{parents}${kind}::{name}"


def resource(name: str, kind: str = COMMAND, **outputs: Any) -> dict[str, Any]:
    """One resource of the engine's answer."""
    return {urn(name, kind): {"type": kind, "outputs": outputs}}


def member(name: str, *, cluster: str = "etcd", cluster_id: str = "c1") -> dict[str, Any]:
    """All that the engine says of one member."""
    connection = {"host": "10.0.0.1", "port": 2222.0, "user": "ops", "hostKey": "ssh-ed25519 k"}
    start = f"{cluster}-{name}"
    said = f"member-id: a1\ncluster-id: {cluster_id}\nversion: 3.6.6\n"
    return {
        **resource(f"{start}-host-program", connection=connection, stdout=""),
        **resource(f"{start}-host", stdin="a: b\n", stdout="converged: 3"),
        **resource(f"{start}-pki", stdin="ca.crt: x\n", stdout="converged: 4"),
        **resource(f"{start}-member", stdin=TOLD, stdout="converged: 12-a1"),
        **resource(f"{start}-healthy", stdin="member: x\n", stdout=said),
        **resource(
            f"{start}-server-request",
            "tls:index/certRequest:CertRequest",
            ipAddresses=["127.0.0.1", "10.0.0.1"],
        ),
    }


def whole(cluster: str = "etcd", cluster_id: str = "c1") -> dict[str, Any]:
    """A cluster of two that has formed."""
    return {
        f"urn:pulumi:test::etcd-cluster::{CLUSTER}::{cluster}": {"type": CLUSTER, "outputs": {}},
        **resource(f"{cluster}-token", "random:index/randomId:RandomId", hex=f"token of {cluster}"),
        **resource(
            f"{cluster}-ca-certificate",
            "tls:index/selfSignedCert:SelfSignedCert",
            certPem=CERTIFICATE,
        ),
        **member("etcd01", cluster=cluster, cluster_id=cluster_id),
        **member("etcd02", cluster=cluster, cluster_id=cluster_id),
    }


def test_everything_of_a_formed_cluster_is_known() -> None:
    """Token, CA, cluster id, and of each member where it is and what it was told."""
    known = parse(STACK, whole(), "etcd")
    assert (known.stack, known.token, known.cluster_id) == (STACK, "token of etcd", "c1")
    print_ = hashlib.sha256(b"\x30\x82\x01").hexdigest()
    assert known.authorities == {1: KnownAuthority(fingerprint=print_)}
    assert list(known.members) == ["etcd01", "etcd02"]
    one = known.members["etcd01"]
    assert (one.host, one.port, one.user, one.host_key) == (
        "10.0.0.1",
        2222,
        "ops",
        "ssh-ed25519 k",
    )
    assert (one.peer_url, one.addresses) == ("https://10.0.0.1:2380", ("127.0.0.1", "10.0.0.1"))
    assert one.started is True
    assert one.serial == 12
    told = {area: text for area, text in one.converged.items() if text}
    assert told == {"host": "3", "pki": "4", "member": "12-a1"}
    assert one.commands == {"host-program", "host", "pki", "member", "healthy"}
    assert one.told == {"arg.initial-advertise-peer-urls": "https://10.0.0.1:2380"}
    assert one.held == {
        "host": digest_of("a: b\n"),
        "pki": digest_of("ca.crt: x\n"),
        "member": digest_of(TOLD),
    }


def test_identity_is_what_a_host_compares() -> None:
    """Four words, also where two of them are not known."""
    known = parse(STACK, whole(), "etcd")
    assert (
        known.identity("etcd", "etcd01")
        == f"etcd etcd01 token of etcd {known.authorities[1].fingerprint}"
    )
    assert StackMemory().identity("etcd", "etcd01") == "etcd etcd01 - -"


def test_new_stack_knows_nothing() -> None:
    """An empty state, or one of other resources alone."""
    others: dict[str, Any] = {
        "urn:pulumi:test::etcd-cluster::pulumi:pulumi:Stack::etcd-cluster-test": {}
    }
    for outputs in ({}, others):
        assert parse(STACK, outputs, "etcd") == StackMemory(stack=STACK)


def without(*ends: str) -> dict[str, Any]:
    """The state of a first run that did not get as far as these."""
    return {key: each for key, each in whole().items() if not key.endswith(ends)}


def test_interrupted_first_run_has_no_cluster_yet() -> None:
    """Etcd was started on one host, and no member was seen healthy: bootstrapping goes on."""
    known = parse(STACK, without("-healthy", "etcd02-member"), "etcd")
    assert known.cluster_id == ""
    assert known.token == "token of etcd"
    assert {name: each.started for name, each in known.members.items()} == {
        "etcd01": True,
        "etcd02": False,
    }


def test_cluster_is_known_when_one_member_was_seen_healthy() -> None:
    """One is enough."""
    assert parse(STACK, without("etcd01-healthy"), "etcd").cluster_id == "c1"


def test_resource_without_outputs_is_no_error() -> None:
    """One that was being made when the run ended."""
    begun = {key: {**each, "outputs": None} for key, each in whole().items()}
    known = parse(STACK, begun, "etcd")
    assert (known.token, dict(known.authorities), known.cluster_id) == ("", {}, "")
    assert set(known.members) == {"etcd01", "etcd02"}
    assert known.members["etcd01"].host == ""


def test_clusters_are_kept_apart_when_a_stack_has_several() -> None:
    """By their names, also where one begins as the other does."""
    both = whole() | whole("etcd-blue", "c2") | whole("red", "c3")
    assert parse(STACK, both, "etcd-blue").cluster_id == "c2"
    assert parse(STACK, both, "red").token == "token of red"
    known = parse(STACK, both, "etcd")
    assert (known.token, known.cluster_id) == ("token of etcd", "c1")
    assert list(known.members) == ["etcd01", "etcd02"]


def test_resources_outside_of_a_cluster_are_not_its_own() -> None:
    """A program may have commands of its own, of whatever name."""
    foreign = {
        f"urn:pulumi:test::etcd-cluster::{COMMAND}::etcd-etcd09-member": {
            "outputs": {"stdout": "", "stdin": TOLD}
        }
    }
    assert "etcd09" not in parse(STACK, whole() | foreign, "etcd").members


@pytest.mark.parametrize("broken", ["", "no certificate", "-----BEGIN CERTIFICATE-----\n"])
def test_ca_is_unknown_when_its_certificate_is_not_one(broken: str) -> None:
    """Never a digest of nothing."""
    outputs = whole() | resource(
        "etcd-ca-certificate", "tls:index/selfSignedCert:SelfSignedCert", certPem=broken
    )
    assert not parse(STACK, outputs, "etcd").authorities


def test_secret_of_a_state_is_only_compared_by_its_digest() -> None:
    """Private keys stand on `pki`'s stdin: what is remembered of it does not hold them."""
    key = "etcd-etcd01-pki"
    outputs = whole() | resource(key, stdin="server.key: hunter2\n", stdout="converged: 4")
    assert "hunter2" not in repr(parse(STACK, outputs, "etcd"))


def authority(name: str, pem: str, *fingerprints: str) -> dict[str, Any]:
    """A CA in a state, and what its component says that it had."""
    return {
        f"urn:pulumi:test::etcd-cluster::{CLUSTER}${AUTHORITY_TYPE}::{name}": {
            "type": AUTHORITY_TYPE,
            "outputs": {"fingerprints": list(fingerprints)},
        },
        **resource(
            f"{name}-certificate",
            "tls:index/selfSignedCert:SelfSignedCert",
            certPem=pem,
            validityEndTime="2036-11-25T00:00:00Z",
        ),
    }


def test_every_authority_is_known_by_its_number_and_by_all_that_it_had() -> None:
    """A certificate that the provider made anew after its end is one more of the same CA."""
    second = CERTIFICATE.replace("MII", "MIJ")
    outputs = whole() | authority("etcd-ca", CERTIFICATE, "f" * 64) | authority("etcd-ca-2", second)
    known = parse(STACK, outputs, "etcd")
    assert sorted(known.authorities) == [1, 2]
    first = known.authorities[1]
    assert first.fingerprints == (hashlib.sha256(b"\x30\x82\x01").hexdigest(), "f" * 64)
    assert first.expiry == "2036-11-25T00:00:00Z"
    asked = known.identity("etcd", "etcd01").split()[-1]
    assert asked.split(",") == [*first.fingerprints, known.authorities[2].fingerprint]


def test_ends_of_certificates_are_known_by_their_names() -> None:
    """Not those of the CAs, which are another matter."""
    leaf = resource(
        "etcd-etcd01-server-certificate",
        "tls:index/locallySignedCert:LocallySignedCert",
        validityEndTime="2027-11-28T00:00:00Z",
    )
    outputs = whole() | authority("etcd-ca", CERTIFICATE) | leaf
    assert parse(STACK, outputs, "etcd").expiries == {"etcd01-server": "2027-11-28T00:00:00Z"}


def test_time_since_when_a_host_is_lost_is_its_own_words() -> None:
    """Of members that are not lost there is none."""
    kind = "etcd-cluster:index:EtcdHost"
    outputs = whole() | resource("etcd-etcd02-host", kind, lost="2026-11-28T18:50:00+00:00")
    known = parse(STACK, outputs, "etcd")
    assert known.lost_since == {"etcd02": "2026-11-28T18:50:00+00:00"}
    assert known.members["etcd01"].lost_since == ""


SAID = "member-id: a1\ncluster-id: c1\n"
ADDRESS = {"host": "10.0.0.1"}
MALFORMED: dict[str, tuple[dict[str, Any], str]] = {
    "a resource that is no object": ({urn("etcd-etcd01-healthy"): "x"}, "is not an object"),
    "outputs that are no object": (
        {urn("etcd-etcd01-healthy"): {"outputs": ["x"]}},
        "etcd01-healthy: what it put out is not an object",
    ),
    "a cluster id that is not hex": (
        resource("etcd-etcd01-healthy", stdout="member-id: a1\ncluster-id: no such thing\n"),
        "etcd01-healthy: stdout has no id as cluster-id: 'no such thing'",
    ),
    "an empty cluster id": (
        resource("etcd-etcd01-healthy", stdout="member-id: a1\ncluster-id:\n"),
        "has no id as cluster-id",
    ),
    "half of what was said": (
        resource("etcd-etcd01-healthy", stdout="member-id: a1\nclust"),
        "etcd01-healthy: stdout is not `key: value` lines",
    ),
    "half an identity": (
        resource("etcd-etcd01-healthy", stdout="member-id: a1\n"),
        "has no id as cluster-id: ''",
    ),
    "a member id that is not hex": (
        resource("etcd-etcd01-healthy", stdout="member-id: unknown\ncluster-id: c1\n"),
        "etcd01-healthy: stdout has no id as member-id: 'unknown'",
    ),
    "something else that was said": (
        resource("etcd-etcd01-healthy", stdout="permission denied"),
        "is not `key: value` lines",
    ),
    "an object that was said": (
        resource("etcd-etcd01-healthy", stdout={"cluster-id": "c1"}),
        "is not `key: value` lines",
    ),
    "a desired state that is cut": (
        resource("etcd-etcd01-member", stdin="arg.x: 'y", stdout=""),
        "etcd01-member: stdin is not `key: value` lines",
    ),
    "a connection that is no object": (
        resource("etcd-etcd01-healthy", connection="10.0.0.1", stdout=SAID),
        "connection is not an object",
    ),
    "a port that is none": (
        resource("etcd-etcd01-healthy", connection={**ADDRESS, "port": "ssh"}, stdout=SAID),
        "connection: port is not a number",
    ),
    "addresses that are no list": (
        resource("etcd-etcd01-server-request", ipAddresses="10.0.0.1"),
        "etcd01-server-request: ipAddresses is not a list",
    ),
    "half of what a restore said": (
        resource("etcd-etcd01-restore", stdout="cluster: c2\n"),
        "etcd01-restore: stdout has no id as replaces",
    ),
}


@pytest.mark.parametrize(("changed", "said"), MALFORMED.values(), ids=MALFORMED.keys())
def test_value_of_another_form_is_not_taken_for_none(changed: dict[str, Any], said: str) -> None:
    """A cluster whose id cannot be read is a cluster all the same."""
    with pytest.raises(ValueError, match=re.escape(said)):
        parse(STACK, whole() | changed, "etcd")
