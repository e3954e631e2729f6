"""Clocks that are an hour off, in the middle of changes: containers share one, machines do not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.storm import NAMES, storm
from tests.support.tiers import MACHINES

pytestmark = [*MACHINES, pytest.mark.long]
AS_CONTAINERS = """
sed -i 's/SystemdCgroup = true/SystemdCgroup = false/' /etc/containerd/config.toml
systemctl restart containerd
"""


@pytest.fixture(scope="module")
def size(request: pytest.FixtureRequest) -> int:
    """So many members."""
    return int(request.param)


@pytest.fixture(scope="module")
def machines(size: int) -> Sequence[str]:
    """As many as the quorum can bear the loss of."""
    return NAMES[: (size - 1) // 2]


@pytest.fixture(scope="module")
def hosts(lab: Lab, size: int, machines: Sequence[str]) -> Iterator[Lab]:
    """Machines for the clocks that go wrong, and containers for all others and one to come."""
    lab.fresh(NAMES[len(machines) : size + 1])
    lab.fresh(machines, image="vm")
    for name in machines:
        lab.ssh(name, AS_CONTAINERS)
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def stack(
    hosts: Lab, size: int, machines: Sequence[str], tmp_path_factory: pytest.TempPathFactory
) -> Stack:
    """It has the patience that machines need, and gives up early on a member that is not well."""
    stack = Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES[:size])
    patience = Stack(tmp_path_factory.mktemp("machines"), hosts, machines, "vm").config["ssh"]
    stack.config |= {"ssh": patience, "healthTimeoutSeconds": 120, "allowEvenMembers": True}
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


@pytest.mark.parametrize(("size", "hours"), [(3, 1), (3, -1), (5, 1), (7, -1)], indirect=["size"])
def test_clocks_are_off_in_the_middle_of_changes(
    hosts: Lab, formed: Stack, size: int, machines: Sequence[str], hours: int, tmp_path: Path
) -> None:
    """A roll, a join and a leave; behind, a host takes certificates for not yet valid."""

    def failing(client: Client, names: Sequence[str]) -> AbstractContextManager[None]:
        return off(hosts, names, hours)

    storm(hosts, formed, size, failing, tmp_path, seconds=400, always=machines)
