"""The same stack is brought up from two places at once, which no lock of a file backend sees."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Result, Stack
from tests.support.backups import backup, put_back
from tests.support.etcd import Client
from tests.support.hosts import NAMES, etcd_flags
from tests.support.terminal import is_foreseen
from tests.support.unharmed import UP, unharmed

pytestmark = pytest.mark.matrix
QUOTAS = (3 * 1024**3, 5 * 1024**3)


def test_two_ups_at_once_leave_one_healthy_cluster(
    hosts: Lab, cluster: Stack, client: Client, tmp_path: Path
) -> None:
    """Each with a setting of its own: never two members down, and the next `up` makes it one."""
    (tmp_path / "second").mkdir()
    second = Stack(tmp_path / "second", hosts, NAMES)
    second.passphrase = cluster.passphrase
    put_back(second, backup(cluster, tmp_path / "copy"))
    second.config = copy.deepcopy(cluster.config)
    stacks = (cluster, second)
    for stack, quota in zip(stacks, QUOTAS, strict=True):
        stack.config["etcd"] = {"quotaBackendBytes": quota}
    with unharmed(client) as writer:
        running = [stack.start(*UP) for stack in stacks]
        texts = [each.communicate(timeout=300)[0] for each in running]
    for each, text in zip(running, texts, strict=True):
        done = Result(status=each.returncode, text=text)
        assert done.status == 0 or is_foreseen(done), text
    # At each stop of a member one write may be in flight; with two down each would fail.
    assert len(writer.failed) <= 2 * len(NAMES)
    cluster.up()
    cluster.pulumi("preview", "--expect-no-changes")
    for name in NAMES:
        assert f"--quota-backend-bytes={QUOTAS[0]}" in etcd_flags(hosts, name)
