"""A lab of golden hosts, for the tests of what is on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from tests.lab.support import NAMES
from tests.support.instances import instance


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """The same lab for all tests of a module; the machine is clean afterwards."""
    lab = Lab(instance())
    lab.down()
    try:
        yield lab
    finally:
        lab.down()


@pytest.fixture
def up(lab: Lab) -> Lab:
    """The two hosts, up and connected whatever the test before did."""
    lab.up(NAMES)
    return lab
