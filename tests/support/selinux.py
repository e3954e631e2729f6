"""What SELinux says on a host: the labels of etcd's files, and what it denied."""

from __future__ import annotations

import re

from lab.lab import Lab
from tests.support.hosts import NAMES

KEYS = "/etc/kubernetes/etcd-host/pki"
RIGHT = {("container_file_t:s0", "data"), ("container_ro_file_t:s0", "keys")}
"""The labels that a confined etcd can use."""
_LABELS = f"find /var/lib/etcd {KEYS} -printf '%Z %p\\n'"
_OURS = r"container|kube|etcd|dockerd|crio|runc"
# What Debian's policy denies to programs of its own on any host, and what these do without. (Later
# versions of it let the kubelet send the signal, and do not report the capability.)
_THE_POLICYS = "|".join(
    (
        r'comm="semodule".* tcontext=\S+:(semanage_store|file_context)_t:',
        r'comm="semodule".* tclass=filesystem',
        r"\{ (signull|sys_admin) \}.* scontext=\S+:kubelet_t:\S+ tcontext=\S+:kubelet_t:",
    )
)


def enforcing(hosts: Lab) -> None:
    """SELinux is, and etcd is confined: as container_t, without categories."""
    for name in NAMES:
        assert hosts.ssh(name, "cat /sys/fs/selinux/enforce").stdout == "1"
        context = hosts.ssh(name, "cat /proc/$(pgrep -x etcd)/attr/current").stdout
        assert context.rstrip("\0\n").split(":", 2)[2] == "container_t:s0"


def denied(hosts: Lab) -> list[str]:
    """What SELinux denied on the hosts since they booted, but for what no program of ours did."""
    asked = "journalctl -b -o cat --no-pager _TRANSPORT=kernel + _TRANSPORT=audit"
    asked += " | grep -a 'avc: *denied'"
    return [
        f"{name}: {line}"
        for name in NAMES
        for line in hosts.ssh(name, asked, check=False).stdout.splitlines()
        if re.search(_OURS, line) and not re.search(_THE_POLICYS, line)
    ]


def labels(hosts: Lab) -> set[tuple[str, str]]:
    """Type and level of etcd's files, with the folder that they are in."""
    found = set()
    for name in NAMES:
        for line in hosts.ssh(name, _LABELS).stdout.splitlines():
            context, path = line.split(" ", 1)
            _, _, kind, level = context.split(":", 3)
            found.add((f"{kind}:{level}", "keys" if path.startswith(KEYS) else "data"))
    return found
