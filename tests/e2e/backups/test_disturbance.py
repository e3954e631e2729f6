"""What clients feel of a backup of a large database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.store import Store
from tests.support import store as backups
from tests.support import unharmed
from tests.support.etcd import Client
from tests.support.writer import Writer

pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]
MEGABYTE = "x" * 1_000_000
ROUNDS = 4
MOST = 1.5
"""Times that the slowest hundredth of writes may take, of what they take without a backup."""


def _p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]


@pytest.mark.parametrize("megabytes", [50, 600])
def test_writers_hardly_feel_a_backup(
    hosts: Lab, quiet: Stack, client: Client, store: Store, megabytes: int, tmp_path: Path
) -> None:
    """None fails, none waits for half an election; hosts of two cores are to have nothing else."""
    leader = unharmed.leader(client)
    for number in range(megabytes):
        client.run("put", f"/large/{number}", stdin=MEGABYTE, timeout=30)
    hosts.ssh(leader, "etcd-host backup")
    without: list[float] = []
    during: list[float] = []
    took: list[float] = []
    with Writer(client, "/written/") as writer:
        for _ in range(ROUNDS):
            begin, at = time.monotonic(), len(writer.seconds)
            hosts.ssh(leader, "systemctl start etcd-host-backup.service")  # as the timer does
            took.append(time.monotonic() - begin)
            during += writer.seconds[at:]
            at = len(writer.seconds)
            time.sleep(max(took[-1], 5))
            without += writer.seconds[at:]
    ratio = _p99(during) / _p99(without)
    print(
        f"{megabytes} MB: backups took {', '.join(f'{each:.1f}' for each in took)} s; p99 of "
        f"{len(during)} writes {_p99(during) * 1000:.1f} ms, of {len(without)} without "
        f"{_p99(without) * 1000:.1f} ms: {ratio:.2f}; longest gap {writer.longest_gap:.2f} s"
    )
    assert writer.failed == []
    assert writer.lost() == []
    assert backups.description(backups.objects(store)[-1])["hash"]
    assert writer.longest_gap < 0.5
    assert ratio < MOST
