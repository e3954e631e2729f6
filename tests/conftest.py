"""How the tests are spread over workers: what shares hosts stays together, the long comes first."""

from __future__ import annotations

import re

import pytest

# Modules that take longest, in this order: begun last, they would keep all others waiting.
LONG_FIRST: tuple[str, ...] = ()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Group and order the tests, where several workers run them."""
    if not hasattr(config, "workerinput"):
        return
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))
    items.sort(key=rank)


def group(item: pytest.Item) -> str:
    """Tests of one group run on one worker, one after another.

    Those of a module have hosts in common, of each system others; what makes hosts of its own
    goes alone.
    """
    if "own_hosts" in getattr(item, "fixturenames", ()):
        return re.sub(r"[][@]", " ", item.nodeid)
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return f"{item.nodeid.partition('::')[0]} {parameters.get('system', '')}".rstrip()


def rank(item: pytest.Item) -> tuple[int, int]:
    """First what needs hosts, of that first what takes longest."""
    names = set(getattr(item, "fixturenames", ()))
    module = item.path.stem
    place = LONG_FIRST.index(module) if module in LONG_FIRST else len(LONG_FIRST)
    return (0 if names & {"lab", "own_hosts"} else 1, place)
