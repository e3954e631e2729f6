"""A snapshot is restored onto hosts that lost everything, onto more of them, and by a new stack."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support import snapshots
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.snapshots import PLACE

FIVE = (*NAMES, "etcd04", "etcd05")


@pytest.mark.matrix
@pytest.mark.timeout(600)
def test_all_hosts_are_lost_and_the_snapshot_comes_back_on_new_ones(
    own_hosts: Lab, tmp_path: Path
) -> None:
    """Reinstalled at the same addresses; then five in place of three; each by one `up`."""
    hosts, stack = own_hosts, Stack(tmp_path, own_hosts, NAMES)
    stack.up()
    client = Client(tmp_path / "client", stack.outputs())
    client.run("put", "/kept", "from the snapshot")
    file = snapshots.saved(client, tmp_path / "snapshot.db")
    former = stack.outputs()["clusterId"]
    hosts.fresh(NAMES)
    snapshots.give_etcdutl(hosts, NAMES)
    snapshots.spread(hosts, file)
    stack.config["restore"] = {"snapshot": PLACE, "replaces": former}
    stack.up()
    assert client.all_healthy(30)
    assert snapshots.values(client) == {"/kept": "from the snapshot"}
    now = snapshots.one_cluster(stack, client, former)
    snapshots.nothing_to_do(stack)

    hosts.up(FIVE)
    snapshots.give_etcdutl(hosts, FIVE[3:])
    snapshots.spread(hosts, file, FIVE)
    stack.config["members"] = [{"name": name, "address": hosts.address(name)} for name in FIVE]
    stack.config["restore"] = {"snapshot": PLACE, "replaces": now}
    stack.up()
    client = Client(tmp_path / "five", stack.outputs())
    assert client.all_healthy(30)
    assert snapshots.values(client) == {"/kept": "from the snapshot"}
    snapshots.one_cluster(stack, client, now, FIVE)
    snapshots.nothing_to_do(stack)


@pytest.mark.matrix
@pytest.mark.long
def test_new_stack_begins_with_a_snapshot(own_hosts: Lab, tmp_path: Path) -> None:
    """Hosts of no cluster, a state of no cluster: there is nothing to replace. It is done once."""
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    old = Stack(tmp_path / "old", own_hosts, NAMES)
    old.up()
    client = Client(tmp_path / "client", old.outputs())
    client.run("put", "/kept", "from the snapshot")
    file = snapshots.saved(client, tmp_path / "snapshot.db")
    former = old.outputs()["clusterId"]
    own_hosts.fresh(NAMES)
    snapshots.give_etcdutl(own_hosts, NAMES)
    snapshots.spread(own_hosts, file)
    stack = Stack(tmp_path / "new", own_hosts, NAMES)
    stack.config["restore"] = {"snapshot": PLACE}
    stack.up()
    client = Client(tmp_path / "client", stack.outputs())
    assert client.all_healthy(30)
    assert snapshots.values(client) == {"/kept": "from the snapshot"}
    snapshots.one_cluster(stack, client, former)
    client.run("put", "/later", "stays")
    snapshots.nothing_to_do(stack)
    assert "/later" in snapshots.values(client)
