"""A cluster in use: its settings change, and clients go on."""

from __future__ import annotations

import re

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, etcd_flags, powered_off, start_times
from tests.support.writer import Writer


def test_a_new_quota_reaches_each_member_while_clients_go_on_writing(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """Members restart one at a time; every acknowledged write is there, and next to none fails.

    Etcd drops a write that reaches a leader just as it hands over, and the leadership moves once.
    Besides that, the one write in flight at a member that stops may be told that it goes away.
    """
    kubelets, members = start_times(hosts, "kubelet"), start_times(hosts, "etcd")
    term = client.term()
    cluster.config["etcd"] = {"quotaBackendBytes": 4294967296}
    with Writer(client, "/roll/") as writer:
        cluster.up()
    assert len(writer.acknowledged) > 20
    assert len(writer.failed) <= len(NAMES)
    dropped = r"(?i)deadline exceeded|request timed out|proposal dropped|UNAVAILABLE|goaway"
    assert all(re.search(dropped, said) for said in writer.failed)
    assert not writer.lost()
    assert client.term() - term <= 1
    for name in NAMES:
        assert "--quota-backend-bytes=4294967296" in etcd_flags(hosts, name)
    assert client.healthy() == len(NAMES)
    # Each member was restarted, by a kubelet that let go of it for that time.
    for before, now in (
        (kubelets, start_times(hosts, "kubelet")),
        (members, start_times(hosts, "etcd")),
    ):
        assert [name for name in NAMES if before[name] == now[name]] == []


@pytest.mark.matrix
def test_a_change_is_refused_while_another_member_is_down(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """Stopping one more would cost the quorum: nothing is restarted, and the reason is said."""
    up = NAMES[:2]
    before = start_times(hosts, "etcd", *up)
    wanted = {**cluster.config.get("etcd", {}), "heartbeatIntervalMilliseconds": 120}
    with powered_off(hosts, "etcd03"), configured(cluster, etcd=wanted):
        done = cluster.pulumi("up", "--yes", "--skip-preview", check=False)
        assert done.status != 0
        assert "restarting it would leave too few members for a quorum" in done.text
        assert re.search(r"not healthy: etcd03 \(https://\S+:2379, id [0-9a-f]+\)", done.text)
        assert start_times(hosts, "etcd", *up) == before
        assert client.healthy() == len(up)
    cluster.config["etcd"] = wanted
    cluster.up()
    assert client.all_healthy(60)
    assert "--heartbeat-interval=120" in etcd_flags(hosts, "etcd03")
