"""Members that differ from the samples in one thing."""

from __future__ import annotations

from typing import Any

from tests.support.samples import members


def member(**changes: Any) -> list[dict[str, Any]]:
    """Three members, the second changed."""
    first, second, third = members()
    return [first, second | changes, third]


def without(key: str) -> list[dict[str, Any]]:
    """Three members, the second without a key."""
    wanted = members()
    del wanted[1][key]
    return wanted
