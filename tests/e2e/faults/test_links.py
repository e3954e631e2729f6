"""Two members do not reach each other, and serve through the third: it must not stop."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, start_times
from tests.support.unharmed import leader, refused_up, unharmed

pytestmark = [pytest.mark.matrix, pytest.mark.long]
QUOTA = 5 * 1024**3


@contextmanager
def no_peers(lab: Lab, one: str, other: str) -> Iterator[None]:
    """Neither of the two reaches the other's port for peers; clients reach both, and so do they."""
    rules = [
        (name, f"to {lab.address(peer)} ipproto tcp {end} 2380 unreachable")
        for name, peer in ((one, other), (other, one))
        for end in ("sport", "dport")
    ]
    for name, rule in rules:
        lab.ssh(name, f"ip rule add {rule}")
    try:
        yield
    finally:
        for name, rule in rules:
            lab.ssh(name, f"ip rule del {rule}")


def test_a_leader_through_whom_the_others_serve_is_not_stopped(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """Every member is healthy, and says so to whoever asks. The roll stops at the leader, which
    leads on; once the two reach each other, the next one finishes it."""
    led = leader(client)
    one, other = (name for name in NAMES if name != led)
    with unharmed(client):
        with no_peers(hosts, one, other):
            assert client.all_healthy()
            before = start_times(hosts, "etcd", led)
            with configured(cluster, etcd={"quotaBackendBytes": QUOTA}):
                text = refused_up(cluster)
            assert f"{led}: restarting it was put off" in text
            assert "served only through the present leader" in text
            assert "reach each other on port 2380" in text
            assert start_times(hosts, "etcd", led) == before
            assert leader(client) == led
            assert client.all_healthy()
        cluster.config["etcd"] = {"quotaBackendBytes": QUOTA}
        cluster.up()
    cluster.pulumi("preview", "--expect-no-changes")
