"""Hosts drift from what was made of them: the preview says so, and the next `up` repairs it."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured
from tests.support.tiers import tiered

# What is done to a host, and what the preview says of it. Damages of a group are there at once, and
# each is of another command or file, so that none hides another.
DAMAGES = {
    "at once": {
        "systemctl stop kubelet": "kubelet stopped",
        "echo '# hm' >> /etc/kubernetes/manifests/etcd.yaml": "etcd.yaml edited",
        "rm /etc/kubernetes/pki/etcd/peer.key": "peer.key missing",
        "rm /usr/local/sbin/etcd-host": "etcd-host missing",
        "chown root /var/lib/etcd/member/snap/db": "data is not etcd's alone",
    },
    "the next boot": {
        "systemctl disable kubelet": "kubelet not enabled at boot",
        "echo x >> /etc/kubernetes/pki/etcd/server.crt": "server.crt edited",
        "rm /etc/systemd/system/kubelet.service.d/20-*.conf": "service-manager.conf missing",
        "echo >> /usr/local/sbin/etcd-host": "etcd-host differs",
    },
    "files": {
        "rm /etc/kubernetes/manifests/etcd.yaml": "etcd.yaml missing",
        "chmod 644 /etc/kubernetes/pki/etcd/server.key": "server.key edited",
        "chmod 755 /var/lib/etcd": "data is not etcd's alone",
        "chown root /etc/kubernetes/etcd-host/pki/peer.key": "etcd's peer.key edited",
        "sed -i s/15m/14m/ /var/lib/kubelet/etcd-service-manager.yaml": "manager.yaml edited",
    },
    "no user": {
        "sed -i /^etcd:/d /etc/passwd /etc/shadow": "the user etcd is missing",
    },
    "another number": {
        "sed -i s/^etcd:x:[0-9]*:/etcd:x:555:/ /etc/passwd": "etcd runs as another user",
    },
}


@pytest.mark.parametrize(
    "damages", tiered(DAMAGES, always=("at once",), matrix=("the next boot", "files"))
)
def test_drift_shows_in_the_preview_and_the_next_up_repairs_it(
    hosts: Lab, cluster: Stack, client: Client, damages: Mapping[str, str]
) -> None:
    """The preview says what drifted since which convergence; `up` mends it; a preview is empty."""
    for damage in damages:
        hosts.ssh("etcd02", damage)
    text = cluster.preview()
    for reason in damages.values():
        since = r"(drift after \d+|new at \S+): "
        assert re.search(rf"# {since}[^\n]*{re.escape(reason)}", text), reason
    assert "etcd-etcd02" in text
    assert "etcd-etcd01" not in text
    assert "etcd-etcd03" not in text
    cluster.up()
    cluster.pulumi("preview", "--expect-no-changes")
    assert client.healthy() == len(NAMES)


def test_the_same_drift_is_seen_a_second_time(hosts: Lab, cluster: Stack) -> None:
    """The serial in the reason makes it another difference than the first; or, where what repairs
    it raises none, the time."""
    ca = ("/etc/kubernetes/pki/etcd/ca.crt", "ca.crt edited")
    program = ("/usr/local/sbin/etcd-host", "etcd-host differs")
    for drifted in ([program], [program, ca], [ca]):
        for file, _ in drifted:
            hosts.ssh("etcd03", f"echo >> {file}")
        text = cluster.preview()
        assert all(reason in text for _, reason in drifted)
        cluster.up()
    cluster.pulumi("preview", "--expect-no-changes")


def test_drift_detection_can_be_turned_off(hosts: Lab, cluster: Stack) -> None:
    """`driftDetection: false`: a preview that reads no host."""
    hosts.ssh("etcd03", "chmod 600 /etc/kubernetes/pki/etcd/ca.crt")
    with configured(cluster, driftDetection=False):
        cluster.pulumi("preview", "--expect-no-changes")
    assert "ca.crt edited" in cluster.preview()
    cluster.up()


def test_a_host_that_is_off_is_a_warning_in_the_preview(hosts: Lab, cluster: Stack) -> None:
    """Nothing is known of it, so nothing is shown as changed; the preview says so."""
    hosts.kill("etcd03")
    text = cluster.preview("--expect-no-changes")
    assert "etcd03 (" in text
    assert "unreachable" in text
    hosts.start("etcd03")
