"""Certificates are renewed: etcd serves the new ones to clients and members, without a restart."""

from __future__ import annotations

import json
import re
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, start_times

PORTS = {2379: "server", 2380: "peer"}
CERTIFICATE = "tls:index/locallySignedCert:LocallySignedCert"


def certificates(stack: Stack) -> dict[str, str]:
    """Every certificate of the state that the CA signed, PEM, by its resource's name."""
    return {
        each["urn"].rpartition("::")[2]: each["outputs"]["certPem"]
        for each in stack.resources()
        if each["type"] == CERTIFICATE
    }


def served(lab: Lab, name: str, port: int) -> str:
    """The certificate that a member shows whoever connects, PEM."""
    return ssl.get_server_certificate((lab.address(name), port), timeout=10)


def assert_served(lab: Lab, stack: Stack) -> None:
    """Each member shows the state's certificate on both ports, and the outputs say its end."""
    signed, members = certificates(stack), stack.outputs()["members"]
    for name in NAMES:
        for port, leaf in PORTS.items():
            shown = served(lab, name, port)
            assert shown.strip() == signed[f"etcd-{name}-{leaf}-certificate"].strip()
        end = x509.load_pem_x509_certificate(served(lab, name, 2379).encode()).not_valid_after_utc
        told = datetime.fromisoformat(members[name]["certificateExpiry"])
        assert told.replace(microsecond=0) == end


def test_renewed_certificates_are_served_without_a_restart(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """A new validity: the preview names the certificates; all are served, for as long as that."""
    before = start_times(hosts, "etcd")
    old = certificates(cluster)
    assert_served(hosts, cluster)
    cluster.config["certificates"] = {"validityDays": 300}
    assert re.search(r"\+-tls:index/locallySignedCert.*replace", cluster.preview())
    cluster.up()
    new = certificates(cluster)
    assert new.keys() == old.keys()
    assert [name for name in new if new[name] == old[name]] == []
    assert_served(hosts, cluster)
    for pem in new.values():
        left = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc - datetime.now(UTC)
        assert abs(left - timedelta(days=300)) < timedelta(hours=2)
    assert client.healthy() == len(NAMES)
    assert start_times(hosts, "etcd") == before


@pytest.mark.long
def test_the_first_up_in_the_last_days_of_certificates_renews_them(
    hosts: Lab, cluster: Stack, client: Client, tmp_path: Path
) -> None:
    """Nobody changes the configuration: time alone brings new certificates, and no restart.

    Pulumi's providers have no clock that a test could set (they are Go programs, which ask the
    kernel). What they compare with it is the end that the state has of each certificate: that is
    what is set here, to as soon as `renewBeforeDays` of it.
    """
    cluster.pulumi("preview", "--expect-no-changes")
    before, old = start_times(hosts, "etcd"), certificates(cluster)
    ends_in(cluster, timedelta(days=31), tmp_path)
    assert "locallySignedCert" not in cluster.preview()
    ends_in(cluster, timedelta(days=30) - timedelta(minutes=1), tmp_path)
    text = cluster.preview()
    assert len(re.findall(r"\+-tls:index/locallySignedCert.*replace", text)) == len(old)
    cluster.up()
    new = certificates(cluster)
    assert new.keys() == old.keys()
    assert [name for name in new if new[name] == old[name]] == []
    assert_served(hosts, cluster)
    assert start_times(hosts, "etcd") == before
    renewed = Client(tmp_path / "client", cluster.outputs())
    assert renewed.healthy() == client.healthy() == len(NAMES)
    cluster.pulumi("preview", "--expect-no-changes")


def ends_in(stack: Stack, left: timedelta, folder: Path) -> None:
    """Have the state say of each certificate that it ends in this time."""
    file = folder / "state.json"
    stack.pulumi("stack", "export", "--file", str(file))
    state = json.loads(file.read_text())
    end = (datetime.now(UTC) + left).strftime("%Y-%m-%dT%H:%M:%SZ")
    for each in state["deployment"]["resources"]:
        if each["type"] == CERTIFICATE:
            each["outputs"]["validityEndTime"] = end
    file.write_text(json.dumps(state))
    stack.pulumi("stack", "import", "--file", str(file))
