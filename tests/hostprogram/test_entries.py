"""Which entry of the member list is whose: a member's own, and one that was lost."""

from __future__ import annotations

import pytest

from .quorums import call, row, rows, url

FOUR = f"{rows(3)}\n{row(4, started=False, learner=True)}"
TWICE = f"{rows(3)}\n{row(3).replace('a3', 'b3').replace('10.0.0.3', '10.0.0.9')}"


@pytest.mark.parametrize(
    ("members", "own", "name", "peer", "found"),
    [
        (FOUR, "a2", "etcd02", 2, "a2"),
        (FOUR, "a2", "etcd07", 7, "a2"),
        (FOUR, "beef", "etcd02", 2, "a2"),
        (FOUR, "", "etcd02", 2, "a2"),
        (FOUR, "", "etcd04", 4, "a4"),
        (FOUR, "", "etcd02", 7, "a2"),
        (FOUR, "beef", "etcd07", 7, ""),
        (FOUR, "", "etcd07", 7, ""),
        ("", "", "etcd02", 2, ""),
        (FOUR, "beef", "etcd02", 7, "this host remembers the id beef, and a2 with other peer URLs"),
        (TWICE, "", "etcd03", 7, "this host remembers the id of none, and a3, b3 with other"),
    ],
    ids=[
        "by its id",
        "by its id alone",
        "by its peer URL, where its id is gone",
        "by its peer URL, where it knows no id",
        "by its peer URL, where it never started",
        "by its name, where it has another address",
        "none, where its id is gone",
        "none, where it knows no id",
        "none, where there is nobody",
        "not known, where another has its name",
        "not known, where two have its name",
    ],
)
def test_entry_of_a_member_is_found(
    members: str, own: str, name: str, peer: int, found: str
) -> None:
    """A sentence, where it is not certain."""
    status, lines = call("own_entries", members, own, name, url(peer, 2380))
    assert status == 0
    assert "\n".join(lines).startswith(found) if found else lines == []


@pytest.mark.parametrize(
    ("members", "name", "found"),
    [
        (rows(3), "etcd03", "a3"),
        (rows(3), "etcd07", ""),
        (TWICE, "etcd03", "a3,b3"),
        (FOUR, "etcd04", "a4"),
        (FOUR.replace("10.0.0.4", "10.0.0.2"), "etcd04", ""),
    ],
    ids=["by its name", "none", "two of its name", "that never started", "that is declared"],
)
def test_entry_of_a_lost_member_is_found(members: str, name: str, found: str) -> None:
    """Also of one that died before it had said its name; not of one that is just joining."""
    declared = ",".join(f"etcd0{number}={url(number, 2380)}" for number in (1, 2, 3))
    assert call("lost_entry", members, name, declared) == (0, [found])
