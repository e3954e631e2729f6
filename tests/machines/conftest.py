"""Machines for these tests: slow where the processor is emulated, so each waits longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.instances import instance
from tests.support.record import recorded
from tests.support.tiers import MACHINE_SECONDS


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The machines' lab; nothing of it is left when the tests end."""
    lab = Lab(instance())
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def system(request: pytest.FixtureRequest) -> System:
    """What the machines are made of: Debian 13, where a module does not say another SYSTEM."""
    found: System = getattr(request.module, "SYSTEM", "vm")
    return found


@pytest.fixture(scope="module")
def hosts(lab: Lab, system: System) -> Iterator[Lab]:
    """Three machines, made anew for each module, and gone after it."""
    lab.fresh(NAMES, image=system)
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def stack(hosts: Lab, system: System, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that has not been brought up."""
    stack = Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES, system)
    stack.seconds = MACHINE_SECONDS
    return stack


@pytest.fixture(scope="module")
def formed(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Stack]:
    """A stack whose cluster is healthy."""
    stack.up()
    with recorded(request, stack):
        yield stack


@pytest.fixture(scope="module")
def outputs(formed: Stack) -> dict[str, Any]:
    """The outputs of the first `up`, secrets included."""
    return formed.outputs()


@pytest.fixture(scope="module")
def client(outputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client outside the hosts that has the outputs alone."""
    return Client(Path(tmp_path_factory.mktemp("client")), outputs)
