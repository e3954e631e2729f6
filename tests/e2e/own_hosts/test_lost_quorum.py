"""The disks of a majority are lost: no second, empty cluster is made in the first one's place."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES


@pytest.mark.matrix
def test_a_wiped_majority_founds_no_second_cluster(own_hosts: Lab, tmp_path: Path) -> None:
    """With the last good member off, the two empty ones stay down, and `up` refuses."""
    hosts, stack = own_hosts, Stack(tmp_path, own_hosts, NAMES)
    stack.up()
    outputs = stack.outputs()
    client, cluster = Client(tmp_path / "client", outputs), outputs["clusterId"]
    hosts.wipe("etcd02")
    hosts.wipe("etcd03")
    hosts.kill("etcd01")
    for name in ("etcd02", "etcd03"):
        hosts.kill(name)
        hosts.start(name)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        assert client.healthy() == 0
    done = stack.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.status != 0
    assert "no quorum of the cluster" in done.text
    assert cluster in done.text
    assert "a second, empty cluster is never bootstrapped" in done.text
    hosts.start("etcd01")
    done = stack.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.status != 0
    assert "no quorum of the cluster" in done.text
    held = hosts.ssh("etcd01", "ls /var/lib/etcd/member/wal").stdout
    assert ".wal" in held, "the one good copy is as it was"
    assert client.healthy() == 0


@pytest.mark.matrix
def test_members_that_are_all_stopped_come_back_in_one_up(own_hosts: Lab, tmp_path: Path) -> None:
    """None is healthy alone, so they start side by side; with a new setting, and all data."""
    hosts, stack = own_hosts, Stack(tmp_path, own_hosts, NAMES)
    stack.up()
    outputs = stack.outputs()
    client = Client(tmp_path / "client", outputs)
    client.run("put", "/before", "kept")
    for name in NAMES:
        hosts.ssh(
            name,
            "sed -i 's/--name=/--no-such-flag --name=/' /etc/kubernetes/manifests/etcd.yaml; "
            "systemctl stop kubelet; pkill -x etcd; true",
        )
    assert client.healthy() == 0
    stack.config["etcd"] = {"quotaBackendBytes": 3 * 1024**3}
    stack.up()
    assert client.all_healthy(30)
    assert client.run("get", "/before", "--print-value-only").stdout.strip() == "kept"
    assert stack.outputs()["clusterId"] == outputs["clusterId"]
    stack.pulumi("preview", "--expect-no-changes")


@pytest.mark.matrix
@pytest.mark.long
def test_all_systems_are_installed_anew_and_the_disks_of_the_data_stay(
    own_hosts: Lab, tmp_path: Path
) -> None:
    """Nobody can be asked, and no host remembers anything but what its data says."""
    hosts, stack = own_hosts, Stack(tmp_path, own_hosts, NAMES)
    stack.up()
    outputs = stack.outputs()
    client = Client(tmp_path / "client", outputs)
    client.run("put", "/before", "kept")
    ids = client.ids()
    stop = (
        "systemctl stop kubelet; pkill -x etcd; while pgrep -x etcd >/dev/null; do sleep 0.1; done"
    )
    for name in NAMES:
        hosts.ssh(name, stop)
    disks = {name: hosts.ssh(name, "tar -C /var/lib -cz etcd | base64").stdout for name in NAMES}
    hosts.fresh(NAMES)
    for name, disk in disks.items():
        hosts.ssh(name, "base64 -d | tar -C /var/lib -xz", input=disk)
    assert "its etcd does not run" in stack.preview()
    stack.up()
    assert client.all_healthy(30)
    assert client.run("get", "/before", "--print-value-only").stdout.strip() == "kept"
    assert client.ids() == ids
    assert stack.outputs()["clusterId"] == outputs["clusterId"]
    stack.pulumi("preview", "--expect-no-changes")
