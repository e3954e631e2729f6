"""The first `up` is killed with SIGKILL; typed again, it makes the one healthy cluster."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.hosts import NAMES
from tests.support.killing import (
    REACHED_SECONDS,
    Case,
    Run,
    after,
    all_of,
    begins,
    everything,
    finished,
    has_manifest,
    held_back,
    knows,
    nothing_is_left,
    send,
    shows,
    the_group,
)
from tests.support.tiers import tiered

PKI = "/etc/kubernetes/pki/etcd"
HEALTHY = (
    f"etcdctl --endpoints=https://127.0.0.1:2379 --cacert={PKI}/ca.crt "
    f"--cert={PKI}/healthcheck-client.crt --key={PKI}/healthcheck-client.key endpoint health"
)
CASES = {
    "0.3 s after its start": Case(moment=after(0.3)),
    "1 s after its start": Case(moment=after(1.0), manner=the_group),
    "the first private key is in the state": Case(moment=knows("tls:index/privateKey:PrivateKey")),
    "the first host program is being installed": Case(
        moment=begins("etcd-etcd01-host-program"), manner=everything
    ),
    "the first host is being prepared": Case(moment=begins("etcd-etcd01-host")),
    "certificates are being put in place": Case(moment=begins("etcd-etcd02-pki")),
    "the first member starts": Case(moment=shows("etcd starts")),
    "two members are created and the third host is not prepared": Case(
        moment=shows("-member created", 2), slow="etcd03"
    ),
    "all members are created": Case(moment=shows("-member created", 3), manner=the_group),
    "one member is known as healthy": Case(moment=shows("-healthy created")),
    "all members are known as healthy": Case(
        moment=shows("-healthy created", 3), manner=everything
    ),
}


@pytest.mark.parametrize(
    "case",
    tiered(
        CASES,
        always=("the first member starts",),
    ),
)
def test_the_next_up_ends_with_one_healthy_cluster_when_one_is_killed_while(
    own_hosts: Lab, tmp_path: Path, case: Case
) -> None:
    """Whenever `up` is killed on fresh hosts, the next one makes the one cluster."""
    lab = own_hosts
    stack = Stack(tmp_path, lab, NAMES)
    with held_back(lab, case.slow):
        run = Run(stack)
        run.kill_when(case.moment, case.manner)
    finished(stack, tmp_path / "client")
    nothing_is_left(run)


@pytest.mark.matrix
def test_the_next_up_ends_well_when_the_killed_bootstrap_forms_after_the_hosts_were_read(
    own_hosts: Lab, tmp_path: Path
) -> None:
    """Images may take long to arrive: a cluster that was no cluster at planning is one a bit later.

    The hosts' kubelets stand still until the next `up` has read the hosts, and its commands wait
    until etcd answers.
    """
    lab = own_hosts
    stack = Stack(tmp_path, lab, NAMES)
    first = Run(stack)
    first.wait_until(shows("-host created", 3))
    send(lab, "kubelet", signal.SIGSTOP)
    first.kill_when(all_of(has_manifest(name) for name in NAMES), everything)
    with ExitStack() as holds:
        for name in NAMES:
            holds.enter_context(held_back(lab, name))
        second = Run(stack)
        second.wait_until(shows("-member (creating|updating)", 3))
        send(lab, "kubelet", signal.SIGCONT)
        for name in NAMES:
            lab.ssh(name, f"timeout 60 sh -c 'until {HEALTHY} >/dev/null 2>&1; do sleep 0.1; done'")
    assert second.process.wait(timeout=REACHED_SECONDS) == 0, second.text
    finished(stack, tmp_path / "client")
    nothing_is_left(first)
