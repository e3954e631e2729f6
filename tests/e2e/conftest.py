"""Lab hosts and stacks for the end-to-end tests."""

from __future__ import annotations

import copy
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.instances import instance
from tests.support.kubernetes import beside_a_control_plane
from tests.support.membership import Membership
from tests.support.record import recorded

FAILED = pytest.StashKey[bool]()


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The hosts' lab, this worker's own; nothing of it is left when the tests end."""
    lab = Lab(instance())
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def system(request: pytest.FixtureRequest) -> System:
    """What the hosts are made of: golden, where a module does not say another SYSTEM."""
    found: System = getattr(request.module, "SYSTEM", "golden")
    return found


@pytest.fixture(scope="module")
def hosts(lab: Lab, system: System, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Three hosts, made anew for each module, and gone after it: other workers need the machine.

    A module that says CONTROL_PLANE has one more, for that; one that says HOSTS has those.
    """
    if getattr(request.module, "CONTROL_PLANE", False):
        yield from beside_a_control_plane(lab, system)
        return
    lab.fresh(getattr(request.module, "HOSTS", NAMES), image=system)
    yield lab
    lab.down()


@pytest.fixture
def own_hosts(lab: Lab) -> Iterator[Lab]:
    """Three hosts for one test alone, which may run on a worker of its own."""
    lab.fresh(NAMES)
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def stack(hosts: Lab, system: System, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that has not been brought up."""
    return Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES, system)


@pytest.fixture(scope="module")
def formed(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A stack whose cluster is healthy."""
    stack.up()
    with recorded(request, stack):
        yield stack


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Remember which test failed."""
    report = yield
    item.stash[FAILED] = item.stash.get(FAILED, False) or report.failed
    return report


@pytest.fixture
def cluster(hosts: Lab, formed: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """The same cluster, for tests that change it.

    They leave it whole, with what their configuration says by then; where one fails, this does.
    """
    before = copy.deepcopy(formed.config)
    yield formed
    if request.node.stash.get(FAILED, False):
        formed.config = before
        hosts.up(NAMES)
        formed.up()


@pytest.fixture
def membership(cluster: Stack, hosts: Lab, tmp_path: Path) -> Membership:
    """The same, with a client that writes whenever its members change."""
    return Membership(hosts, cluster, tmp_path)


@pytest.fixture(scope="module")
def outputs(formed: Stack) -> dict[str, Any]:
    """The outputs of the first `up`, secrets included."""
    return formed.outputs()


@pytest.fixture(scope="module")
def client(outputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client outside the hosts that has the outputs alone."""
    return Client(Path(tmp_path_factory.mktemp("client")), outputs)
