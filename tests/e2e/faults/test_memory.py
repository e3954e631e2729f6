"""What a host remembers, or what its kubelet runs, is not as it was left: named, and repaired."""

from __future__ import annotations

import re

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, start_times
from tests.support.tiers import tiered
from tests.support.unharmed import unharmed

MANIFESTS = "/etc/kubernetes/manifests"
DROPINS = "/etc/systemd/system/kubelet.service.d"
MEMORY = "/var/lib/etcd-host"


@pytest.mark.parametrize(
    "lost",
    [("etcd01", "etcd03"), pytest.param(NAMES, marks=pytest.mark.long)],
    ids=["two at once", "all at once"],
)
def test_memory_that_is_lost_is_recovered_and_nothing_restarts(
    hosts: Lab, cluster: Stack, client: Client, lost: tuple[str, ...]
) -> None:
    """Somebody's cleanup took /var/lib/etcd-host: the manifest in its place says the same."""
    before = start_times(hosts, "etcd"), start_times(hosts, "kubelet")
    ids = client.ids()
    with unharmed(client) as writer:
        for name in lost:
            hosts.ssh(name, f"rm -r {MEMORY}")
        text = cluster.preview()
        for name in NAMES:
            assert (f"etcd-{name}-member" in text) is (name in lost)
        assert "what this host remembered of its member is lost" in text
        cluster.up()
    assert not writer.failed
    assert (start_times(hosts, "etcd"), start_times(hosts, "kubelet")) == before
    assert client.ids() == ids
    for name in lost:
        formed = hosts.ssh(name, f"cat {MEMORY}/formed").stdout.strip()
        assert formed == cluster.outputs()["clusterId"]
    cluster.pulumi("preview", "--expect-no-changes")


DRIFT = {
    "a copy of the manifest": (
        f"cp {MANIFESTS}/etcd.yaml {MANIFESTS}/etcd.yaml.bak",
        r"etcd\.yaml\.bak in the manifests folder",
        f"test ! -e {MANIFESTS}/etcd.yaml.bak && cmp {MANIFESTS}.aside/*/etcd.yaml.bak "
        f"{MANIFESTS}/etcd.yaml",
    ),
    "a drop-in that runs the kubelet otherwise": (
        f"cp /var/lib/kubelet/etcd-service-manager.yaml /var/lib/kubelet/other.yaml; "
        f"printf '[Service]\\nExecStart=\\nExecStart=/usr/bin/kubelet "
        f"--config=/var/lib/kubelet/other.yaml\\n' >{DROPINS}/99-x.conf; "
        "systemctl daemon-reload; systemctl restart kubelet",
        r"kubelet drop-in 99-x\.conf",
        f"test ! -e {DROPINS}/99-x.conf && grep -q other.yaml {DROPINS}.aside/*/99-x.conf && "
        "! pgrep -fa other.yaml | grep -v pgrep | grep /usr/bin/kubelet",
    ),
    "a kubelet that is masked": (
        "systemctl mask -q --now kubelet",
        r"kubelet (stopped|masked)",
        "systemctl is-active kubelet && systemctl is-enabled kubelet",
    ),
    "another version of etcd-host converged it": (
        f"sed -i 's/^[0-9a-f]*/{'0' * 64}/' {MEMORY}/host.held {MEMORY}/member.held",
        "converged by another version of etcd-host",
        f"! grep {'0' * 64} {MEMORY}/*.held",
    ),
    "it holds another desired state": (
        f"sed -i 's/[0-9a-f]*$/{'0' * 64}/' {MEMORY}/member.held",
        "holds another desired state than this stack's",
        f"! grep {'0' * 64} {MEMORY}/*.held",
    ),
}


@pytest.mark.parametrize(
    ("damage", "reason", "mended"),
    tiered(
        DRIFT,
        always=("a copy of the manifest",),
        matrix=(
            "a drop-in that runs the kubelet otherwise",
            "another version of etcd-host converged it",
        ),
    ),
)
def test_drift_is_named_and_repaired_and_what_others_left_is_kept(
    hosts: Lab, cluster: Stack, client: Client, damage: str, reason: str, mended: str
) -> None:
    """One host has it, and the preview shows that host alone; `up` leaves nothing to do."""
    with unharmed(client):
        hosts.ssh("etcd02", damage)
        text = cluster.preview()
        assert re.search(rf"# drift after \d+: [^\n]*{reason}", text), text
        assert not re.search("etcd-etcd0[13]-", text)
        cluster.up()
        assert hosts.ssh("etcd02", mended, check=False).returncode == 0
        cluster.pulumi("preview", "--expect-no-changes")
