"""A snapshot of a cluster that was out of space holds the alarm, and what comes of it has room."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support import snapshots
from tests.support.etcd import Client
from tests.support.full import SMALL, fill
from tests.support.snapshots import PLACE

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def formed(stack: Stack) -> Stack:
    """A cluster with the least quota there is."""
    stack.config["etcd"] = {"quotaBackendBytes": SMALL}
    stack.up()
    return stack


def test_restored_cluster_takes_writes_at_once(
    hosts: Lab, formed: Stack, client: Client, tmp_path: Path
) -> None:
    """API servers are started after this `up`, and nobody would look for an alarm before that."""
    former = formed.outputs()["clusterId"]
    fill(client)
    snapshots.spread(hosts, snapshots.saved(client, tmp_path / "snapshot.db"))
    formed.config["etcd"] = {"quotaBackendBytes": 2 * 1024**3}
    formed.config["restore"] = {"snapshot": PLACE, "replaces": former}
    assert "alarm NOSPACE of the restored snapshot cleared" in formed.up()
    assert client.all_healthy(30)
    assert client.alarms() == ""
    client.run("put", "/after", "room")
    snapshots.one_cluster(formed, client, former)
    snapshots.nothing_to_do(formed)
