"""Members that are given up under two names, as a rename that was cut off leaves them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.samples import members, ready, settings

from .decided import FORMED, decided, faults, known, remembered


@pytest.mark.parametrize(
    ("second", "refused"),
    [
        # One member: a rename was cut off, and then its host died.
        ({"host": "10.107.88.17", "id": "a3"}, False),
        ({"host": "10.107.88.17", "id": ""}, False),
        ({"host": "third.example.com", "id": "a3"}, False),
        # Two of four.
        ({"host": "10.107.88.18", "id": "a4"}, True),
        ({"host": "10.107.88.18", "id": ""}, True),
        ({"host": "", "id": ""}, True),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_both_names_of_one_member_are_lost_once(
    second: dict[str, str], refused: bool, order: int
) -> None:
    """Of three members two are left, and hold the quorum."""
    both = [{"name": name, "address": "10.107.88.17", "lost": True} for name in ("etcd03", "new03")]
    changes = {"members": [*members(2), *both[::order]], "allowEvenMembers": "true"}
    before = {each["name"]: known(each["address"], id=f"a{each['name'][-1]}") for each in members()}
    memory = remembered(members={**before, "new03": known("10.107.88.17", **second)})
    seen: Any = {name: ready(**FORMED) for name in ("etcd01", "etcd02")}
    if refused:
        assert "2 of 4 members would be left" in faults(
            preview=True, changes=changes, memory=memory, **seen
        )
        return
    assert decided(settings(**changes), seen, preview=True, memory=memory).formed
    # Nor is it none: with etcd02 dead as well one of three is left.
    changes["members"][1]["lost"] = True  # type: ignore[index]
    text = faults(preview=True, changes=changes, memory=memory, etcd01=seen["etcd01"])
    assert "1 of 3 members would be left" in text
