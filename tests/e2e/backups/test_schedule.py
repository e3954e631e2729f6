"""Backups are made on time by whoever leads, and by another where that one is gone."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.store import Store
from tests.support import store as backups
from tests.support import unharmed
from tests.support.etcd import Client
from tests.support.hosts import NAMES

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(600)]
INTERVAL = 20
SCHEDULE = f"*-*-* *:*:0/{INTERVAL}"
WAIT = 10


def _by(member: str, store: Store, cluster: str) -> list[Path]:
    return [e for e in backups.objects(store, cluster) if e.name.endswith(f"_{member}.db.gz")]


def test_leader_makes_them_and_everybody_knows(
    hosts: Lab, formed: Stack, client: Client, store: Store
) -> None:
    """One each time, whole and proved; preview and output speak of it; it holds what was there."""
    # Kubernetes always has keys with a lease.
    lease = client.run("lease", "grant", "6000").stdout.split()[1]
    client.run("put", "/kept", "in the backup", f"--lease={lease}")
    cluster = formed.outputs()["clusterId"]
    leader = unharmed.leader(client)
    first = backups.until(lambda: backups.objects(store, cluster), 120)
    later = backups.until(lambda: set(_by(leader, store, cluster)) - set(first), 120)
    made = max(later)
    told = backups.description(made)
    assert (told["clusterId"], told["member"], told["keys"]) == (cluster, leader, 1)
    assert told["hash"]
    name = backups.path(made)
    backups.until(lambda: min(backups.fact(hosts, each, "newest") for each in NAMES) >= name)
    # (While one is being made, its host says that it was interrupted.)
    backups.until(lambda: not any(backups.fact(hosts, each, "fault") for each in NAMES))
    # The leader does not wait; the others do, and on a busy machine it may be late.
    seconds = {
        each.name: int(each.name[17:19]) % INTERVAL for each in backups.objects(store, cluster)
    }
    early = [each for each, second in seconds.items() if second < WAIT]
    assert early
    assert all(each.endswith(f"{leader}.db.gz") for each in early), seconds
    backups.until(lambda: backups.fact(hosts, leader, "proof"))
    shown = formed.preview()
    assert "backup: newest 20" in shown
    assert "warning" not in shown
    formed.up()
    assert formed.outputs()["backup"]["object"].startswith(f"etcd/{cluster}/20")


def test_another_makes_it_when_the_leader_dies_at_it(
    hosts: Lab, formed: Stack, client: Client, store: Store
) -> None:
    """What the dead one had begun is never taken for a backup, and is told when it is back."""
    client.run("put", "/large", stdin="".join(f"{n:x}" for n in range(200_000)))
    leader = unharmed.leader(client)
    before = backups.objects(store)
    with store.slow("256kbit"):
        backups.until(lambda: "interrupted" in backups.fact(hosts, leader, "fault"))
        backups.until(lambda: hosts.ssh(leader, "pgrep -x rclone", check=False).stdout)
        hosts.kill(leader)
    # (It may have ended one just before.)
    backups.until(
        lambda: [
            each
            for each in backups.objects(store)
            if each not in before and backups.description(each)["member"] != leader
        ],
        90,
    )
    for each in backups.objects(store):
        assert each.stat().st_size == backups.description(each)["gzSize"]
    hosts.start(leader)
    assert client.all_healthy(60)
    told = backups.fact(hosts, leader, "fault")
    backups.until(lambda: backups.fact(hosts, leader, "fault") == "", 90)
    assert told == "" or "was interrupted" in told
