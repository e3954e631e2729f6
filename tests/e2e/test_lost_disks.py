"""Disks are lost: one is refilled through the quorum; of a majority no second cluster is made."""

from __future__ import annotations

import re
import time

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.e2e.conftest import NAMES
from tests.support.etcd import Client
from tests.support.writer import Writer


def test_a_wiped_member_comes_back_through_the_quorum(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """The preview says that the data is missing; `up` has the quorum take the host in anew."""
    old = client.members()["etcd02"][0]
    client.run("put", "/kept", "yes")
    hosts.wipe("etcd02")
    assert "data missing" in formed.preview()
    with Writer(client, "/wiped/") as writer:
        formed.up()
    assert not writer.lost()
    members = client.members()
    assert sorted(members) == sorted(NAMES)
    assert members["etcd02"][0] != old
    assert {(row[1], row[5]) for row in members.values()} == {("started", "false")}
    own = client.endpoints[1]
    assert (
        client.run("get", "/kept", "--print-value-only", "--consistency=s", endpoints=own).stdout
        == "yes\n"
    )
    assert formed.outputs()["members"]["etcd02"]["id"] == members["etcd02"][0]
    formed.pulumi("preview", "--expect-no-changes")


@pytest.mark.matrix
def test_a_host_made_anew_comes_back_through_the_quorum(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """Another machine under the old name, address and host key: empty, and seen as such."""
    hosts.fresh(["etcd03"])
    text = formed.preview()
    for reason in ("etcd-host missing", "not prepared", "no certificates", "no member here"):
        assert re.search(rf"# new at [^\n]*{reason}", text)
    assert "etcd-etcd01-" not in text
    formed.up()
    assert client.healthy() == len(NAMES)
    assert sorted(client.members()) == sorted(NAMES)
    formed.pulumi("preview", "--expect-no-changes")


@pytest.mark.matrix
def test_a_renamed_member_keeps_its_host_and_its_data(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """What is deleted under the old name leaves the host to the new one."""
    before = client.members()["etcd03"][0]
    formed.config["members"][2]["name"] = "etcd13"
    with Writer(client, "/renamed/") as writer:
        formed.up()
    assert not writer.lost()
    assert client.members()["etcd13"][0] == before
    assert client.healthy() == len(NAMES)
    assert hosts.ssh("etcd03", "ls -d /var/lib/etcd.aside", check=False).stdout == ""
    formed.pulumi("preview", "--expect-no-changes")
    formed.config["members"][2]["name"] = "etcd03"
    formed.up()
    assert sorted(client.members()) == sorted(NAMES)


def test_another_cluster_name_is_refused_before_anything_is_touched(
    formed: Stack, client: Client
) -> None:
    """It would be another CA and another token on the same hosts."""
    count = len(formed.resources())
    formed.config["clusterName"] = "blue"
    done = formed.pulumi("up", "--yes", "--skip-preview", check=False)
    del formed.config["clusterName"]
    assert done.status != 0
    assert "belongs to the formed cluster 'etcd', but clusterName is 'blue'" in done.text
    assert len(formed.resources()) == count
    assert client.healthy() == len(NAMES)


@pytest.mark.matrix
def test_a_wiped_majority_founds_no_second_cluster(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """With the last good member off, the two empty ones stay down, and `up` refuses."""
    cluster = formed.outputs()["clusterId"]
    hosts.wipe("etcd02")
    hosts.wipe("etcd03")
    hosts.kill("etcd01")
    for name in ("etcd02", "etcd03"):
        hosts.kill(name)
        hosts.start(name)
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        assert client.healthy() == 0
    done = formed.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.status != 0
    assert "no quorum of the cluster" in done.text
    assert cluster in done.text
    assert "a second, empty cluster is never bootstrapped" in done.text
    hosts.start("etcd01")
    done = formed.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.status != 0
    assert "no quorum of the cluster" in done.text
    held = hosts.ssh("etcd01", "ls /var/lib/etcd/member/wal").stdout
    assert ".wal" in held, "the one good copy is as it was"
    assert client.healthy() == 0
