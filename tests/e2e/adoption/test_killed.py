"""The `up` that takes a cluster over is killed: nothing was restarted, and the next ones go on."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support import by_hand
from tests.support.adoption import is_clean, processes
from tests.support.hosts import NAMES
from tests.support.killing import (
    Case,
    Run,
    begins,
    everything,
    knows,
    nothing_is_left,
    shows,
    the_group,
)
from tests.support.tiers import tiered
from tests.support.unharmed import unharmed

CASES = {
    "the token is in the state": Case(moment=knows("random:index/randomId:RandomId")),
    "a host is being taken over": Case(
        moment=begins("etcd-etcd02-host-program"), manner=everything
    ),
    "one host is taken over": Case(
        moment=shows("-host-program created"), manner=the_group, slow="etcd03"
    ),
    "one member is known": Case(moment=shows("-member created"), manner=everything),
    "all members are known": Case(moment=shows("-member created", 3), manner=everything),
}


@pytest.mark.parametrize(
    "case",
    tiered(CASES, always=[]),
)
def test_the_next_ups_end_with_an_adopted_cluster_when_one_is_killed_while(
    own_hosts: Lab, tmp_path: Path, case: Case
) -> None:
    """The killed one has restarted nothing; after two more the cluster is as any other."""
    by_hand.made_by_hand(own_hosts, tmp_path, page=True)
    stack = Stack(tmp_path, own_hosts, NAMES)
    client = by_hand.first_client(own_hosts, tmp_path / "client")
    by_hand.adopting(stack, tmp_path / "given")
    before = processes(own_hosts)
    if case.slow:
        own_hosts.ssh(case.slow, "mkdir -p /run/etcd-host")
        own_hosts.ssh(
            case.slow, "systemd-run -q --unit=held flock /run/etcd-host/host.lock sleep infinity"
        )
    with unharmed(client):
        run = Run(stack)
        run.kill_when(case.moment, case.manner)
        if case.slow:
            own_hosts.ssh(case.slow, "systemctl stop held")
        assert processes(own_hosts) == before
        stack.up()
        stack.up()
    is_clean(stack, client)
    nothing_is_left(run)
