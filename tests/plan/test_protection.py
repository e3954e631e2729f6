"""What the configuration no longer has, while Pulumi refuses to delete it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan import protection
from tests.support.samples import members, ready, settings

from .decided import faults, known, remembered


def refused(memory: Any, changes: Any = None, **seen: Any) -> str:
    """The faults of that plan."""
    return faults(preview=True, memory=memory, changes=changes or {}, **seen)


@pytest.mark.parametrize("protected", [True, False])
@pytest.mark.parametrize("name", ["", "etcd05"])
def test_member_that_pulumi_would_not_delete_is_refused(protected: bool, name: str) -> None:
    """Removed or renamed. The state says so: to turn it off in the same change is too late."""
    memory = remembered(4)
    gone = {**memory.members, "etcd04": known("10.107.88.18", protected=protected)}
    wanted = members(4)
    wanted[3:] = [{**wanted[3], "name": name}] if name else []
    found = list(
        protection.faults(
            settings(members=wanted, allowEvenMembers="true", deletionProtection="false"),
            replace(memory, members=gone),
        )
    )
    assert len(found) == protected
    assert not found or found[0].startswith("etcd04 (10.107.88.18): no longer in members, but ")
    assert all("set deletionProtection: false, run `pulumi up`" in each for each in found)


def test_protected_member_that_leaves_is_refused_in_the_plan() -> None:
    """Together with all other faults; and one that stays is none."""
    protected = {each: known("10.107.88.18", protected=True) for each in ("etcd01", "etcd04")}
    memory = remembered(members={**remembered().members, **protected})
    text = refused(memory, {"deletionProtection": "false"}, etcd04=ready())
    assert "etcd04 (10.107.88.18): no longer in members" in text
    assert "etcd01" not in text


@pytest.mark.parametrize(
    ("part", "had", "key"),
    [
        ("backup", {"backup": {"to": "/mnt/b"}}, "backup: "),
        ("packages", {"install": "packages"}, "install: packages: "),
        ("registry", {"registry": {"username": "u", "password": "p"}}, "registry: "),
    ],
)
@pytest.mark.parametrize("protected", [True, False])
def test_part_that_pulumi_would_not_delete_is_refused(
    part: str, had: dict[str, Any], key: str, protected: bool
) -> None:
    """All members would be rolled first, and the run would fail at its end, each time."""
    member = known("10.107.88.15", protected=protected, commands=frozenset({part, "host"}))
    memory = remembered(members={**remembered().members, "etcd01": member})
    without: dict[str, Any] = {"install": "preinstalled", "deletionProtection": "false"}
    found = list(protection.faults(settings(**without), memory))
    assert len(found) == protected
    assert not found or found[0].startswith(key)
    assert all("delete what etcd01 have of it" in each for each in found)
    assert list(protection.faults(settings(**{**without, **had}), memory)) == []
