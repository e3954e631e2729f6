"""What of the tests goes to one worker, and in which order that is begun."""

from __future__ import annotations

import re
from collections.abc import Collection

# Modules and folders that take longest, in this order: begun late, they would be waited for.
LONG_FIRST = (
    "e2e/faults",
    "e2e/upgrades",
    "e2e/test_kubernetes.py",
    "e2e/test_broken_sources.py",
    "e2e/test_membership_sizes.py",
    "e2e/test_membership_hosts.py",
    "e2e/test_first_up.py",
    "lab/hosts",
    "e2e/test_wrong_hosts.py",
    "e2e/test_membership.py",
    "e2e/test_drift.py",
    "e2e/test_unfit_hosts.py",
)
# A folder whose tests each make hosts of their own.
OWN_HOSTS = "tests/e2e/own_hosts/"
_SHARED_FOLDER = re.compile(r"tests/e2e/[a-z_]+(?=/)")
_SYSTEM = re.compile(r"[\[-](debian[0-9]*|el|mixed)(?=[\]-])")


def unit(nodeid: str) -> str:
    """Name the unit of a test: tests of one unit run on one worker, one after another.

    Those of a module have hosts in common, and those of a folder below e2e; of each system others.
    """
    if nodeid.startswith(OWN_HOSTS):
        return nodeid
    module, _, rest = nodeid.partition("::")
    folder = _SHARED_FOLDER.match(nodeid)
    system = _SYSTEM.search(rest) if module.startswith("tests/e2e/") else None
    return f"{folder[0] if folder else module} {system[1] if system else ''}".rstrip()


def rank(nodeid: str, fixtures: Collection[str]) -> tuple[bool, int]:
    """Order: first what needs hosts, of that first what takes longest."""
    place = [n for n, name in enumerate(LONG_FIRST) if nodeid.startswith(f"tests/{name}")]
    return "lab" not in fixtures, place[0] if place else len(LONG_FIRST)
