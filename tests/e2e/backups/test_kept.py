"""What stays in the store, what is damaged there, and what a restore makes of that."""

from __future__ import annotations

import gzip
import json
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.store import Store
from tests.support import store as backups
from tests.support import unharmed
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, start_times
from tests.support.tiers import tiered

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(600)]


def _older(file: Path, age: timedelta) -> Path:
    """A copy of a backup in the store that was made so long ago, on schedule, by its name."""
    made = f"{datetime.now(UTC) - age:%Y-%m-%dT%H-%M-%SZ}"
    name = re.sub(r"^[^_]+", made, file.name).replace("_now.", ".")
    shutil.copy2(backups.described(file), backups.described(file.with_name(name)))
    return Path(shutil.copy2(file, file.with_name(name)))


def test_old_ones_go_and_others_things_stay(
    hosts: Lab, quiet: Stack, client: Client, store: Store
) -> None:
    """As `keep` says; halves after a day; nothing that somebody else has put there."""
    leader = unharmed.leader(client)
    hosts.ssh(leader, "etcd-host backup")
    newest = backups.objects(store)[-1]
    planted = [_older(newest, timedelta(days=day)) for day in range(1, 50)]
    half = _older(newest, timedelta(hours=30))
    backups.described(half).unlink()
    fresh_half = _older(newest, timedelta(hours=3))
    backups.described(fresh_half).unlink()
    strange = newest.with_name("notes.txt")
    strange.write_text("somebody's")
    other = newest.parent.with_name("feedfacefeedface")
    shutil.copytree(newest.parent, other)
    there = sorted(other.iterdir())
    quiet.config["backup"]["keep"] = {"hourly": 1, "daily": 3, "weekly": 2, "monthly": 1}
    quiet.up()
    hosts.ssh(leader, "etcd-host backup")
    *left, last = backups.objects(store, newest.parent.name)
    assert "_now." in last.name
    assert last > newest
    left = [each for each in left if "_now." not in each.name]
    days = {each.name[:10] for each in left}
    assert len(left) == len(days)
    assert {each.name[:10] for each in planted[:2]} < days
    assert 3 <= len(left) <= 5  # on a Monday the last days have those of the last weeks, too
    assert strange.exists()
    assert fresh_half.exists()
    assert not half.exists()
    assert sorted(other.iterdir()) == there
    shutil.rmtree(other)


def _flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def _truncate(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-100])


def _of_another_cluster(file: Path) -> None:
    told = backups.description(file) | {"clusterId": "feedfacefeedface"}
    backups.described(file).write_text(json.dumps(told, separators=(",", ":")) + "\n")


def _other_content(file: Path) -> None:
    file.write_bytes(gzip.compress(b"somebody else's database" * 100))


DAMAGE = {
    "flipped": (_flip, "damaged|corrupted"),
    "truncated": (_truncate, "bytes, and had|corrupted"),
    "another cluster": (_of_another_cluster, "feedfacefeedface|corrupted"),
    "another content": (_other_content, "bytes, and had|damaged|corrupted"),
}


@pytest.mark.parametrize(("damage", "reason"), tiered(DAMAGE, always=("flipped",)))
def test_damage_is_found_and_is_not_restored(
    hosts: Lab,
    quiet: Stack,
    client: Client,
    store: Store,
    damage: Callable[[Path], None],
    reason: str,
) -> None:
    """By the proof; a preview says so until the object is gone; a restore of it stops nothing."""
    leader = unharmed.leader(client)
    hosts.ssh(leader, "etcd-host backup")
    newest = backups.objects(store)[-1]
    damage(newest)
    done = hosts.ssh(leader, "etcd-host backup prove", check=False)
    assert done.returncode == 4
    assert re.search(reason, done.stderr), done.stderr
    assert backups.path(newest) in quiet.preview()
    started = start_times(hosts, "etcd")
    restore = {"snapshot": backups.path(newest), "replaces": quiet.outputs()["clusterId"]}
    with configured(quiet, restore=restore):
        refused = quiet.pulumi("up", "--yes", "--skip-preview", check=False)
    assert refused.status != 0
    assert re.search(reason, refused.text), refused.text
    assert "Nothing was stopped" in refused.text
    assert start_times(hosts, "etcd") == started
    assert client.all_healthy(10)
    for name in NAMES:
        assert hosts.ssh(name, "ls -A /var/lib/etcd/.restore 2>/dev/null || true").stdout == ""
    hosts.ssh(leader, "etcd-host backup")
    assert newest.exists()
    assert backups.path(newest) in quiet.preview()
    newest.unlink()
    backups.described(newest).unlink()
    quiet.up()
    hosts.ssh(leader, "etcd-host backup prove")
    assert backups.path(newest) not in quiet.preview()


@pytest.mark.long
@pytest.mark.parametrize("keep", [{"hourly": 1, "daily": 1}, "bucket"], ids=["pruned", "bucket"])
def test_bucket_that_locks_its_objects(
    hosts: Lab, quiet: Stack, client: Client, store: Store, keep: dict[str, int] | str
) -> None:
    """A delete there only hides; with `keep: bucket` none is asked for."""
    bucket = f"locked-{len(keep)}"
    store.bucket(bucket, lock="COMPLIANCE")
    before = quiet.config["backup"]
    quiet.config["backup"] = {**before, "to": f"{bucket}/lab", "keep": keep}
    quiet.up()
    leader = unharmed.leader(client)
    for _ in range(3):
        hosts.ssh(leader, "etcd-host backup")
    assert len(backups.objects(store, bucket=bucket)) >= (3 if keep == "bucket" else 1)
    assert "backup: failed" not in quiet.preview()
    quiet.config["backup"] = before
    quiet.up()
