"""The disk of a member's data is full in the middle of a roll, of a join and of a leave."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.storm import NAMES, storm

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
DATA = "/var/lib/etcd"
ROOM = "4g"  # nominal: it is memory, and taken as it is filled
MEGABYTE = "x" * 1_000_000
# Etcd makes each segment of its log, 64 MB, beforehand: it notices when one is full.
MOST = 4 * 64


@pytest.fixture(scope="module")
def hosts(lab: Lab, size: int) -> Iterator[Lab]:
    """Their hosts and one that is to come, each with a disk of its own for the data."""
    lab.fresh(NAMES[: size + 1])
    for name in NAMES[: size + 1]:
        lab.ssh(name, f"mkdir -p {DATA} && mount -t tmpfs -o size={ROOM},mode=700 tmpfs {DATA}")
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def stack(hosts: Lab, size: int, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that gives up early on a member that does not get well."""
    stack = Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES[:size])
    stack.config |= {"healthTimeoutSeconds": 45, "allowEvenMembers": True}
    return stack


def runs(lab: Lab, name: str) -> bool:
    """Whether etcd runs on this host at this moment."""
    return bool(lab.ssh(name, "pgrep -x etcd", check=False).stdout)


@contextmanager
def full(lab: Lab, client: Client, names: Sequence[str]) -> Iterator[None]:
    """These hosts' disks have no room left, and their etcd has noticed."""
    for name in names:
        lab.ssh(name, f"mount -o remount,size=$(df --output=used {DATA} | tail -n1)k {DATA}")
    for number in range(MOST):
        if not any(runs(lab, name) for name in names):
            break
        client.run("put", f"/full/{number}", check=False, stdin=MEGABYTE)
    else:
        pytest.fail("etcd does not mind a full disk")
    yield
    for name in names:
        lab.ssh(name, f"mount -o remount,size={ROOM} {DATA}")


def test_disks_are_full_in_the_middle_of_changes(
    hosts: Lab, cluster: Stack, size: int, tmp_path: Path
) -> None:
    """Etcd ends where it cannot write, and comes back when there is room."""
    storm(hosts, cluster, size, partial(full, hosts), tmp_path)
