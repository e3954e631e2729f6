"""Somebody else says which number the user `etcd` has, and changes his mind."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, wait_until
from tests.support.unharmed import refused_up, unharmed


@pytest.mark.long
def test_etcd_reads_its_keys_until_its_turn_to_be_another_number(
    hosts: Lab, formed: Stack, tmp_path: Path
) -> None:
    """A member that cannot be spared stays as it is, keys and all; later it is a guarded roll."""
    client = Client(tmp_path / "client", formed.outputs())
    hosts.kill("etcd03")
    wait_until(lambda: client.healthy() == 2)
    for name in ("etcd01", "etcd02"):
        hosts.ssh(name, "sed -i s/^etcd:x:[0-9]*:/etcd:x:555:/ /etc/passwd")
    assert "too few members" in refused_up(formed)
    assert client.healthy() == 2
    hosts.start("etcd03")
    wait_until(lambda: client.healthy() == 3)
    with unharmed(client):
        formed.up()
    for name in ("etcd01", "etcd02"):
        assert hosts.ssh(name, "ps -o uid= -p $(pgrep -x etcd)").stdout.strip() == "555"
    formed.pulumi("preview", "--expect-no-changes")
    assert client.healthy() == len(NAMES)
