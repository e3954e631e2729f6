"""The lab's verbs on a machine: what `kill`, `start`, `cut`, `wipe` and the others do to it."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from lab.errors import LabError
from lab.hosts import cgroups
from lab.lab import Lab
from tests.lab.support import assert_nothing_is_left, states
from tests.support.tiers import MACHINES

pytestmark = MACHINES
NAME = "etcd01"


@pytest.fixture(scope="module")
def machine(lab: Lab) -> Iterator[Lab]:
    """One machine."""
    lab.fresh([NAME], image="vm")
    yield lab
    lab.down()


def test_it_has_a_kernel_of_its_own_and_cgroup_v2(machine: Lab) -> None:
    """Debian's, with the modules that a container of this machine may not load."""
    assert "deb13" in machine.ssh(NAME, "uname -r").stdout
    assert machine.ssh(NAME, "stat -fc %T /sys/fs/cgroup").stdout == "cgroup2fs\n"
    assert machine.ssh(NAME, "systemctl is-system-running").stdout == "running\n"
    machine.ssh(NAME, "modprobe br_netfilter overlay")
    assert str(machine.address6(NAME)) in machine.ssh(NAME, "ip -6 address show eth0").stdout


def test_it_comes_back_with_its_disk_after_a_power_cut(machine: Lab) -> None:
    """What was written and synced is there; it is another boot of the same host."""
    machine.ssh(NAME, "mkdir -p /var/lib/etcd/member && echo yes >/root/kept && sync")
    before = machine.ssh(NAME, "cat /etc/machine-id /proc/sys/kernel/random/boot_id").stdout.split()
    machine.kill(NAME)
    assert states(machine) == {NAME: "stopped"}
    machine.start(NAME)
    after = machine.ssh(NAME, "cat /etc/machine-id /proc/sys/kernel/random/boot_id").stdout.split()
    assert machine.ssh(NAME, "cat /root/kept").stdout == "yes\n"
    assert (before[0] == after[0], before[1] == after[1]) == (True, False)


def test_a_wiped_machine_has_lost_etcds_data_and_nothing_else(machine: Lab) -> None:
    """While it runs, and while it is off; it is not wiped again at the next boot."""
    fill = "mkdir -p /var/lib/etcd/member/wal && touch /var/lib/etcd/.hidden && sync"
    machine.ssh(NAME, fill)
    machine.wipe(NAME)
    assert machine.ssh(NAME, "ls -A /var/lib/etcd").stdout == ""
    machine.ssh(NAME, fill)
    machine.kill(NAME)
    machine.wipe(NAME)
    machine.start(NAME)
    assert machine.ssh(NAME, "ls -A /var/lib/etcd; cat /root/kept").stdout == "yes\n"


def test_a_cut_machine_answers_nobody_until_it_is_healed(machine: Lab) -> None:
    """It runs on meanwhile."""
    boot = machine.ssh(NAME, "cat /proc/sys/kernel/random/boot_id").stdout
    machine.cut(NAME)
    assert machine.ssh(NAME, "true", check=False).returncode != 0
    assert states(machine) == {NAME: "running"}
    machine.heal(NAME)
    machine.wait(NAME)
    assert machine.ssh(NAME, "cat /proc/sys/kernel/random/boot_id").stdout == boot


def test_a_shaped_line_is_slow_until_it_is_told_otherwise(machine: Lab) -> None:
    """200 ms more for whatever it sends."""

    def seconds() -> float:
        begin = time.monotonic()
        machine.wait(NAME)
        machine.ssh(NAME, "true")
        return time.monotonic() - begin

    machine.shape(NAME, delay=200)
    assert "delay 200ms" in machine.ssh(NAME, "tc qdisc show dev eth0").stdout
    slow = seconds()
    machine.shape(NAME)
    assert "netem" not in machine.ssh(NAME, "tc qdisc show dev eth0").stdout
    assert slow > 1.0  # ssh takes some round trips


def test_a_disk_can_be_slow(machine: Lab) -> None:
    """Twenty writes at ten a second take more than a second; without the limit they do not."""
    write = "dd if=/dev/zero of=/root/slow bs=4k count=20 oflag=dsync 2>/dev/null"
    machine.limit_disk(NAME, 10)
    begin = time.monotonic()
    machine.ssh(NAME, write)
    assert time.monotonic() - begin > 1.5
    machine.limit_disk(NAME, 0)


def test_logs_have_its_console_and_its_journal(machine: Lab) -> None:
    """The kernel speaks to the console, systemd to the journal."""
    assert "systemd" in machine.logs(NAME)


def test_nothing_is_left_of_it_after_its_processes_ended_by_themselves(machine: Lab) -> None:
    """QEMU has crashed: what there was is found and removed; also what is half of it."""
    cgroups.kill(f"{machine.instance.name}/{NAME}")
    assert states(machine) == {NAME: "dead"}
    machine.down()
    assert_nothing_is_left()


def test_a_container_says_when_its_kernel_cannot_do_it(lab: Lab) -> None:
    """Where it can, it does: one verb for both kinds of hosts."""
    lab.fresh([NAME])
    try:
        lab.shape(NAME, delay=1)
        lab.shape(NAME)
    except LabError as error:
        assert "A host of --image vm has a kernel that does" in str(error)  # noqa: PT017
    with pytest.raises(LabError, match="has no disk of its own"):
        lab.limit_disk(NAME, 10)
    lab.down()
