"""The graphs that most tests look at, each declared once."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from etcd_cluster.plan import probe
from etcd_cluster.plan.decide import Area
from tests.support.mocks import Graph

from . import bare
from .bare import whole
from .declared import declare
from .whole import Hosts, Up, execute, write_files

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
def bootstrapping_whole() -> Graph:
    """No cluster yet, bare hosts, and a registry with a CA and a login."""
    return whole()


@pytest.fixture(scope="session")
def formed_whole() -> Graph:
    """A cluster with a quorum to lose, with a registry."""
    return whole(formed=True)


@pytest.fixture(scope="session")
def drifted_whole() -> Graph:
    """The formed cluster; packages of one host and the registry of another are not as left."""
    return whole(formed=True, drift=bare.DRIFT)


@pytest.fixture(params=["bootstrapping_whole", "formed_whole", "drifted_whole"])
def whole_graph(request: pytest.FixtureRequest) -> Graph:
    """Each of those in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Graph)
    return found


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


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """Three ready hosts in place of the network."""
    found = Hosts()
    monkeypatch.setattr(probe, "observe", found.observe)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The project's folder."""
    return write_files(tmp_path)


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch, folder: Path, answering: Hosts) -> Up:
    """Runs the program with a changed configuration."""
    return partial(execute, monkeypatch, folder)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the program says on the terminal, also where it ends without a graph."""
    heard: list[tuple[str, str]] = []
    for level in ("warn", "error"):

        def hear(text: str, *_: object, level: str = level, **__: object) -> None:
            heard.append((level, text))

        monkeypatch.setattr(f"pulumi.log.{level}", hear)
    return heard
