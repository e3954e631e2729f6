"""A member stops answering while others are changed: never two are down, and nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, etcd_flags, start_times, wait_until
from tests.support.killing import Run, begins
from tests.support.unharmed import leader, refused_up, unharmed

pytestmark = pytest.mark.matrix
QUOTA = 6 * 1024**3


@contextmanager
def frozen(lab: Lab, name: str) -> Iterator[None]:
    """This host's etcd is there and does nothing."""
    lab.ssh(name, "pkill -STOP -x etcd")
    try:
        yield
    finally:
        lab.ssh(name, "pkill -CONT -x etcd")


def serving(client: Client, lab: Lab, *names: str) -> int:
    """How many of these answer through a quorum."""
    urls = ",".join(f"https://{lab.address(name)}:2379" for name in names)
    done = client.run("endpoint", "health", endpoints=urls, check=False)
    return (done.stdout + done.stderr).count("is healthy")


@pytest.mark.long
@pytest.mark.parametrize("role", ["follower", "leader"])
def test_an_etcd_that_does_not_move_is_restarted_before_the_roll_reaches_the_others(
    hosts: Lab, cluster: Stack, client: Client, role: str
) -> None:
    """Its process and its port are there; that counts for nothing. It is mended first."""
    led = leader(client)
    still = led if role == "leader" else next(name for name in reversed(NAMES) if name != led)
    others = [name for name in NAMES if name != still]
    wanted = {"quotaBackendBytes": QUOTA}
    with unharmed(client):
        with frozen(hosts, still):
            wait_until(lambda: serving(client, hosts, *others) == len(others))
            with configured(cluster, etcd=wanted):
                assert f"warning: {still} (" in cluster.preview()
                text = cluster.up()
                assert all(f"--quota-backend-bytes={QUOTA}" in etcd_flags(hosts, n) for n in NAMES)
        done = [text.index(f"{name}-healthy updated") for name in (still, *others)]
        assert done[0] == min(done)
        assert serving(client, hosts, *NAMES) == len(NAMES)
    cluster.up()


def test_a_host_that_is_cut_off_in_the_middle_of_a_roll_stops_it(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """The first member is done when another is cut off: the next turn is not taken."""
    led = leader(client)
    first, second = (name for name in NAMES if name != led)
    with unharmed(client):
        before = start_times(hosts, "etcd")
        with configured(cluster, etcd={"quotaBackendBytes": QUOTA}):
            run = Run(cluster)
            try:
                run.wait_until(begins(f"etcd-{first}-healthy"))
                hosts.cut(led)
                assert run.process.wait(timeout=400) != 0
                assert serving(client, hosts, first, second) == 2
            finally:
                hosts.heal(led)
            run.reader.join(timeout=5)
            now = start_times(hosts, "etcd")
            assert now[first] != before[first]
            assert now[led] == before[led]
            cluster.up()
            assert all(f"--quota-backend-bytes={QUOTA}" in etcd_flags(hosts, n) for n in NAMES)
    cluster.up()


@pytest.mark.long
def test_a_setting_of_the_kubelet_reaches_one_member_after_the_other(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """With another cgroup driver the kubelet makes its pods anew: each in its member's own turn."""
    before = start_times(hosts, "kubelet")
    with unharmed(client) as writer:
        with configured(cluster, cgroupDriver="systemd"):
            cluster.up()
            cluster.pulumi("preview", "--expect-no-changes")
        now = start_times(hosts, "kubelet")
        assert not [name for name in NAMES if now[name] == before[name]]
        cluster.up()
    # Two rolls, and at each stop of a member one may be in flight. With two down each would fail.
    assert len(writer.failed) <= 2 * len(NAMES)


@pytest.mark.long
def test_a_runtime_that_starts_no_pod_any_more_costs_one_member(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """Nobody can see it before, on any host: what runs goes on. The first member shows it."""
    first, *others = [name for name in NAMES if name != leader(client)] + [leader(client)]
    with unharmed(client):
        for name in NAMES:
            hosts.ssh(name, "cp -p $(which runc) /root/runc; echo nothing >$(which runc)")
        try:
            before = start_times(hosts, "etcd", *others), start_times(hosts, "kubelet", *others)
            with configured(cluster, etcd={"quotaBackendBytes": QUOTA}, healthTimeoutSeconds=15):
                text = refused_up(cluster)
            assert (
                start_times(hosts, "etcd", *others),
                start_times(hosts, "kubelet", *others),
            ) == before
            assert serving(client, hosts, *others) == len(others)
        finally:
            for name in NAMES:
                hosts.ssh(name, "cp -p /root/runc $(which runc)")
        assert f"etcd-host: {first} " in text
        assert re.search(r"is not healthy after 15 s; the last messages of its kubelet", text), text
        cluster.up()


@pytest.mark.long
def test_an_image_that_is_not_there_stops_at_the_first_member(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """No pod of it can start, here or elsewhere: one has tried."""
    first, *others = [name for name in NAMES if name != leader(client)] + [leader(client)]
    with unharmed(client):
        before = start_times(hosts, "etcd", *others)
        with configured(cluster, imageRepository="192.0.2.1/none", healthTimeoutSeconds=15):
            text = refused_up(cluster)
        assert start_times(hosts, "etcd", *others) == before
        assert serving(client, hosts, *others) == len(others)
        assert f"etcd-host: {first} " in text
        cluster.up()
