"""Hosts of both families of package managers."""

from __future__ import annotations

from pathlib import Path

import pytest

from .repositories import Host


@pytest.fixture
def apt(tmp_path: Path) -> Host:
    """A host with apt."""
    return Host(tmp_path, "apt-get")


@pytest.fixture
def dnf(tmp_path: Path) -> Host:
    """A host with dnf."""
    return Host(tmp_path, "dnf")


@pytest.fixture(params=["apt-get", "dnf"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> Host:
    """A host of each family."""
    return Host(tmp_path, request.param)
