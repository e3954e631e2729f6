"""Which cases of a test run with which target."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import pytest

MACHINE_SECONDS = 1800
"""How long a test on machines may take, in place of the limit for containers."""
MACHINES = [pytest.mark.machines, pytest.mark.timeout(MACHINE_SECONDS)]
"""Of a module whose hosts are machines: `make test-machines` (or `-long`) alone runs it."""


def tiered(
    cases: Mapping[str, Any], *, always: Collection[str], matrix: Collection[str] = ()
) -> list[Any]:
    """The cases as parameters, by their names: some run with `make test`, some with
    `make test-matrix`, all others with `make test-long`.
    """
    strangers = {*always, *matrix} - set(cases)
    assert not strangers, f"no such cases: {sorted(strangers)}"
    found = []
    for name, case in cases.items():
        mark = pytest.mark.matrix if name in matrix else pytest.mark.long
        values = case if isinstance(case, tuple) else (case,)
        found.append(pytest.param(*values, id=name, marks=() if name in always else mark))
    return found
