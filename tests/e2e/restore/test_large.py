"""A restore of a database as large as they come, and how long it takes."""

from __future__ import annotations

import hashlib
import json
import time
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support import snapshots
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.snapshots import PLACE

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
MEGABYTES = 1024
PAGE = 32
ALONE = (
    f"etcdutl snapshot restore {PLACE} --data-dir /var/lib/etcd-alone --name etcd01"
    " --initial-cluster etcd01=https://10.0.0.1:2380 --initial-advertise-peer-urls"
    " https://10.0.0.1:2380 --bump-revision 1000000000 --mark-compacted"
)


def _hashes(client: Client) -> set[int]:
    told = json.loads(client.run("endpoint", "hashkv", "-w", "json", timeout=120).stdout)
    assert len(told) == len(NAMES)
    return {each["HashKV"]["hash"] for each in told}


def _content(client: Client) -> str:
    """A checksum of all keys and values. (etcd's own hash is of revisions, too, which rise.)"""
    whole, start = hashlib.sha256(), ""
    while True:
        told = client.run("get", start, "--from-key", f"--limit={PAGE + 1}", timeout=60)
        lines = told.stdout.splitlines()
        whole.update("\n".join(lines[: 2 * PAGE]).encode())
        if len(lines) <= 2 * PAGE:
            return whole.hexdigest()
        start = lines[2 * PAGE]


def test_one_gibibyte_is_restored(
    hosts: Lab, formed: Stack, client: Client, tmp_path: Path
) -> None:
    """Every member has every value; the time is printed beside that of etcdutl alone."""
    former = formed.outputs()["clusterId"]
    value = "x" * (1 << 20)
    for number in range(MEGABYTES):
        client.run("put", f"/large/{number}", stdin=f"{number} {value[:-100]}", timeout=30)
    before, content = _hashes(client), _content(client)
    assert len(before) == 1
    snapshots.spread(hosts, snapshots.saved(client, tmp_path / "snapshot.db"))
    size = (tmp_path / "snapshot.db").stat().st_size
    snapshots.give_etcdutl(hosts, NAMES[:1])
    alone = []
    for _ in range(3):
        begin = time.monotonic()
        hosts.ssh(NAMES[0], ALONE)
        alone.append(time.monotonic() - begin)
        hosts.ssh(NAMES[0], "rm -rf /var/lib/etcd-alone; sync")
    client.run("put", "/later", "after the snapshot")
    formed.config["restore"] = {"snapshot": PLACE, "replaces": former}
    shown = formed.preview()
    assert f"restore: cluster {former} ends" in shown
    for name in NAMES:
        assert f"etcd-{name}-restore" in shown
        assert f"etcd-{name}-fence" in shown
    begin = time.monotonic()
    text = formed.up()
    took = time.monotonic() - begin
    print(text)
    assert client.all_healthy(60)
    snapshots.one_cluster(formed, client, former)
    keys = client.run("get", "", "--from-key", "--keys-only", timeout=60).stdout.split()
    assert sorted(keys) == sorted(f"/large/{number}" for number in range(MEGABYTES))
    assert len(_hashes(client)) == 1
    assert _content(client) == content
    base = sorted(alone)[1]
    print(
        f"{size / 2**30:.2f} GiB: etcdutl alone {', '.join(f'{each:.1f}' for each in alone)} s;"
        f" up {took:.1f} s, {took / base:.1f} times"
    )
    snapshots.nothing_to_do(formed)
