"""Hosts that are slow, and one that only looks alive."""

from __future__ import annotations

import time

import pytest

from lab.lab import Lab
from lab.stack import Stack

pytestmark = pytest.mark.matrix


def test_host_that_accepts_connections_and_does_nothing_is_told_from_a_slow_one(
    hosts: Lab, stack: Stack
) -> None:
    """An sshd that has stopped costs a preview what a login may take. A host with the twentieth of
    a processor is waited for, and nothing is wrong with its resolver or its network. (Its disk may
    look slow: each write waits for its turn, as etcd's would.)
    """
    stack.config["ssh"] |= {"loginTimeoutSeconds": 3}
    sshd = int(hosts.ssh("etcd02", "systemctl show -p MainPID --value ssh").stdout)
    stop = f"kill -STOP {sshd}; (sleep 30; kill -CONT {sshd}) >/dev/null 2>&1 &"
    hosts.ssh("etcd02", stop)
    started = time.monotonic()
    text = stack.preview()
    took = time.monotonic() - started
    host = f"etcd02 ({hosts.address('etcd02')})"
    assert f"warning: {host}: unreachable: it accepts connections, but sshd did not " in text
    assert took < 25
    time.sleep(max(0, 31 - took))
    stack.config["ssh"] |= {"loginTimeoutSeconds": 60, "answerTimeoutSeconds": 120}
    # Its name is nowhere: the resolver says so at once.
    hosts.ssh("etcd02", "sed -i.kept /etcd02/d /etc/hosts")
    hosts.limit_cpu("etcd02", 0.05)
    try:
        started = time.monotonic()
        text = stack.preview()
        slow = time.monotonic() - started
    finally:
        hosts.limit_cpu("etcd02", 2)
        hosts.ssh("etcd02", "mv /etc/hosts.kept /etc/hosts")
    print(f"preview with sshd stopped: {took:.1f} s; with a slow host: {slow:.1f} s")
    warnings = [line for line in text.splitlines() if "warning: " in line]
    print(*warnings)
    assert [line for line in warnings if "syncing a write" not in line] == []
    assert slow > 5
