"""Each step towards a new CA is taken back, and taken again, while clients write."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.authorities import chain_of, goes
from tests.support.etcd import Client
from tests.support.hosts import NAMES

pytestmark = [pytest.mark.matrix, pytest.mark.long, pytest.mark.timeout(1200)]


def test_each_step_can_be_taken_back(
    formed: Stack, hosts: Lab, first: Client, tmp_path: Path
) -> None:
    """Even the last one: whoever trusts the first CA alone is served again."""
    goes(formed, first, [1, 2], restarts=1)
    goes(formed, first, [1], restarts=1)
    for name in NAMES:
        assert "trusted-" not in hosts.ssh(name, "ls /etc/kubernetes/pki/etcd").stdout
    goes(formed, first, [1, 2], restarts=1)
    goes(formed, first, [2, 1], restarts=0)
    goes(formed, first, [1, 2], restarts=0)
    assert chain_of(hosts, "etcd01", "server") == ["etcd-ca"]
    goes(formed, first, [2, 1], restarts=0)
    followed = Client(tmp_path / "followed", formed.outputs())
    goes(formed, followed, [2], restarts=1)
    assert first.healthy() == 0
    newest = Client(tmp_path / "newest", formed.outputs())
    goes(formed, newest, [2, 1], restarts=1)
    assert first.healthy() == len(NAMES)
    goes(formed, newest, [2], restarts=1)
    assert first.healthy() == 0
