"""An emptied member joins while another one, which was not healthy, restarts beside it."""

from __future__ import annotations

import pytest

from .bash import run
from .quorums import row

# The guard lets `a1` restart, and the emptied `a2` has its former entry removed, both by what was
# seen before the other one began.
BOTH = """
if can_spare "$MEMBERS" "$SERVING" a1; then echo spared; fi
if can_remove "$MEMBERS" "$SERVING" a2; then echo removed; fi
"""


def case(well: int, dead: int, emptied: int, serves: bool) -> tuple[str, int, int]:
    """A script for so many members that are well, dead and emptied, and for a1, which serves again
    or does not; how many there are; and how many are well."""
    count = 1 + emptied + well + dead
    serving = [
        *(["a1"] if serves else []),
        *(f"a{n}" for n in range(2 + emptied, count + 1 - dead)),
    ]
    listed = "\n".join(row(number) for number in range(1, count + 1))
    joined = "\n".join(serving)
    return f"MEMBERS='{listed}' SERVING='{joined}'\n{BOTH}\necho end\n", count, well


CASES = [
    case(well, dead, emptied, serves)
    for well in range(7)
    for dead in range(4)
    for emptied in range(1, 4)
    for serves in (True, False)
    if 3 <= 1 + well + dead + emptied <= 7
]


@pytest.fixture(scope="module")
def allowed() -> list[set[str]]:
    """What may be done, by case."""
    done = run("".join(script for script, _, _ in CASES))
    assert done.stderr == ""
    return [set(each.split()) for each in done.stdout.split("end\n")[:-1]]


def test_quorum_holds_when_a_member_restarts_while_an_emptied_one_joins(
    allowed: list[set[str]],
) -> None:
    """At each moment: with the former entry, without it, and when the one that joined votes."""
    both = 0
    for (_, voters, well), may in zip(CASES, allowed, strict=True):
        if "spared" in may:
            for left in (voters, voters - 1):  # before and after the entry goes
                assert well >= left // 2 + 1
            assert well + 1 >= voters // 2 + 1  # when it votes again
            both += may == {"spared", "removed"}
    assert both


def test_entry_goes_only_where_the_rest_is_a_quorum(allowed: list[set[str]]) -> None:
    """The one that restarts counts as long as it serves; and where nothing else does, it stays."""
    for (script, voters, well), may in zip(CASES, allowed, strict=True):
        serving = well + ("SERVING='a1" in script)
        assert ("removed" in may) == (serving >= (voters - 1) // 2 + 1)
        if "removed" in may and "spared" not in may:
            assert well < voters // 2 + 1  # then a1 stays as it is
