"""Bare hosts that are unfit to be members: reported in one error before anything is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from lab.hosts import cgroups
from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.hosts import NAMES
from tests.support.terminal import created, faults, one_error

pytestmark = pytest.mark.matrix
SYSTEM: System = "debian"  # hosts that have nothing yet
UP = ("up", "--yes", "--skip-preview")
LISTEN = (
    "perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 99, LocalPort => 2380)"
    " or die; sleep 600' >/dev/null 2>&1 & echo $! >/run/listener"
)
LIMIT = "blkio.throttle.write_iops_device"
AHEAD = "#!/bin/sh\nexec /usr/bin/date -d '+65 seconds' \"$@\"\n"
# What breaks a host, what mends it, whose line it is, and what that says.
FAULTS = (
    (
        "etcd01",
        LISTEN,
        "kill $(cat /run/listener)",
        "etcd's ports are in use: 2380 by perl (process ",
        "stop that program",
    ),
    (
        "etcd01",
        "ip route add unreachable {etcd03}",
        "ip route delete unreachable {etcd03}",
        "cannot reach etcd03 at {etcd03}:2379: No route to host",
        "allow TCP 2379 from {etcd01} to {etcd03}",
    ),
    (
        "etcd02",
        # Off the lab's network: what is sent there gets lost.
        "cp /etc/hosts /etc/hosts.kept; sed -i /etcd02/d /etc/hosts; "
        "cp /etc/resolv.conf /etc/resolv.kept; echo nameserver 192.0.2.1 >/etc/resolv.conf",
        "mv /etc/hosts.kept /etc/hosts; mv /etc/resolv.kept /etc/resolv.conf",
        "the resolver does not answer within 3 s",
        "add the name to /etc/hosts",
    ),
    (
        "etcd02",
        "mv /usr/bin/apt-get /usr/bin/apt-get.kept",
        "mv /usr/bin/apt-get.kept /usr/bin/apt-get",
        "has neither apt-get nor dnf",
        "use Debian, or another system",
    ),
    (
        "etcd03",
        "useradd -r -s /bin/bash etcd",
        "userdel etcd",
        "the user etcd, but this host's user of that name can log in (/bin/bash)",
        "usermod --shell /usr/sbin/nologin etcd",
    ),
    (
        "etcd03",
        "mkdir /var/lib/etcd; mount -t tmpfs -o size=100m tmpfs /var/lib/etcd",
        "umount /var/lib/etcd; rmdir /var/lib/etcd",
        "100 MiB free for /var/lib/etcd",
        "need 3072 MiB; free some space, or lower the quota",
    ),
    (
        "etcd03",
        f"printf '%s' '{AHEAD}' >/usr/local/bin/date; chmod 755 /usr/local/bin/date".replace(
            "'+65 seconds'", '"+65 seconds"'
        ),
        "rm /usr/local/bin/date",
        " differ by at least 6",
        "(etcd03 is ahead); synchronize them",
    ),
)


def filled(text: str, hosts: Lab) -> str:
    """The text with the hosts' addresses in the place of their names."""
    for name in NAMES:
        text = text.replace(f"{{{name}}}", hosts.address(name))
    return text


@pytest.fixture
def unfit(hosts: Lab) -> Iterator[None]:
    """Every fault at once, on the hosts that it is for."""
    for name, breaks, *_ in FAULTS:
        hosts.ssh(name, filled(breaks, hosts))
    yield
    for name, _, mends, *_ in FAULTS:
        hosts.ssh(name, filled(mends, hosts))


def test_up_ends_with_one_error_that_tells_all_when_hosts_are_unfit(
    hosts: Lab, stack: Stack, unfit: None
) -> None:
    """Each fault has a line with its host and what to do; no host is touched."""
    error = one_error(stack.pulumi(*UP, check=False))
    assert error.startswith("the hosts are not ready; nothing was changed:")
    lines = faults(error)
    for name, _, _, given, remedy in FAULTS:
        wanted = [name, filled(given, hosts), filled(remedy, hosts)]
        assert [line for line in lines if all(word in line for word in wanted)], (wanted, lines)
    # (Without a way from etcd01 to etcd03 no answer comes back either: two ports, both directions.)
    assert len(lines) == len(FAULTS) + 3, "\n".join(lines)
    assert created(stack) == set()
    for name in NAMES:
        assert hosts.ssh(name, "ls -A /usr/local/sbin /etc/apt/sources.list.d").stdout.split() == [
            "/etc/apt/sources.list.d:",
            "lab.sources",
            "/usr/local/sbin:",
            "runc",
        ]


def test_a_preview_warns_when_a_disk_is_slow(hosts: Lab, stack: Stack) -> None:
    """Etcd runs on it, and is not happy: the person decides."""
    throttle = next(
        file
        for root in cgroups.hierarchies()
        if (file := root / hosts.instance.name / "etcd02" / LIMIT).exists()
    )
    # The hosts' disks are folders on this machine's.
    device = hosts.instance.folder.stat().st_dev
    disk = f"{os.major(device)}:{os.minor(device)}"
    throttle.write_text(f"{disk} 50")
    try:
        text = stack.preview()
    finally:
        throttle.write_text(f"{disk} 0")
    host = f"etcd02 ({hosts.address('etcd02')})"
    assert text.count(f"warning: {host}: syncing a write to the disk of ") == 1
    assert "etcd recommends less than 10 ms" in text
    assert "Use a faster disk" in text


def test_the_next_up_finishes_when_the_hosts_are_fit(stack: Stack) -> None:
    """Nothing of the faults is left in the way."""
    stack.up()
    assert sorted(stack.outputs()["members"]) == list(NAMES)
