"""A member that is far away from the others."""

from __future__ import annotations

import re
import time

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.delay import far_away
from tests.support.etcd import Client
from tests.support.hosts import NAMES, etcd_flags
from tests.support.writer import Writer

pytestmark = [pytest.mark.matrix, pytest.mark.long]
WARNED = re.compile(
    r"warning: a round trip between etcd0[12] and etcd03 takes (\d+) ms; (.*), so members .* Set "
    r"etcd\.heartbeatIntervalMilliseconds: (\d+) and etcd\.electionTimeoutMilliseconds: (\d+)"
)


def timers(heartbeat: int, election: int) -> dict[str, int]:
    """The section of the configuration."""
    return {
        "heartbeatIntervalMilliseconds": heartbeat,
        "electionTimeoutMilliseconds": election,
    }


def rolled(
    hosts: Lab,
    stack: Stack,
    apart: dict[str, int],
    gibibytes: int,
    folders: pytest.TempPathFactory,
) -> None:
    """Roll a quota of so many GiB with these timers, under a client: no write is lost."""
    quota = gibibytes * 1024**3
    stack.config["etcd"] = apart | {"quotaBackendBytes": quota}
    client = Client(folders.mktemp("client"), stack.outputs())
    with Writer(client, f"/far/{gibibytes}/") as writer:
        stack.up()
    assert len(writer.acknowledged) > 20
    assert not writer.lost()
    print(f"{len(writer.acknowledged)} writes, {writer.failed}, gap {writer.longest_gap:.1f} s")
    for name in NAMES:
        flags = etcd_flags(hosts, name)
        assert f"--quota-backend-bytes={quota}" in flags
        assert f"--election-timeout={apart['electionTimeoutMilliseconds']}" in flags


@pytest.mark.long
def test_timers_for_near_members_are_warned_of_and_those_that_are_offered_do(
    hosts: Lab, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Before there is a cluster and after; with what is offered a roll loses no write."""
    near = stack.preview()
    assert "a round trip between" not in near
    with far_away(hosts, "etcd03", 120):
        (found,) = WARNED.findall(stack.preview())
        took, short, heartbeat, election = found
        assert 120 <= int(took) < 140
        assert short.count(" is ") == 2
        stack.config["etcd"] = timers(int(heartbeat), int(election))
        stack.up()
        begin = time.monotonic()
        text = stack.preview()
        print(f"preview of the formed cluster: {time.monotonic() - begin:.1f} s")
        assert "a round trip between" not in text
        # etcd's own connections tell the same of a cluster that runs.
        stack.config["etcd"] = timers(100, 1000)
        (found,) = WARNED.findall(stack.preview())
        assert 120 <= int(found[0]) < 140
        rolled(hosts, stack, timers(int(heartbeat), int(election)), 4, tmp_path_factory)


def test_a_member_behind_twenty_milliseconds_rolls_with_what_is_offered(
    hosts: Lab, stack: Stack, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No distance for the defaults. Timers made for one room are warned of; with those that are
    offered a roll loses no write.
    """
    with far_away(hosts, "etcd03", 20):
        stack.config["etcd"] = timers(100, 1000)
        assert "a round trip between" not in stack.preview()
        stack.config["etcd"] = timers(10, 100)
        (found,) = WARNED.findall(stack.preview())
        took, _, heartbeat, election = found
        assert 20 <= int(took) < 30
        stack.config["etcd"] = timers(int(heartbeat), int(election))
        stack.up()
        rolled(hosts, stack, timers(int(heartbeat), int(election)), 5, tmp_path_factory)
