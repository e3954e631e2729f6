"""A cluster on machines: cgroup v2, the systemd driver, swap that is on, lines that are slow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.machines import have_quota, no_swap, on_cgroup_v2, reboot_all, up_changes_nothing
from tests.support.tiers import MACHINES
from tests.support.writer import Writer

pytestmark = MACHINES
SHOWS = (
    "first up with swap on, second up unchanged, a roll and a replaced host at 20 ms and 1 % loss, "
    "reboot of all, a slow disk"
)

_QUOTA = 3 * 2**30
_SWAP_ON = """
dd if=/dev/zero of=/swapfile bs=1M count=64 status=none && chmod 600 /swapfile
mkswap -q /swapfile && echo '/swapfile none swap sw 0 0' >>/etc/fstab && swapon /swapfile
"""


@contextmanager
def far_apart(hosts: Lab) -> Iterator[None]:
    """What members send takes 20 ms more while this lasts, and one packet in a hundred is lost."""
    for name in NAMES:
        hosts.shape(name, delay=20, loss=1)
    try:
        yield
    finally:
        for name in NAMES:
            hosts.shape(name)


@pytest.fixture(scope="module")
def stack(stack: Stack, hosts: Lab) -> Stack:
    """Hosts with swap, as an installer leaves them."""
    for name in NAMES:
        hosts.ssh(name, _SWAP_ON)
        assert len(hosts.ssh(name, "cat /proc/swaps").stdout.splitlines()) == 2
    return stack


def test_a_cluster_is_founded_on_cgroup_v2_with_the_systemd_driver(
    formed: Stack, hosts: Lab, client: Client
) -> None:
    """Etcd's pod is in a slice that systemd made, by containerd and by the kubelet alike."""
    assert client.all_healthy()
    on_cgroup_v2(hosts)


def test_swap_that_was_on_is_off(formed: Stack, hosts: Lab) -> None:
    """Now, and in fstab."""
    no_swap(hosts)


def test_a_second_up_changes_nothing(formed: Stack) -> None:
    """All resources are unchanged."""
    up_changes_nothing(formed)


def test_a_roll_over_a_slow_line_loses_nothing(formed: Stack, hosts: Lab, client: Client) -> None:
    """Every packet is 20 ms late, one in a hundred is lost, and a client goes on writing."""
    formed.config["etcd"] = {"quotaBackendBytes": _QUOTA}
    with far_apart(hosts), Writer(client, "/machines/roll/") as writer:
        formed.up()
    assert client.all_healthy()
    have_quota(hosts, _QUOTA)
    assert writer.lost() == []
    assert len(writer.acknowledged) > 100


def test_a_host_that_was_replaced_joins_over_a_slow_line(
    formed: Stack, hosts: Lab, client: Client
) -> None:
    """Etcd03's machine is a new one: it joins through the quorum, as a learner first."""
    before = client.members()["etcd03"][0]
    hosts.reset(["etcd03"])
    with far_apart(hosts):
        formed.up()
    assert client.all_healthy()
    assert client.members()["etcd03"][0] != before
    assert len(client.members()) == len(NAMES)


def test_the_cluster_comes_back_when_all_machines_reboot_at_once(
    formed: Stack, hosts: Lab, client: Client
) -> None:
    """Kernels start anew: modules, sysctls and swap are as they were set."""
    client.run("put", "/machines/before", "yes", timeout=30)
    reboot_all(hosts)
    assert client.all_healthy(300)
    assert client.run("get", "/machines/before", "--print-value-only").stdout == "yes\n"
    no_swap(hosts)
    formed.pulumi("preview", "--expect-no-changes")


def test_a_disk_that_answers_slowly_is_no_dead_host(
    formed: Stack, hosts: Lab, client: Client
) -> None:
    """One machine's disk does 40 operations a second: nothing to do is still nothing to do."""
    hosts.limit_disk("etcd02", 40)
    try:
        formed.pulumi("preview", "--expect-no-changes")
        assert client.all_healthy()
    finally:
        hosts.limit_disk("etcd02", 0)
