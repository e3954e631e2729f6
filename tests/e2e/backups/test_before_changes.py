"""Before etcd's version or the CAs change a backup is made; without one nothing changes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.store import Store
from lab.versions import TODAY, UPGRADES
from tests.support import snapshots
from tests.support import store as backups
from tests.support.etcd import Client
from tests.support.hosts import NAMES, start_times
from tests.support.images import give_etcd

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]
NEWER = next(row for row in UPGRADES if row.etcd.startswith("3.6.") and row.etcd != TODAY.etcd)


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[Lab]:
    """Three hosts that have both versions."""
    lab.fresh(NAMES)
    give_etcd(lab, NAMES, TODAY.etcd, NEWER.etcd)
    yield lab
    lab.down()


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "authorities": (
        {"certificates": {"authorities": [1, 2]}},
        r"authorities \[1\] becomes \[1, 2\]",
    ),
    "issuer": ({"certificates": {"authorities": [2, 1]}}, r"authorities \[1, 2\] becomes \[2, 1\]"),
    "version": (
        {"etcd": {"imageTag": NEWER.etcd_tag}},
        f"etcd {re.escape(TODAY.etcd)} becomes {re.escape(NEWER.etcd)}",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_backup_comes_first(
    hosts: Lab, quiet: Stack, client: Client, store: Store, case: str
) -> None:
    """While the store is down nothing changes; then the backup is shown, made, and not undone."""
    change, reason = CHANGES[case]
    client.run("put", f"/before/{case}", "x")
    before = backups.objects(store)
    started = start_times(hosts, "etcd")
    quiet.config |= change
    with store.cut():
        refused = quiet.pulumi("up", "--yes", "--skip-preview", check=False)
    assert refused.status != 0
    assert "could not be read" in refused.text, refused.text
    assert start_times(hosts, "etcd") == started
    assert "updated" not in re.sub(r"host-program.*", "", refused.text.partition("Resources:")[2])
    assert re.search(reason, quiet.preview())
    quiet.up()
    (made,) = [each for each in backups.objects(store) if each not in before]
    assert backups.description(made)["revision"] == snapshots.revision(client)
    assert client.all_healthy(30)
    snapshots.nothing_to_do(quiet)


def test_without_a_store_a_proved_snapshot_stays_on_a_host(
    hosts: Lab, quiet: Stack, client: Client
) -> None:
    """The last three of each host."""
    backup = quiet.config.pop("backup")
    changed = "certificates" in quiet.config  # by the test before
    quiet.config["certificates"] = {"authorities": [2] if changed else [1, 2]}
    quiet.up()
    snapshots.nothing_to_do(quiet)
    found = [
        line
        for name in NAMES
        for line in hosts.ssh(name, "ls /var/lib/etcd-snapshots", check=False).stdout.splitlines()
        if line.endswith("-before-change.db")
    ]
    assert len(found) == 1
    for name in NAMES:
        left = "ls /etc/systemd/system/etcd-host-backup* /var/lib/etcd-host/backup* 2>/dev/null"
        assert hosts.ssh(name, left, check=False).stdout == ""
    quiet.config["backup"] = backup
