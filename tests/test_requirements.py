"""What the package needs, and the versions that this repository runs with."""

from __future__ import annotations

import tomllib
from importlib.metadata import distribution

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from lab import TREE

NEEDED = [
    Requirement(text)
    for text in tomllib.loads((TREE / "pyproject.toml").read_text())["project"]["dependencies"]
]
LOCKED = {
    canonicalize_name(wanted.name): wanted
    for line in (TREE / "requirements.txt").read_text().splitlines()
    if line and not line.startswith("#")
    for wanted in [Requirement(line)]
}


def pinned(name: str) -> str:
    """The one version of a package that the lock has."""
    (only,) = LOCKED[canonicalize_name(name)].specifier
    assert only.operator == "=="
    return only.version


@pytest.mark.parametrize("wanted", NEEDED, ids=lambda wanted: wanted.name)
def test_a_range_has_both_ends_and_the_locked_version_in_it(wanted: Requirement) -> None:
    """So that it can be installed beside other packages, and what is tested is allowed."""
    assert {each.operator for each in wanted.specifier} == {">=", "<"}
    assert wanted.specifier.contains(pinned(wanted.name))


def test_the_lock_holds_all_that_is_needed_and_no_more() -> None:
    """Also what the needed packages need: the same versions on every machine."""
    found: set[str] = set()
    todo = [canonicalize_name(wanted.name) for wanted in NEEDED]
    while todo:
        name = todo.pop()
        if name in found or name == "pip":  # every virtual environment has one
            continue
        found.add(name)
        for text in distribution(name).requires or []:
            wanted = Requirement(text)
            if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
                todo.append(canonicalize_name(wanted.name))
    assert found == set(LOCKED)


@pytest.mark.parametrize("name", sorted(LOCKED))
def test_the_locked_version_is_the_installed_one(name: str) -> None:
    """Else the tests say nothing of what the lock promises."""
    assert distribution(name).version == pinned(name)
