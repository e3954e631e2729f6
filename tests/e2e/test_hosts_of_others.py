"""The configuration names a host that somebody else uses: refused, and none of the hosts changes.

A wrong address is enough for it. What is found there decides, never a name.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.by_hand import healthy_by_hand, made_by_hand
from tests.support.hosts import NAMES
from tests.support.terminal import created, faults, one_error
from tests.support.unharmed import UP
from tests.support.untouched import untouched

WAL = "/var/lib/etcd/member/wal/0000000000000000-0000000000000000.wal"
# Whose host, what makes it theirs, what mends it, and what is said of it.
STRANGERS = (
    (
        "etcd01",
        "mkdir -p /etc/kubernetes/manifests && touch /etc/kubernetes/manifests/kube-apiserver.yaml",
        "rm /etc/kubernetes/manifests/kube-apiserver.yaml",
        "a node of a Kubernetes cluster (/etc/kubernetes/manifests/kube-apiserver.yaml is there); "
        "an etcd cluster needs hosts of its own",
    ),
    (
        "etcd02",
        "mkdir -p /etc/kubernetes && touch /etc/kubernetes/kubelet.conf",
        "rm /etc/kubernetes/kubelet.conf",
        "a node of a Kubernetes cluster (/etc/kubernetes/kubelet.conf is there); "
        "an etcd cluster needs hosts of its own",
    ),
    (
        "etcd03",
        f"mkdir -p {WAL.rpartition('/')[0]} && echo theirs >{WAL}",
        "rm -r /var/lib/etcd",
        "holds an etcd that this stack did not make (its token is not known); give the cluster "
        'another host, or run "etcd-host abandon"',
    ),
)


@contextmanager
def strangers(lab: Lab, *names: str) -> Iterator[None]:
    """These hosts are somebody else's."""
    chosen = [each for each in STRANGERS if each[0] in names]
    for name, makes, *_ in chosen:
        lab.ssh(name, makes)
    try:
        yield
    finally:
        for name, _, mends, _ in chosen:
            lab.ssh(name, mends)


def refused(stack: Stack, *command: str) -> list[str]:
    """What the one error of this command lists."""
    error = one_error(stack.pulumi(*command, check=False))
    assert error.startswith("the hosts are not ready; nothing was changed:")
    assert not [kind for kind in created(stack) if not kind.startswith("pulumi:providers:")]
    return faults(error)


@pytest.mark.parametrize(
    ("names", "command"),
    [
        (NAMES, ("preview",)),
        (("etcd03",), UP),
        *(pytest.param((name,), UP, marks=pytest.mark.long) for name in NAMES[:2]),
    ],
    ids=["preview", "up, foreign data", "up, control plane", "up, node"],
)
def test_no_cluster_is_bootstrapped_when_a_host_is_somebody_elses(
    hosts: Lab, stack: Stack, names: tuple[str, ...], command: tuple[str, ...]
) -> None:
    """Nor on those that are free: a cluster of two would be in the way of the right three."""
    with strangers(hosts, *names), untouched(hosts):
        lines = refused(stack, *command)
    assert len(lines) == len(names)
    for line, name in zip(lines, names, strict=True):
        (reason,) = (each[3] for each in STRANGERS if each[0] == name)
        assert line.startswith(f"{name} ({hosts.address(name)}): ")
        assert reason in line


def test_an_address_that_the_host_does_not_have_is_refused(hosts: Lab, stack: Stack) -> None:
    """SSH reaches the host (behind NAT, say), and its etcd could not listen there."""
    good = copy.deepcopy(stack.config)
    elsewhere = hosts.address("etcd02").rpartition(".")[0] + ".99"
    stack.config["members"][1] |= {"sshHost": hosts.address("etcd02"), "address": elsewhere}
    try:
        with untouched(hosts):
            lines = refused(stack, *UP)
    finally:
        stack.config = good
    assert [line for line in lines if f"{elsewhere!r} is not an address of this host" in line]


@pytest.mark.matrix
def test_a_cluster_made_by_hand_is_left_alone(hosts: Lab, tmp_path: Path) -> None:
    """The stack's own procedure, typed by somebody: healthy before and after, and not adopted."""
    made_by_hand(hosts, tmp_path)
    stack = Stack(tmp_path, hosts, NAMES)
    with untouched(hosts):
        for command in (("preview",), UP):
            lines = refused(stack, *command)
            assert [line.partition(" ")[0] for line in lines] == list(NAMES)
            assert all("holds an etcd that this stack did not make" in line for line in lines)
        stack.destroy()
    assert healthy_by_hand(hosts) == len(NAMES)
