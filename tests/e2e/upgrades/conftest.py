"""Bare hosts whose mirror has every version on the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.stack import System
from tests.support.hosts import NAMES


@pytest.fixture(scope="module")
def system() -> System:
    """The packages are put in place by `up`, so nothing may be there before."""
    return "debian"


@pytest.fixture(scope="module")
def hosts(lab: Lab, system: System) -> Iterator[Lab]:
    """Three of them, made anew for each module."""
    lab.fresh(NAMES, image=system, mirror="upgrades")
    yield lab
    lab.down()
