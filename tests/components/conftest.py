"""The graphs that most tests look at, each declared once."""

from __future__ import annotations

import pytest

from etcd_cluster.plan.decide import Area
from tests.support.graph import Graph

from .declared import declare

DRIFT: dict[tuple[str, Area], str] = {
    ("etcd01", "host-program"): "drift after 7: etcd-host edited",
    ("etcd01", "host"): "drift after 7: kubelet stopped",
    ("etcd02", "pki"): "drift after 4: ca.crt missing",
    ("etcd03", "member"): "drift after 9: etcd.yaml edited, etcd not running",
}


@pytest.fixture(scope="session")
def bootstrapping() -> Graph:
    """No cluster yet."""
    return declare(formed=False)


@pytest.fixture(scope="session")
def formed() -> Graph:
    """A cluster that has a quorum to lose."""
    return declare(formed=True)


@pytest.fixture(scope="session")
def drifted() -> Graph:
    """A formed cluster; one thing on every host is not as it was left."""
    return declare(formed=True, drift=DRIFT)


@pytest.fixture(scope="session")
def unprotected() -> Graph:
    """A cluster that may be destroyed."""
    return declare(formed=True, deletionProtection="false")


@pytest.fixture(scope="session")
def preview() -> Graph:
    """The preview of a cluster that does not exist: nothing computed is known."""
    return declare(preview=True)


@pytest.fixture(params=["bootstrapping", "formed", "drifted"])
def graph(request: pytest.FixtureRequest) -> Graph:
    """Each of the plans in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Graph)
    return found
