"""A host that a restore has stopped stays down; the restore can be taken back, or goes on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support import snapshots
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured
from tests.support.killing import Run, etcd_is_down_on, everything
from tests.support.snapshots import PLACE
from tests.support.unharmed import refused_up

RUNS = "pgrep -x etcd"
MEMORY = "/var/lib/etcd-host/restoring"


@pytest.mark.matrix
@pytest.mark.timeout(300)
def test_restore_is_taken_back_after_the_fence(hosts: Lab, formed: Stack, tmp_path: Path) -> None:
    """Without its section `up` refuses; `restore-cancel` brings the old cluster back."""
    client = Client(tmp_path / "client", formed.outputs())
    former = formed.outputs()["clusterId"]
    snapshots.spread(hosts, snapshots.saved(client, tmp_path / "snapshot.db"))
    client.run("put", "/later", "after the snapshot")
    with configured(formed, restore={"snapshot": PLACE, "replaces": former}):
        Run(formed).kill_when(etcd_is_down_on("etcd01"), everything)
    time.sleep(5)  # for verbs that go on by themselves
    fenced = [name for name in NAMES if hosts.ssh(name, f"cat {MEMORY}", check=False).stdout]
    assert "etcd01" in fenced
    hosts.kill("etcd01")
    hosts.start("etcd01")
    time.sleep(5)
    for name in fenced:
        assert not hosts.ssh(name, RUNS, check=False).stdout, f"{name} is fenced"
    text = refused_up(formed)
    assert "restore-cancel" in text
    for name in fenced:
        hosts.ssh(name, "etcd-host restore-cancel")
    assert client.all_healthy(60)
    assert client.run("get", "/later", "--print-value-only").stdout.strip() == "after the snapshot"
    formed.up()
    assert formed.outputs()["clusterId"] == former
    snapshots.nothing_to_do(formed)


@pytest.mark.matrix
@pytest.mark.long
@pytest.mark.timeout(300)
def test_member_of_the_old_cluster_that_comes_back_disturbs_nobody(
    hosts: Lab, formed: Stack, tmp_path: Path
) -> None:
    """Its host was given up, and is powered on with all it had."""
    client = Client(tmp_path / "client", formed.outputs())
    former = formed.outputs()["clusterId"]
    client.run("del", "/later")
    client.run("put", "/kept", "from the snapshot")
    snapshots.spread(hosts, snapshots.saved(client, tmp_path / "snapshot.db"))
    client.run("put", "/later", "after the snapshot")
    hosts.kill("etcd03")
    before = formed.config["members"]
    formed.config["members"] = [{**each, "lost": each["name"] == "etcd03"} for each in before]
    formed.config["restore"] = {"snapshot": PLACE, "replaces": former}
    formed.up()
    client = Client(tmp_path / "client", formed.outputs())
    assert client.all_healthy(30)
    hosts.start("etcd03")
    time.sleep(10)
    assert client.healthy() == 2
    assert client.run("get", "/kept", "--print-value-only").stdout.strip() == "from the snapshot"
    assert not client.run("get", "/later").stdout
    snapshots.one_cluster(formed, client, former, NAMES[:2])
    alone = f"https://{hosts.address('etcd03')}:2379"
    assert client.run("get", "/later", endpoints=alone, check=False).returncode != 0
    # Wiped as the runbook says, it is a member like any other.
    hosts.ssh("etcd03", "etcd-host abandon")
    formed.config["members"] = before
    formed.up()
    client = Client(tmp_path / "client", formed.outputs())
    assert client.all_healthy(30)
    snapshots.one_cluster(formed, client, former)
    snapshots.nothing_to_do(formed)
