"""Certificates, and the CAs that are trusted, in a cluster that others made."""

from __future__ import annotations

import pytest

from tests.support.cas import authority, leaf

from .test_adopt import OURS, begun, faults, plan
from .theirs import CHANGES, IDS, PKI, ca, cluster, theirs, well


def test_certificate_of_another_ca_is_refused() -> None:
    """Members would refuse each other after the next step."""
    other = authority()
    stranger = leaf(other, ["etcd01", "localhost", "10.107.88.15"])
    (line,) = faults(cluster(etcd01=theirs("etcd01", adopt_peer=stranger.in_one_line)))
    assert "peer.crt on this host was not signed by the CA in certificates.authority" in line
    lines = faults(cluster(etcd01=theirs("etcd01", adopt_ca=other.in_one_line)))
    assert other.fingerprint in lines[0]
    assert ca().fingerprint in lines[0]


def test_names_that_would_be_lost_are_refused() -> None:
    """Until they are declared, each by itself."""
    seen = cluster(etcd02=theirs("etcd02", "etcd.example.com", "10.9.9.9"))
    (line,) = faults(seen)
    assert line.startswith("etcd02 ")
    assert "10.9.9.9, etcd.example.com" in line
    assert "certificates.extraNames" in line
    declared = {**CHANGES["certificates"], "extraNames": ["etcd.example.com", "10.9.9.9"]}
    assert plan(seen, certificates=declared).adopting == {*IDS}


def test_names_are_asked_for_as_they_can_be_declared() -> None:
    """In lower case; and the member's own counts in any."""
    seen = cluster(etcd02=theirs("etcd02", "ETCD02", "Etcd.Example.com", "*.etcd.example.com"))
    (line,) = faults(seen)
    assert "would lack: *.etcd.example.com, etcd.example.com; clients" in line
    names = ["etcd.example.com", "*.etcd.example.com"]
    declared = {**CHANGES["certificates"], "extraNames": names}
    assert plan(seen, certificates=declared).adopting == {*IDS}


@pytest.mark.parametrize("listed", [[1], [1, 0]])
def test_ca_that_is_not_given_is_refused(listed: list[int]) -> None:
    """A new one cannot issue before it is trusted."""
    lines = faults(certificates={**CHANGES["certificates"], "authorities": listed})
    assert all("authorities to [0] with the CA's private key, or to [0, 1]" in x for x in lines)


FURTHER = "e" * 64


@pytest.mark.parametrize("fact", ["adopt_client_cas", "adopt_peer_cas"])
@pytest.mark.parametrize("cas", ["none", "unknown", "", FURTHER])
def test_etcd_that_does_not_trust_the_given_ca_is_refused(fact: str, cas: str) -> None:
    """The roll would have it trust that one alone, and cut off who is trusted now."""
    (line,) = faults(cluster(etcd02=theirs("etcd02", **{fact: cas})))
    assert line.startswith("etcd02 ")
    flag = "peer-trusted-ca-file" if "peer" in fact else "trusted-ca-file"
    assert f"does not trust the CA in certificates.authority (SHA-256 {ca().fingerprint})" in line
    assert f" by --{flag}: {cas or 'unknown'}. " in line


@pytest.mark.parametrize("fact", ["adopt_client_cas", "adopt_peer_cas"])
def test_ca_that_is_trusted_no_more_after_the_roll_is_told(fact: str) -> None:
    """Before the first run, before the second, and in the line that says what changes."""
    both = {fact: f"{FURTHER} {ca().fingerprint}"}
    found = plan({n: theirs(n, **both) for n in IDS})
    assert found.adopting == {*IDS}
    rolling = plan({n: well(**OURS, **both, adopt_flags="--a=b") for n in IDS}, begun(*IDS))
    for each in (found, rolling):
        lines = [
            text for text in each.warnings if f"its etcd currently also trusts CA {FURTHER}" in text
        ]
        assert [line.partition(" ")[0] for line in lines] == [*IDS]
        assert all("clients with certificates of that CA will be refused. G" in x for x in lines)
    for name in IDS:
        assert rolling.drift[name, "member"].endswith(f"no trust in CA {FURTHER}")
    assert not any(FURTHER in text for text in plan().warnings)


def test_files_of_trusted_cas_are_told_where_they_change() -> None:
    """Neither is hidden."""
    seen = {n: well(**OURS, adopt_flags=theirs(n).fact("adopt-flags")) for n in IDS}
    told = plan(seen, begun(*IDS)).drift["etcd01", "member"]
    assert f", trusted-ca-file={PKI}/trusted-0.crt (was {PKI}/ca.crt)" in told
    assert f"peer-trusted-ca-file=/var/lib/etcd/member/peer-ca-0.crt (was {PKI}/ca.crt)" in told
