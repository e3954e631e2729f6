"""Three hosts with a cluster: what is seen on them, and what happens to them for a while."""

from __future__ import annotations

import copy
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lab.lab import Lab
from lab.stack import Stack

NAMES = ("etcd01", "etcd02", "etcd03")


def wait_until(met: Callable[[], bool], seconds: float = 90) -> None:
    """Return once it is so; fail when the time is over."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.2)


@contextmanager
def powered_off(lab: Lab, *names: str) -> Iterator[None]:
    """These hosts are off while this lasts, and on afterwards, whatever happens meanwhile."""
    for name in names:
        lab.kill(name)
    try:
        yield
    finally:
        for name in names:
            lab.start(name)


@contextmanager
def configured(stack: Stack, **changes: Any) -> Iterator[None]:
    """The configuration has these values while this lasts; no `up` succeeds with them."""
    before = copy.deepcopy(stack.config)
    stack.config |= changes
    try:
        yield
    finally:
        stack.config = before


def start_times(lab: Lab, program: str, *names: str) -> dict[str, str]:
    """When this program started on each of these hosts (on all of them without names)."""
    return {name: lab.ssh(name, started(program)).stdout for name in names or NAMES}


def started(program: str) -> str:
    """The command that says which processes of this program there are, and when each started, in
    clock ticks. (What ps calls a start is reckoned from the wall clock, and moves with it.)
    """
    each = "for process in $found; do echo $process $(cut -d' ' -f22 /proc/$process/stat); done"
    return f"found=$(pgrep -x {program}) || exit; {each}"


def etcd_flags(lab: Lab, name: str) -> list[str]:
    """What the running etcd of a host was started with."""
    return lab.ssh(name, "tr '\\0' '\\n' < /proc/$(pgrep -x etcd)/cmdline").stdout.split()


def settled(lab: Lab, name: str) -> None:
    """Swap is off and stays off, the modules' features are there, the sysctls are set."""
    assert len(lab.ssh(name, "cat /proc/swaps").stdout.splitlines()) == 1
    assert not re.search(r"(?m)^[^#]\S*\s+\S+\s+swap\s", lab.ssh(name, "cat /etc/fstab").stdout)
    enabled = lab.ssh(name, "systemctl is-enabled var-swap.swap", check=False).stdout.strip()
    assert enabled in ("disabled", "masked")
    for key in ("bridge/bridge-nf-call-iptables", "bridge/bridge-nf-call-ip6tables"):
        assert lab.ssh(name, f"cat /proc/sys/net/{key}").stdout.strip() == "1"
    assert lab.ssh(name, "cat /proc/sys/net/ipv4/ip_forward").stdout.strip() == "1"
    modules = lab.ssh(name, "cat /etc/modules-load.d/etcd-host.conf").stdout.splitlines()
    assert {"overlay", "br_netfilter"} <= set(modules)


def last_changes(lab: Lab) -> dict[str, str]:
    """When kubelet, runtime and etcd of each host started, and when its files last changed."""
    command = (
        "systemctl show -p ExecMainStartTimestampMonotonic --value kubelet containerd crio; "
        f"({started('etcd')}); "
        "stat -c '%n %Y %Z' /etc/kubernetes/manifests/* /etc/kubernetes/pki/etcd/* "
        "/var/lib/kubelet/etcd-service-manager.yaml /usr/local/sbin/etcd-host"
    )
    return {name: lab.ssh(name, command).stdout for name in NAMES}


def reboot_all(lab: Lab) -> None:
    """Reboot all hosts at once; returns when each has booted anew and can be used."""
    before = {name: _booted_at(lab, name) for name in NAMES}
    for name in NAMES:
        lab.ssh(name, "systemctl reboot", check=False)
    for name in NAMES:
        wait_until(lambda name=name: _booted_at(lab, name) not in ("", before[name]))  # type: ignore[misc]
        lab.wait(name)


def _booted_at(lab: Lab, name: str) -> str:
    """When this boot of the host began; empty where nobody answers."""
    command = "systemctl show -p UserspaceTimestampMonotonic --value"
    return lab.ssh(name, command, check=False).stdout.strip()


def refused(context: ssl.SSLContext, address: str, port: int) -> bool:
    """Whether the server ends the connection for its certificate, before it answers anything.

    With TLS 1.3 the server's refusal arrives with the first read, after the handshake.
    """
    with socket.create_connection((address, port), timeout=5) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=address) as tls:
                tls.sendall(b"GET /version HTTP/1.1\r\nHost: etcd\r\n\r\n")
                return not tls.recv(100)
        except (ssl.SSLError, ConnectionResetError) as error:
            # Not because this client does not trust the server.
            return "certificate verify failed" not in str(error)


def up_changes_nothing(stack: Stack) -> str:
    """Bring the stack up: all resources are unchanged. What it said."""
    text = stack.up()
    assert re.search(r"\n    \d+ unchanged\n", text), text
    assert not re.search(r"\d+ (created|updated|replaced|deleted)", text), text
    return text


def have_quota(hosts: Lab, quota: int) -> None:
    """Every etcd that runs was told this quota, in bytes."""
    for name in NAMES:
        assert f"--quota-backend-bytes={quota}" in etcd_flags(hosts, name)


def have_no_member(hosts: Lab) -> None:
    """No etcd runs, and its data is not where etcd would find it."""
    for name in NAMES:
        assert hosts.ssh(name, "pgrep -x etcd", check=False).stdout == ""
        assert hosts.ssh(name, "ls /var/lib/etcd/member", check=False).stdout == ""
