"""Leaving: refused while protected, and without a trace but the data once it is meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured


@pytest.mark.parametrize(
    "option", ["--skip-preview", pytest.param("--preview-only=false", marks=pytest.mark.long)]
)
def test_destroy_refuses_while_protected(formed: Stack, tmp_path: Path, option: str) -> None:
    """With deletionProtection nothing that touches a host is deleted; the cluster stays whole."""
    with configured(formed, deletionProtection=True):
        formed.up()
        client = Client(tmp_path, formed.outputs())
        before = commands(formed)
        done = formed.pulumi("destroy", "--yes", option, check=False)
        assert done.status != 0
        assert "protect" in done.text
        assert commands(formed) == before
        assert client.healthy() == len(NAMES)
        formed.up()
        assert client.healthy() == len(NAMES)
    formed.up()


def commands(stack: Stack) -> list[str]:
    """What of the state may touch a host when it is deleted."""
    urns = [each["urn"] for each in stack.resources() if "Command" in each["type"]]
    return sorted(urn for urn in urns if not urn.endswith("-healthy"))


def test_destroy_leaves_the_data_aside_and_the_next_up_makes_another_cluster(
    hosts: Lab, formed: Stack, tmp_path: Path
) -> None:
    """No pod, drop-in, certificate, manifest or program is left on a host, nor anything that stands
    in the way of another cluster.
    """
    formed.up()
    first = formed.outputs()["clusterId"]
    formed.destroy()
    for name in NAMES:
        assert hosts.ssh(name, "pgrep -x etcd", check=False).stdout == ""
        assert hosts.ssh(name, "pgrep -x pause", check=False).stdout == ""
        assert hosts.ssh(name, "systemctl is-active kubelet", check=False).stdout == "inactive\n"
        assert hosts.ssh(name, "systemctl is-enabled kubelet", check=False).stdout == "disabled\n"
        left = hosts.ssh(
            name,
            "find /etc/kubernetes/manifests /etc/kubernetes/pki /etc/kubernetes/etcd-host "
            "/etc/systemd/system/kubelet.service.d /var/lib/kubelet/etcd-service-manager.yaml "
            "/var/lib/etcd-host /usr/local/sbin/etcd-host /var/lib/etcd -type f "
            "! -name .kubelet-keep",  # the kubelet package's own
            check=False,
        ).stdout
        assert left == ""
        aside = hosts.ssh(name, "find /var/lib/etcd.aside -name '*.wal'").stdout
        assert len(aside.splitlines()) >= 1
        mode = hosts.ssh(name, "stat -c '%a %U' /var/lib/etcd.aside").stdout
        assert mode == "700 root\n"
    assert formed.resources() == [] or [each["type"] for each in formed.resources()] == [
        "pulumi:pulumi:Stack"
    ]
    formed.up()
    outputs = formed.outputs()
    assert sorted(outputs["members"]) == list(NAMES)
    assert outputs["clusterId"] != first
    assert Client(tmp_path, outputs).healthy() == len(NAMES)
