"""A disk or a host is lost, or gets another name: the quorum takes it in again."""

from __future__ import annotations

import copy
import re

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured
from tests.support.writer import Writer


def test_a_wiped_member_comes_back_through_the_quorum(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """The preview says that the data is missing; `up` has the quorum take the host in anew."""
    old = client.members()["etcd02"][0]
    client.run("put", "/kept", "yes")
    hosts.wipe("etcd02")
    assert "data missing" in cluster.preview()
    with Writer(client, "/wiped/") as writer:
        cluster.up()
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
    assert cluster.outputs()["members"]["etcd02"]["id"] == members["etcd02"][0]
    cluster.pulumi("preview", "--expect-no-changes")


@pytest.mark.matrix
def test_a_host_made_anew_comes_back_through_the_quorum(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """Another machine under the old name, address and host key: empty, and seen as such."""
    hosts.fresh(["etcd03"])
    text = cluster.preview()
    for reason in ("etcd-host missing", "not prepared", "no certificates", "no member here"):
        assert re.search(rf"# new at [^\n]*{reason}", text)
    assert "etcd-etcd01-" not in text
    cluster.up()
    assert client.healthy() == len(NAMES)
    assert sorted(client.members()) == sorted(NAMES)
    # Also where the new host has converged as often as the former one had.
    ids = client.ids()
    assert {name: told["id"] for name, told in cluster.outputs()["members"].items()} == ids
    cluster.pulumi("preview", "--expect-no-changes")


@pytest.mark.matrix
def test_a_renamed_member_keeps_its_host_and_its_data(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """What is deleted under the old name leaves the host to the new one."""
    before = client.members()["etcd03"][0]
    members = copy.deepcopy(cluster.config["members"])
    members[2]["name"] = "etcd13"
    with configured(cluster, members=members):
        with Writer(client, "/renamed/") as writer:
            cluster.up()
        assert not writer.lost()
        assert client.members()["etcd13"][0] == before
        assert client.healthy() == len(NAMES)
        assert hosts.ssh("etcd03", "ls -d /var/lib/etcd.aside", check=False).stdout == ""
        cluster.pulumi("preview", "--expect-no-changes")
    cluster.up()
    assert sorted(client.members()) == sorted(NAMES)


def test_another_cluster_name_is_refused_before_anything_is_touched(
    cluster: Stack, client: Client
) -> None:
    """It would be another CA and another token; on new hosts, an empty cluster in its place."""
    count = len(cluster.resources())
    with configured(cluster, clusterName="blue"):
        done = cluster.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.status != 0
    assert "clusterName: blue given, but " in done.text
    assert "has the cluster etcd, which would be deleted" in done.text
    assert len(cluster.resources()) == count
    assert client.healthy() == len(NAMES)
