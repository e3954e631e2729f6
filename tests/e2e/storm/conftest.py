"""Clusters of each size that a storm comes over."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module", params=[3, 5, 7], ids="{} members".format)
def size(request: pytest.FixtureRequest) -> int:
    """So many members."""
    return int(request.param)
