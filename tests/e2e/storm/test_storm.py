"""1 of 3, 2 of 5 and 3 of 7 hosts fail in the middle of a roll, of a join and of a leave.

While a client writes: nothing acknowledged is lost, it stays one cluster, and one `up` after the
fault ends with every member well.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.storm import NAMES, storm

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
STOPPED_SECONDS = 30
FAULTS = ("killed", "cut off", "wiped", "stopped")


@pytest.fixture(scope="module")
def hosts(lab: Lab, size: int) -> Iterator[Lab]:
    """Their hosts, and one that is to come."""
    lab.fresh(NAMES[: size + 1])
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def stack(hosts: Lab, size: int, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack of them that gives up early on a member that does not get well."""
    stack = Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES[:size])
    stack.config |= {"healthTimeoutSeconds": 45, "allowEvenMembers": True}
    return stack


@contextmanager
def fault(lab: Lab, kind: str, names: Sequence[str]) -> Iterator[None]:
    """These hosts fail, and are back when the block ends, but for what they lost."""
    for name in names:
        if kind == "killed":
            lab.kill(name)
        elif kind == "cut off":
            lab.cut(name)
        elif kind == "wiped":
            lab.wipe(name)
        else:
            command = f"pkill -STOP -x etcd && (sleep {STOPPED_SECONDS}; pkill -CONT -x etcd)"
            lab.ssh(name, f"nohup sh -c '{command}' >/dev/null 2>&1 </dev/null &")
    yield
    for name in names:
        if kind == "killed":
            lab.start(name)
        elif kind == "cut off":
            lab.heal(name)
    for name in names:
        lab.wait(name)


@pytest.mark.parametrize("kind", FAULTS)
def test_hosts_fail_in_the_middle_of_changes(
    hosts: Lab, cluster: Stack, size: int, kind: str, tmp_path: Path
) -> None:
    """A roll, a join and a leave, each with as many hosts failing as the quorum can bear."""

    def failing(client: Client, names: Sequence[str]) -> AbstractContextManager[None]:
        return fault(hosts, kind, names)

    storm(hosts, cluster, size, failing, tmp_path)
