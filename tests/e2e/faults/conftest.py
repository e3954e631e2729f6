"""All tests of this folder share one cluster: each leaves it whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES


@pytest.fixture(scope="package")
def hosts(lab: Lab) -> Iterator[Lab]:
    """Three hosts that have all packages."""
    lab.fresh(NAMES)
    yield lab
    lab.down()


@pytest.fixture(scope="package")
def stack(hosts: Lab, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """The stack whose cluster it is."""
    return Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES)


@pytest.fixture(scope="package")
def formed(stack: Stack) -> Stack:
    """It is up."""
    stack.up()
    return stack


@pytest.fixture(scope="package")
def outputs(formed: Stack) -> dict[str, Any]:
    """The outputs of the first `up`, secrets included."""
    return formed.outputs()


@pytest.fixture(scope="package")
def client(outputs: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client outside the hosts that has the outputs alone."""
    return Client(Path(tmp_path_factory.mktemp("client")), outputs)
