"""Two hours of backups, by a clock that is moved, and what goes wrong meanwhile."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.store import Store
from tests.support import store as backups
from tests.support import unharmed
from tests.support.etcd import Client
from tests.support.hosts import NAMES

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
SCHEDULE = "2099-01-01 00:00:0/20"  # whose time never comes: the test is the timer
STEP_SECONDS = 600
STEPS = 12
KEEP = {"hourly": 2, "daily": 1, "weekly": 1, "monthly": 1}
LARGE = "".join(f"{n:x}" for n in range(200_000))
# The clocks that a plan compares with its own are told to nanoseconds, and stay as they are.
DATE = """#!/bin/bash
[[ $* != *%N* ]] || exec /bin/date "$@"
now=$(/bin/date -u -d "@$(($(/bin/date +%s) + $(</root/clock)))" +'%F %T UTC')
given=() when=$now
while (($#)); do
  if [[ $1 == -d ]]; then
    case $2 in *ago | *minutes) when="$now $2" ;; *) when=$2 ;; esac
    shift
  else
    given+=("$1")
  fi
  shift
done
exec /bin/date -d "$when" "${given[@]}"
"""


@pytest.fixture(scope="module")
def hosts(hosts: Lab) -> Lab:
    """Their clocks can be moved, and are two hours late."""
    for name in NAMES:
        hosts.ssh(name, "cat >/usr/local/sbin/date; chmod 755 /usr/local/sbin/date", input=DATE)
    _move(hosts, 0)
    return hosts


def _move(lab: Lab, step: int) -> None:
    for name in NAMES:
        lab.ssh(name, f"echo {(step - STEPS) * STEP_SECONDS} >/root/clock")


@contextmanager
def _timers(lab: Lab) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """All timers go off at once, and the runs come to their ends, well or not. (A run that goes on
    still, as of the last `up`, would swallow this start.)
    """
    busy = '[ "$(systemctl is-active etcd-host-backup.service)" = activating ]'
    for name in NAMES:
        lab.ssh(name, f"timeout 120 sh -c 'while {busy}; do sleep 0.2; done'")
    line = "systemctl start etcd-host-backup.service"
    runs = {name: subprocess.Popen([*lab.ssh_command(name), line]) for name in NAMES}
    yield runs
    for run in runs.values():
        run.wait(timeout=300)


@contextmanager
def _no_room(lab: Lab, name: str) -> Iterator[None]:
    place = "/var/lib/etcd-snapshots"
    lab.ssh(name, f"mkdir -p {place} && mount -t tmpfs -o size=20m tmpfs {place}")
    yield
    lab.ssh(name, f"umount {place}")


def _made(
    lab: Lab, store: Store, step: int, fault: AbstractContextManager[None], dies: str = ""
) -> set[str]:
    """Who made a backup in this step. dies: a host, in the middle of it."""
    _move(lab, step)
    before = set(backups.objects(store))
    with fault, _timers(lab) as runs:
        if dies:
            backups.until(lambda: lab.ssh(dies, "pgrep -x rclone", check=False).stdout)
            lab.kill(dies)
            runs[dies].kill()
    for each in backups.objects(store):
        assert each.stat().st_size == backups.description(each)["gzSize"]
    return {backups.description(each)["member"] for each in set(backups.objects(store)) - before}


def _of_another_cluster(backup: Path) -> Path:
    told = backups.description(backup) | {"clusterId": "feedfacefeedface"}
    backups.described(backup).write_text(json.dumps(told, separators=(",", ":")) + "\n")
    return backup


def test_two_hours_with_faults(hosts: Lab, quiet: Stack, client: Client, store: Store) -> None:
    """One backup a time unless the store is gone; a fault is in the preview until it is over; none
    but whole ones, and of those what `keep` says; no write fails but for a leader that died.
    """
    quiet.config["backup"]["keep"] = KEEP
    quiet.up()
    client.run("put", "/large", stdin=LARGE)

    new = partial(_made, hosts, store)
    with unharmed.unharmed(client) as writer:
        leader = unharmed.leader(client)
        assert new(1, nullcontext()) == {leader}
        assert new(2, store.slow("512kbit"))  # (by others, too: they may not wait for it so long)
        for step, fault in ((3, store.cut()), (5, store.full())):
            assert new(step, fault) == set()
            assert f"backup: failed on {leader} ({hosts.address(leader)})" in quiet.preview()
            assert new(step + 1, nullcontext()) == {leader}
            assert "backup: failed" not in quiet.preview()
        others = new(7, _no_room(hosts, leader))
        assert others
        assert leader not in others
        # (Another has made a younger one, so a preview has nothing to warn of.)
        assert "bytes free" in backups.fact(hosts, leader, "fault")

        newest = _of_another_cluster(backups.objects(store)[-1])
        done = hosts.ssh(leader, "etcd-host backup prove", check=False)
        assert done.returncode == 4, done.stderr
        assert new(8, nullcontext()) == {leader}
        assert backups.path(newest) in quiet.preview()
        assert newest.exists()
        newest.unlink()
        backups.described(newest).unlink()
        assert new(9, nullcontext()) == {leader}
        assert backups.path(newest) not in quiet.preview()

        assert writer.failed == []
        assert len(writer.acknowledged) > 1000
        others = new(10, store.slow("256kbit"), leader)
        assert others
        assert leader not in others
        hosts.start(leader)
        assert client.all_healthy(60)
        now = unharmed.leader(client)
        assert new(11, nullcontext()) == {now}
        assert new(12, nullcontext()) == {now}
    left = backups.objects(store)
    assert len({each.name[:13] for each in left}) == len(left) == KEEP["hourly"]
    shown = quiet.preview()
    assert "backup: newest 20" in shown
    assert "warning" not in shown
