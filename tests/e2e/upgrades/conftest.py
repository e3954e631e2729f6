"""Hosts that have, or can install, every version on the way."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.stack import System
from lab.versions import UPGRADES
from tests.support.hosts import NAMES
from tests.support.images import give_etcd


@pytest.fixture(scope="module")
def system(request: pytest.FixtureRequest) -> System:
    """Bare hosts, whose packages `up` puts in place; a module where etcd alone changes says so."""
    found: System = getattr(request.module, "SYSTEM", "debian")
    return found


@pytest.fixture(scope="module")
def hosts(lab: Lab, system: System) -> Iterator[Lab]:
    """Three of them, made anew for each module."""
    if system == "golden":
        lab.fresh(NAMES)
        give_etcd(lab, NAMES, *dict.fromkeys(row.etcd for row in UPGRADES))
    else:
        lab.fresh(NAMES, image=system, mirror="upgrades")
    yield lab
    lab.down()
