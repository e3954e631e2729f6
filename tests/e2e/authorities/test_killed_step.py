"""A step is cut off, or a host dies in it: the next `up` finishes it."""

from __future__ import annotations

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.authorities import authorities
from tests.support.etcd import Client
from tests.support.hosts import NAMES, wait_until
from tests.support.killing import Manner, Run, everything, shows, the_cli
from tests.support.tiers import tiered
from tests.support.unharmed import unharmed

pytestmark = pytest.mark.timeout(900)
PUSHING, PUSHED = r"etcd0\d-pki updating", r"etcd0\d-pki updated"
TURN, DONE = r"etcd0\d-member updating", r"etcd0\d-healthy updated"

# From which list to which, when the `up` is killed, and what of it is killed.
MOMENTS = {
    "trusts both: the CA is there": ([1], [1, 2], "etcd-ca-2-certificate created", 1, everything),
    "trusts both: first turn": ([1], [1, 2], TURN, 1, everything),
    "trusts both: one is done": ([1], [1, 2], DONE, 1, the_cli),
    "trusts both: the leader's turn": ([1], [1, 2], "moving the leadership", 1, everything),
    "the new one issues: first": ([1, 2], [2, 1], PUSHING, 1, everything),
    "the new one issues: one has its certificates": ([1, 2], [2, 1], PUSHED, 1, the_cli),
    "the new one issues: two have": ([1, 2], [2, 1], PUSHED, 2, everything),
    "the old one ends: first turn": ([2, 1], [2], TURN, 1, everything),
    "the old one ends: one is done": ([2, 1], [2], DONE, 1, the_cli),
    "the old one ends: two are done": ([2, 1], [2], DONE, 2, everything),
}


def arrive(stack: Stack, wanted: list[int]) -> None:
    """Take the steps that lead there from wherever the test before has left the cluster."""
    order = [[1], [1, 2], [2, 1], [2]]
    now = stack.config.get("certificates", {}).get("authorities", [1])
    while now != wanted:
        step = 1 if order.index(wanted) > order.index(now) else -1
        now = order[order.index(now) + step]
        authorities(stack, now)
        stack.up()


@pytest.mark.parametrize(
    ("start", "target", "pattern", "times", "manner"),
    tiered(
        MOMENTS,
        always=(),
    ),
)
def test_a_killed_step_is_finished_by_the_next_up(
    hosts: Lab,
    cluster: Stack,
    client: Client,
    start: list[int],
    target: list[int],
    pattern: str,
    times: int,
    manner: Manner,
) -> None:
    """Nothing acknowledged is lost, and the cluster serves all the time."""
    assert hosts
    arrive(cluster, start)
    current = Client(client.files["cacert"].parent / "current", cluster.outputs())
    authorities(cluster, target)
    with unharmed(current):
        Run(cluster).kill_when(shows(pattern, times), manner)
        cluster.up()
    cluster.pulumi("preview", "--expect-no-changes")


@pytest.mark.long
@pytest.mark.parametrize(("start", "target"), [([1], [1, 2]), ([2, 1], [2])])
def test_a_host_that_dies_in_a_step_takes_it_when_it_is_back(
    hosts: Lab, cluster: Stack, client: Client, start: list[int], target: list[int]
) -> None:
    """Without it nothing goes on, and nothing is lost."""
    arrive(cluster, start)
    current = Client(client.files["cacert"].parent / "current", cluster.outputs())
    authorities(cluster, target)
    with unharmed(current):
        run = Run(cluster)
        run.wait_until(shows(DONE))
        hosts.kill("etcd02")
        assert run.process.wait(timeout=600) != 0
        hosts.start("etcd02")
        wait_until(lambda: current.healthy() >= len(NAMES) - 1)
        cluster.up()
    cluster.pulumi("preview", "--expect-no-changes")
