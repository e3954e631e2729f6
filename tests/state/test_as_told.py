"""A member is told nothing new where others have come, and nothing else has changed."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.state import member as state_member
from etcd_cluster.state.text import flat_yaml
from tests.support.samples import members, settings


def of(*numbers: int, **changes: Any) -> dict[str, str]:
    """What the first of these members is told, by the numbers of `members`."""
    wanted = settings(members=[members(7)[n - 1] for n in numbers], **changes)
    return state_member.member_state(wanted, wanted.members[0], "0f" * 16)


@pytest.mark.parametrize("now", [(1, 2, 3), (1, 2, 3, 4), (1, 2, 3, 4, 5), (1, 5, 3, 2)])
def test_member_is_told_nothing_new_when_others_have_just_been_added(now: tuple[int, ...]) -> None:
    """Byte by byte, so that its command does not run."""
    before = of(1, 2, 3)
    wanted = of(*now, allowEvenMembers=True)
    assert flat_yaml(state_member.as_told(wanted, before)) == flat_yaml(before)


def test_member_is_told_anew_of_one_that_is_lost_anew() -> None:
    """Its name alone would be the same text as the last time, and the command would not run."""
    rows = [*members()[:2], members()[2] | {"lost": True}]
    wanted = settings(members=rows)

    def told(since: dict[str, str]) -> dict[str, str]:
        return state_member.member_state(wanted, wanted.members[0], "0f" * 16, since)

    first, again = (
        told({"etcd03": "2026-11-28", "etcd02": "2026-11-01"}),
        told({"etcd03": "2026-11-29"}),
    )
    assert (first["lost"], first["lost-since"]) == ("etcd03", "etcd03=2026-11-28")
    assert state_member.as_told(again, first) == again
    assert state_member.is_told_lost(first, "etcd03", "2026-11-28")
    for name, since in (("etcd03", "2026-11-29"), ("etcd02", "2026-11-01"), ("etcd03", "")):
        assert not state_member.is_told_lost(first, name, since)
    assert "lost-since" not in told({})


@pytest.mark.parametrize(
    ("before", "now", "changes"),
    [
        ((1, 2, 3, 4, 5), (1, 2, 3), {}),
        ((1, 2, 3), (1, 2, 4), {}),
        ((1, 2, 3), (1, 2, 3, 4, 5, 6), {"allowEvenMembers": True}),
        ((1, 2, 3), (1, 2, 3, 4, 5, 6, 7), {}),
        ((1, 2, 3), (1, 2, 3, 4, 5), {"etcd": {"quotaBackendBytes": 4 * 1024**3}}),
        ((1, 2, 3), (1, 2, 3), {"etcd": {"extraArgs": {"snapshot-count": "5000"}}}),
    ],
    ids=["gone", "replaced", "told no majority", "told a minority", "also a setting", "a new flag"],
)
def test_member_is_told_all_when_more_has_changed_than_others_that_came(
    before: tuple[int, ...], now: tuple[int, ...], changes: dict[str, Any]
) -> None:
    """Whom it was told must still be members, and one of them in each quorum without it."""
    wanted = of(*now, **changes)
    assert state_member.as_told(wanted, of(*before)) == wanted
    assert state_member.as_told(wanted, {}) == wanted
