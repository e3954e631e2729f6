"""A clock that is an hour off, in the middle of changes: containers share one, machines do not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.storm import NAMES as HOSTS
from tests.support.storm import storm
from tests.support.tiers import MACHINES

pytestmark = [*MACHINES, pytest.mark.long]
SYSTEM: System = "vm"


@pytest.fixture(scope="module")
def hosts(lab: Lab, system: System) -> Iterator[Lab]:
    """Three machines, and one that is to come."""
    lab.fresh(HOSTS[: len(NAMES) + 1], image=system)
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def stack(stack: Stack) -> Stack:
    """It gives up early on a member that does not get well."""
    stack.config |= {"healthTimeoutSeconds": 120, "allowEvenMembers": True}
    return stack


@contextmanager
def off(lab: Lab, names: Sequence[str], hours: int) -> Iterator[None]:
    """The clocks of these hosts are so many hours ahead while this lasts."""

    def put(ahead: int) -> None:
        for name in names:
            lab.ssh(name, f"date -s @{int(time.time()) + ahead * 3600}")

    put(hours)
    yield
    put(0)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_clock_is_off_in_the_middle_of_changes(
    hosts: Lab, formed: Stack, hours: int, tmp_path: Path
) -> None:
    """A roll, a join and a leave; behind, a host takes certificates for not yet valid."""

    def failing(client: Client, names: Sequence[str]) -> AbstractContextManager[None]:
        return off(hosts, names, hours)

    storm(hosts, formed, len(NAMES), failing, tmp_path, seconds=400)
