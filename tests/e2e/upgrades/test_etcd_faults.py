"""A change of etcd's minor is cut off, or a host fails in it: the next `up` ends on the target."""

from __future__ import annotations

import re

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import NAMES, wait_until
from tests.support.killing import Run, everything, shows, the_cli
from tests.support.tiers import tiered
from tests.support.unharmed import unharmed
from tests.support.upgrades import configure, spoken

from .test_etcd import E36, E37

pytestmark = pytest.mark.timeout(900)
UP_AND_BACK = (E37, E36)
TURN = r"(etcd0\d)-member updating"

# Where an `up` is killed, in turn on the way up and on the way back, and what of it is killed.
MOMENTS = {
    "to 3.7, raft snapshots": ("raft snapshots without entries", 1, everything),
    "to 3.6, the cluster was told": ("etcd-downgrade created", 1, the_cli),
    "to 3.7, a snapshot": ("taking a snapshot before", 1, the_cli),
    "to 3.6, the cluster is told": ("etcd-downgrade creating", 1, everything),
    "to 3.7, one is done": (r"etcd0\d-healthy updated", 1, the_cli),
    "to 3.6, first turn": (TURN, 1, everything),
    "to 3.7, the leader's turn": ("moving the leadership", 1, everything),
    "to 3.6, two are done": (r"etcd0\d-healthy updated", 2, everything),
    "to 3.7, second turn": (TURN, 2, the_cli),
    "to 3.6, the leader's turn": ("moving the leadership", 1, the_cli),
}
SYSTEM: System = "golden"


@pytest.fixture(scope="module")
def formed(stack: Stack) -> Stack:
    """A cluster that starts with the older of the two."""
    configure(stack, E36)
    stack.config["etcd"]["allowDowngrade"] = True
    stack.up()
    return stack


def is_at(client: Client, version: str) -> bool:
    """Whether every member runs it, and speaks its minor."""
    wanted = (version, f"{version.rpartition('.')[0]}.0")
    return {spoken(client, endpoint) for endpoint in client.endpoints} == {wanted}


@pytest.mark.parametrize(
    ("moment", "times", "manner"),
    tiered(MOMENTS, always=(), matrix=("to 3.7, raft snapshots",)),
)
def test_a_killed_change_of_minor_is_finished_by_the_next_up(
    hosts: Lab,
    cluster: Stack,
    client: Client,
    request: pytest.FixtureRequest,
    moment: str,
    times: int,
    manner: object,
) -> None:
    """Killed at any moment, nothing acknowledged is lost, and the way goes on."""
    assert hosts
    target, start = UP_AND_BACK if "to 3.7" in request.node.callspec.id else UP_AND_BACK[::-1]
    if not is_at(client, start.etcd):  # this test alone
        configure(cluster, start)
        cluster.up()
    configure(cluster, target)
    with unharmed(client):
        Run(cluster).kill_when(shows(moment, times), manner)  # type: ignore[arg-type]
        cluster.up()
    assert is_at(client, target.etcd)


@pytest.mark.long
@pytest.mark.parametrize("whose", ["its own", "another's"])
def test_a_host_that_dies_in_a_change_of_minor_gets_its_turn_again(
    hosts: Lab, cluster: Stack, client: Client, whose: str
) -> None:
    """While it is at it, or while another is."""
    target = UP_AND_BACK[0] if is_at(client, E36.etcd) else UP_AND_BACK[1]
    configure(cluster, target)
    with unharmed(client):
        run = Run(cluster)
        run.wait_until(shows(TURN))
        turn = re.search(TURN, run.text)
        assert turn
        dies = turn[1] if whose == "its own" else next(n for n in NAMES if n != turn[1])
        hosts.kill(dies)
        assert run.process.wait(timeout=600) != 0
        hosts.start(dies)
        wait_until(lambda: client.healthy() >= len(NAMES) - 1)
        cluster.up()
    assert is_at(client, target.etcd)
