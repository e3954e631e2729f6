"""Lab hosts and stacks for the end-to-end tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.instance import Instance
from lab.lab import Lab
from tests.support.etcd import Client
from tests.support.stack import Stack, System

NAMES = ("etcd01", "etcd02", "etcd03")
# A lab of its own: a developer's `make up` on the same machine is not disturbed.
INSTANCE = Instance(int(os.environ.get("ETCD_LAB_INSTANCE") or 8))


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """The hosts' lab; nothing of it is left when the tests end."""
    lab = Lab(INSTANCE)
    lab.down()
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def system() -> System:
    """What the hosts are made of; most tests need no bare hosts."""
    return "golden"


@pytest.fixture(scope="module")
def hosts(lab: Lab, system: System) -> Lab:
    """Three hosts, made anew for each module."""
    lab.fresh(NAMES, image=system)
    return lab


@pytest.fixture(scope="module")
def stack(hosts: Lab, system: System, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that has not been brought up."""
    return Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES, system)


@pytest.fixture(scope="module")
def formed(stack: Stack) -> Stack:
    """A stack whose cluster is healthy."""
    stack.up()
    return stack


@pytest.fixture(scope="module")
def outputs(formed: Stack) -> dict[str, Any]:
    """The outputs of the first `up`, secrets included."""
    return formed.outputs()


@pytest.fixture(scope="module")
def client(outputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client outside the hosts that has the outputs alone."""
    return Client(Path(tmp_path_factory.mktemp("client")), outputs)
