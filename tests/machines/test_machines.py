"""A cluster on machines: cgroup v2, the systemd driver, swap that was on, SELinux enforcing, lines
and disks that are slow."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import NAMES, have_quota, up_changes_nothing
from tests.support.machines import no_swap, on_cgroup_v2, reboot_all
from tests.support.selinux import RIGHT, denied, enforcing, labels
from tests.support.tiers import MACHINES
from tests.support.writer import Writer

pytestmark = MACHINES
SYSTEM: System = "vm-selinux"
SHOWS = (
    "first up with swap on, second up unchanged, restorecon -R, a roll and a "
    "wiped member that joins again at 20 ms and 1 % loss, reboot of all, a slow disk, destroy"
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


def test_the_first_up_ends_with_a_confined_etcd_on_cgroup_v2(
    formed: Stack, hosts: Lab, client: Client
) -> None:
    """Its pod is in a slice that systemd made, by containerd and by the kubelet alike."""
    assert client.all_healthy()
    on_cgroup_v2(hosts)
    enforcing(hosts)
    assert labels(hosts) == RIGHT
    assert denied(hosts) == []


def test_swap_that_was_on_is_off(formed: Stack, hosts: Lab) -> None:
    """Now, and in fstab."""
    no_swap(hosts)


def test_a_second_up_changes_nothing(formed: Stack) -> None:
    """All resources are unchanged."""
    up_changes_nothing(formed)


def test_labels_survive_whoever_relabels_the_host(formed: Stack, hosts: Lab) -> None:
    """`restorecon -R` knows them from the policy; also with the force of a relabelling boot."""
    for name in NAMES:
        hosts.ssh(name, "restorecon -R /var/lib /etc && restorecon -RF /var/lib/etcd /etc")
    assert labels(hosts) == RIGHT
    formed.pulumi("preview", "--expect-no-changes")


def test_a_roll_over_a_slow_line_loses_nothing(formed: Stack, hosts: Lab, client: Client) -> None:
    """Every packet is 20 ms late, one in a hundred is lost, and a client goes on writing. Each etcd
    reads what the one before it wrote."""
    formed.config["etcd"] = {"quotaBackendBytes": _QUOTA}
    with far_apart(hosts), Writer(client, "/machines/roll/") as writer:
        formed.up()
    assert client.all_healthy()
    have_quota(hosts, _QUOTA)
    assert writer.lost() == []
    assert len(writer.acknowledged) > 100
    assert denied(hosts) == []


def test_a_wiped_member_joins_again_over_a_slow_line(
    formed: Stack, hosts: Lab, client: Client
) -> None:
    """As a new one, through the quorum; its new data is labelled as the old was."""
    before = client.members()["etcd03"][0]
    hosts.kill("etcd03")
    hosts.wipe("etcd03")
    hosts.start("etcd03")
    with far_apart(hosts):
        formed.up()
    assert client.all_healthy()
    assert client.members()["etcd03"][0] != before
    assert len(client.members()) == len(NAMES)
    assert labels(hosts) == RIGHT
    assert denied(hosts) == []


def test_the_cluster_comes_back_when_all_machines_reboot_at_once(
    formed: Stack, hosts: Lab, client: Client
) -> None:
    """Kernels start anew: modules, sysctls, swap and labels are as they were set."""
    client.run("put", "/machines/before", "yes", timeout=30)
    reboot_all(hosts)
    assert client.all_healthy(300)
    assert client.run("get", "/machines/before", "--print-value-only").stdout == "yes\n"
    no_swap(hosts)
    formed.pulumi("preview", "--expect-no-changes")
    assert denied(hosts) == []


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


def test_destroy_leaves_no_member_and_no_module(formed: Stack, hosts: Lab) -> None:
    """No etcd runs, and the policy is the host's own again."""
    formed.destroy()
    for name in NAMES:
        assert hosts.ssh(name, "pgrep -x etcd", check=False).stdout == ""
        assert "etcd_host" not in hosts.ssh(name, "semodule -l").stdout
    assert denied(hosts) == []
