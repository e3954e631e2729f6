"""A cluster in use: settings change, hosts drift, certificates are renewed, a disk is lost."""

from __future__ import annotations

import re
import time

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.e2e.conftest import NAMES
from tests.support.etcd import Client
from tests.support.writer import Writer


def start_times(lab: Lab, program: str) -> dict[str, str]:
    """When this program started on each host."""
    return {name: lab.ssh(name, f"ps -o lstart= -p $(pgrep -x {program})").stdout for name in NAMES}


def test_a_new_quota_reaches_each_member_while_clients_go_on_writing(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """Members restart one at a time; every acknowledged write is there, and next to none fails.

    Etcd drops a write that reaches a leader just as it hands over (2 in 100 moves, measured with
    one client that writes all the time), and each member's turn may move the leadership once.
    """
    before = start_times(hosts, "kubelet")
    formed.config["etcd"] = {"quotaBackendBytes": 4294967296}
    with Writer(client, "/roll/") as writer:
        formed.up()
    assert len(writer.acknowledged) > 20
    assert len(writer.failed) <= 1
    dropped = r"deadline exceeded|request timed out|proposal dropped"
    assert all(re.search(dropped, said) for said in writer.failed)
    assert not writer.lost()
    for name in NAMES:
        flags = hosts.ssh(name, "tr '\\0' '\\n' < /proc/$(pgrep -x etcd)/cmdline").stdout
        assert "--quota-backend-bytes=4294967296" in flags.split()
    assert client.healthy() == len(NAMES)
    assert before.keys() == start_times(hosts, "kubelet").keys()


@pytest.mark.matrix
def test_a_change_is_refused_while_another_member_is_down(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """Stopping one more would cost the quorum: nothing is restarted, and the reason is said."""
    before = start_times(hosts, "etcd")
    hosts.kill("etcd03")
    given = formed.config.get("etcd", {})
    formed.config["etcd"] = {**given, "heartbeatIntervalMilliseconds": 120}
    done = formed.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.status != 0
    assert "etcd01: stopping it would leave too few healthy members for a quorum" in done.text
    running = {n: hosts.ssh(n, "ps -o lstart= -p $(pgrep -x etcd)").stdout for n in NAMES[:2]}
    assert running == {name: before[name] for name in NAMES[:2]}
    assert client.healthy() == len(NAMES) - 1
    hosts.start("etcd03")
    formed.up()
    wait_until_healthy(client)
    flags = hosts.ssh("etcd03", "tr '\\0' '\\n' < /proc/$(pgrep -x etcd)/cmdline").stdout
    assert "--heartbeat-interval=120" in flags.split()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ("systemctl stop kubelet", "kubelet stopped"),
        ("echo '# hm' >> /etc/kubernetes/manifests/etcd.yaml", "etcd.yaml edited"),
        ("rm /etc/kubernetes/pki/etcd/peer.key", "peer.key missing"),
        ("rm /usr/local/sbin/etcd-host", "etcd-host missing"),
        *(
            pytest.param(*row, marks=pytest.mark.matrix)
            for row in (
                ("systemctl disable kubelet", "kubelet not enabled at boot"),
                ("rm /etc/kubernetes/manifests/etcd.yaml", "etcd.yaml missing"),
                ("echo x >> /etc/kubernetes/pki/etcd/server.crt", "server.crt edited"),
                ("chmod 644 /etc/kubernetes/pki/etcd/server.key", "server.key edited"),
                (
                    "rm /etc/systemd/system/kubelet.service.d/20-*.conf",
                    "service-manager.conf missing",
                ),
                (
                    "sed -i s/15m/14m/ /var/lib/kubelet/etcd-service-manager.yaml",
                    "manager.yaml edited",
                ),
                ("echo >> /usr/local/sbin/etcd-host", "etcd-host differs"),
            )
        ),
    ],
)
def test_drift_shows_in_the_preview_and_the_next_up_repairs_it(
    hosts: Lab, formed: Stack, client: Client, damage: str, reason: str
) -> None:
    """The preview says what drifted since which convergence; `up` mends it; a preview is empty."""
    hosts.ssh("etcd02", damage)
    text = formed.preview()
    assert re.search(rf"# drift after \d+: [^\n]*{re.escape(reason)}", text)
    assert "etcd-etcd02" in text
    assert "etcd-etcd01" not in text
    assert "etcd-etcd03" not in text
    formed.up()
    formed.pulumi("preview", "--expect-no-changes")
    assert client.healthy() == len(NAMES)


def test_the_same_drift_is_seen_a_second_time(hosts: Lab, formed: Stack) -> None:
    """The serial in the reason makes the second time another difference than the first."""
    for _ in range(2):
        hosts.ssh("etcd03", "echo >> /etc/kubernetes/pki/etcd/ca.crt")
        assert "ca.crt edited" in formed.preview()
        formed.up()
    formed.pulumi("preview", "--expect-no-changes")


def test_drift_detection_can_be_turned_off(hosts: Lab, formed: Stack) -> None:
    """`driftDetection: false`: a preview that reads no host."""
    hosts.ssh("etcd03", "chmod 600 /etc/kubernetes/pki/etcd/ca.crt")
    formed.config["driftDetection"] = False
    formed.pulumi("preview", "--expect-no-changes")
    del formed.config["driftDetection"]
    assert "ca.crt edited" in formed.preview()
    formed.up()


def test_a_host_that_is_off_is_a_warning_in_the_preview(hosts: Lab, formed: Stack) -> None:
    """Nothing is known of it, so nothing is shown as changed; the preview says so."""
    hosts.kill("etcd03")
    text = formed.preview("--expect-no-changes")
    assert "etcd03 (" in text
    assert "unreachable" in text
    hosts.start("etcd03")


def test_renewed_certificates_are_served_without_a_restart(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """The preview names the certificates; etcd serves the new one and was not restarted."""
    wait_until_healthy(client)
    before = start_times(hosts, "etcd")
    formed.config["certificates"] = {"validityDays": 300}
    text = formed.preview()
    assert re.search(r"\+-tls:index/locallySignedCert.*replace", text)
    formed.up()
    expiry = formed.outputs()["members"]["etcd01"]["certificateExpiry"]
    served = hosts.ssh("etcd01", "cat /etc/kubernetes/pki/etcd/server.crt").stdout
    assert served.startswith("-----BEGIN CERTIFICATE-----")
    assert abs(time.mktime(time.strptime(expiry[:10], "%Y-%m-%d")) - time.time() - 300 * 86400) < (
        2 * 86400
    )
    assert client.healthy() == len(NAMES)
    assert start_times(hosts, "etcd") == before


def wait_until_healthy(client: Client) -> None:
    """Until every endpoint answers through a quorum, for a minute at most."""
    deadline = time.monotonic() + 60
    while client.healthy() < len(client.endpoints):
        assert time.monotonic() < deadline
        time.sleep(0.2)
