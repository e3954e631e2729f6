"""Machines that have no IPv4 address but loopback's."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.hosts import ssh
from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import NAMES, up_changes_nothing, wait_until
from tests.support.tiers import MACHINES

pytestmark = MACHINES
SYSTEM: System = "vm"
SHOWS = "with IPv6 alone: first up, second up unchanged"
_NO_IPV4 = "nohup sh -c 'sleep 3; ip -4 address flush dev eth0' >/dev/null 2>&1 &"


@pytest.fixture(scope="module")
def stack(stack: Stack, hosts: Lab) -> Iterator[Stack]:
    """Its hosts lose their IPv4 address, and with it the way there by IPv4."""
    for name in NAMES:
        hosts.ssh(name, _NO_IPV4, check=False)  # an emulated machine may be gone before ssh ends
    wait_until(lambda: not any(ssh.answers(hosts.instance.address(name)) for name in NAMES), 60)
    stack.config["members"] = [{"name": n, "address": hosts.address6(n)} for n in NAMES]
    hosts.reached_by_ipv6 = True
    yield stack
    hosts.reached_by_ipv6 = False


def test_the_first_up_ends_with_a_healthy_cluster(hosts: Lab, client: Client) -> None:
    """SSH, peers, clients and the kubelet: all by IPv6."""
    assert client.all_healthy()
    for name, (*_, peer, clients, _) in client.members().items():
        address = hosts.address6(name)
        assert (peer, clients) == (f"https://[{address}]:2380", f"https://[{address}]:2379")


def test_a_second_up_changes_nothing(formed: Stack) -> None:
    """All resources are unchanged."""
    up_changes_nothing(formed)
