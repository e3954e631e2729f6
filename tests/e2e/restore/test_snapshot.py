"""A snapshot on all hosts becomes a new cluster, in one `up` that a preview has shown."""

from __future__ import annotations

from pathlib import Path

from lab.lab import Lab
from lab.stack import Stack
from tests.support import snapshots
from tests.support.etcd import Client
from tests.support.snapshots import PLACE


def test_snapshot_is_restored_once(
    hosts: Lab, formed: Stack, client: Client, tmp_path: Path
) -> None:
    """What was deleted after it is back, what was written after it is gone, watches do not lie."""
    former = formed.outputs()["clusterId"]
    client.run("put", "/registry/deployments/kept", "from the snapshot")
    snapshots.spread(hosts, snapshots.saved(client, tmp_path / "snapshot.db"))
    client.run("del", "/registry/deployments/kept")
    client.run("put", "/registry/later", "after the snapshot")
    before = snapshots.revision(client)
    formed.config["restore"] = {"snapshot": PLACE, "replaces": former}
    shown = formed.preview()
    print(shown)
    text = formed.up()
    print(text)
    assert client.all_healthy(30)
    assert snapshots.values(client) == {"/registry/deployments/kept": "from the snapshot"}
    now = snapshots.one_cluster(formed, client, former)
    assert snapshots.revision(client) >= before + 900_000_000
    assert _is_told_that_it_missed_something(client, before)
    snapshots.nothing_to_do(formed)
    del formed.config["restore"]
    formed.up()
    assert formed.outputs()["clusterId"] == now
    snapshots.nothing_to_do(formed)

    # The same once more, from a file that is of before the first one.
    client.run("put", "/registry/later", "after the first restore")
    seen = snapshots.revision(client)
    formed.config["restore"] = {"snapshot": PLACE, "replaces": now}
    formed.up()
    assert client.all_healthy(30)
    assert snapshots.values(client) == {"/registry/deployments/kept": "from the snapshot"}
    snapshots.one_cluster(formed, client, now)
    assert snapshots.revision(client) >= seen + 900_000_000
    assert _is_told_that_it_missed_something(client, seen)
    snapshots.nothing_to_do(formed)


def _is_told_that_it_missed_something(client: Client, since: int) -> bool:
    """Whether a watch that goes on from there is refused, and not silent."""
    watched = client.run("watch", "/registry/", "--prefix", f"--rev={since}", check=False)
    return "required revision has been compacted" in watched.stdout + watched.stderr
