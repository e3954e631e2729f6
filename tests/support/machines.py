"""Hosts with a kernel of their own: what is seen on them, and how they reboot."""

from __future__ import annotations

import re

from lab.lab import Lab
from tests.support.hosts import NAMES, wait_until

BOOT_SECONDS = 600.0


def no_swap(hosts: Lab) -> None:
    """No swap is in use, and none comes with the next boot."""
    for name in NAMES:
        assert len(hosts.ssh(name, "cat /proc/swaps").stdout.splitlines()) == 1
        fstab = hosts.ssh(name, "cat /etc/fstab").stdout
        assert not re.search(r"(?m)^[^#]\S*\s+\S+\s+swap\s", fstab)


def on_cgroup_v2(hosts: Lab) -> None:
    """Etcd's pod is in a slice that systemd made: by the runtime and by the kubelet alike."""
    for name in NAMES:
        assert hosts.ssh(name, "stat -fc %T /sys/fs/cgroup").stdout.strip() == "cgroup2fs"
        assert "kubepods.slice" in hosts.ssh(name, "cat /proc/$(pgrep -x etcd)/cgroup").stdout


def reboot_all(hosts: Lab) -> None:
    """Reboot all machines at once; returns when each can be used after it."""
    before = {name: _boot(hosts, name) for name in NAMES}
    for name in NAMES:
        hosts.ssh(name, "systemctl reboot", check=False)

    def booted_anew() -> bool:
        return all(_boot(hosts, name) not in ("", before[name]) for name in NAMES)

    wait_until(booted_anew, BOOT_SECONDS)
    for name in NAMES:
        hosts.wait(name)


def _boot(hosts: Lab, name: str) -> str:
    """Which boot of a machine this is; empty where nobody answers."""
    return hosts.ssh(name, "cat /proc/sys/kernel/random/boot_id", check=False).stdout.strip()
