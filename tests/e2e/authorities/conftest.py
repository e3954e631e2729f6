"""Credentials from before the first step."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.stack import Stack
from tests.support.etcd import Client


@pytest.fixture(scope="module")
def first(formed: Stack, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """A client with what the stack gave out first: one CA, and a certificate by that one."""
    return Client(Path(tmp_path_factory.mktemp("first")), formed.outputs())
