"""What is set up on a host: drift of it, a change of it, and its end."""

from __future__ import annotations

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.store import Store
from tests.support import snapshots
from tests.support import store as backups
from tests.support.hosts import NAMES, start_times
from tests.support.tiers import tiered

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(600)]
KEPT = "/var/lib/etcd-host/backup/settings"
UNIT = "/etc/systemd/system/etcd-host-backup"
DRIFT = {
    f"sed -i s/hourly/daily/ {KEPT} && echo >>{KEPT}": "settings edited",
    f"rm {UNIT}.service": "etcd-host-backup.service missing",
    "systemctl stop etcd-host-backup.timer": "timer stopped",
    "systemctl disable etcd-host-backup.timer": "timer not enabled at boot",
}


@pytest.mark.parametrize(
    ("change", "reason"),
    tiered(
        {reason: (change, reason) for change, reason in DRIFT.items()}, always=("timer stopped",)
    ),
)
def test_drift_is_shown_and_mended(hosts: Lab, formed: Stack, change: str, reason: str) -> None:
    """On that host alone, and no etcd restarts for it."""
    started = start_times(hosts, "etcd")
    hosts.ssh("etcd02", change)
    shown = formed.preview()
    assert "backup-setup # drift after" in shown
    assert reason in shown
    assert "etcd-etcd02-backup" in shown
    assert "etcd-etcd01-backup" not in shown
    formed.up()
    snapshots.nothing_to_do(formed)
    assert hosts.ssh("etcd02", "systemctl is-active etcd-host-backup.timer").stdout == "active\n"
    assert start_times(hosts, "etcd") == started


def test_folder_is_a_store_too(hosts: Lab, formed: Stack, store: Store) -> None:
    """Each host keeps its own where it is no share."""
    formed.config["backup"] = {
        "to": "/var/backups/etcd",
        "schedule": "*-*-* *:*:0/20",
        "maxAgeHours": 1,
        "encryptionPassword": "none but us",
    }
    formed.up()
    line = "find /var/backups/etcd/etcd -name '2*.json*' | head -n 1"
    backups.until(lambda: all(hosts.ssh(name, line, check=False).stdout for name in NAMES))
    for name in NAMES:
        (found,) = hosts.ssh(name, line).stdout.split()
        assert "clusterId" not in hosts.ssh(name, f"tr -d '\\0' <{found}").stdout
        assert hosts.ssh(name, f"stat -c %a {found}").stdout == "600\n"
    hosts.ssh("etcd01", "etcd-host backup prove")


def test_nothing_is_left_when_the_section_goes(hosts: Lab, formed: Stack) -> None:
    """But for what is in the store."""
    del formed.config["backup"]
    formed.up()
    for name in NAMES:
        left = f"ls {UNIT}* /var/lib/etcd-host/backup* /var/lib/etcd-snapshots/.backup 2>/dev/null"
        assert hosts.ssh(name, left, check=False).stdout == ""
        assert hosts.ssh(name, "systemctl is-active etcd-host-backup.timer", check=False).stdout
        assert "backup-newest" not in hosts.ssh(name, "etcd-host observe '' ''").stdout
    snapshots.nothing_to_do(formed)
    assert "backup" not in formed.outputs()
