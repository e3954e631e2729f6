"""How the tests are spread over workers: what shares hosts stays together, the long comes first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.record import OPTION
from tests.support.units import rank, unit

if TYPE_CHECKING:
    from xdist.scheduler.protocol import Scheduling


def pytest_addoption(parser: pytest.Parser) -> None:
    """Tests of whole systems can write down what they saw (see tests.support.record)."""
    text = "write what passed on which system to docs/support/"
    parser.addoption(OPTION, action="store_true", help=text)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Order the tests, where several workers run them."""
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: rank(item.nodeid, getattr(item, "fixturenames", ())))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Scheduling:
    """Hand out units in that order, each to one worker."""
    from xdist.scheduler import LoadScopeScheduling

    class Units(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return unit(nodeid)

        def _reschedule(self, node: Any) -> None:
            # A worker needs the next test when it begins the last that it has, and not before:
            # a unit that waits for one worker is a unit that no other takes.
            if not node.shutting_down and self.workqueue:
                if self._pending_of(self.assigned_work[node]) <= 1:
                    self._assign_work_unit(node)
                return
            super()._reschedule(node)

    return Units(config, log)
