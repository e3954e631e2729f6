"""The leadership is handed over before a leader stops; where it is not, the others elect."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import CLUSTER, OTHERS, SELF, on_host

LEADS = """metric() { case $1 in etcd_server_id) echo c42767f57a4f1412 ;; *) echo %s ;; esac; }
other() { echo "$*" >>$STATE/asked; %s; }
"""
MOVES = (
    f"MEMBERS=x SERVING=$'{OTHERS['b']}\\n{OTHERS['c']}\\n{SELF}'; move_leadership {SELF}; echo ON"
)


def asked(folder: Path) -> list[str]:
    """Whom the leadership was offered."""
    file = folder / "state/asked"
    return file.read_text().splitlines() if file.exists() else []


def test_leadership_is_handed_to_one_that_serves(tmp_path: Path) -> None:
    """To the first that takes it."""
    done = on_host(tmp_path, MOVES, LEADS % ("1", "true"), formed=CLUSTER)
    assert done.stdout == "ON\n"
    assert asked(tmp_path) == [f"move-leader {OTHERS['b']}"]


@pytest.mark.parametrize("leads", ["0", "", "half"])
def test_leadership_is_left_alone_when_it_is_not_known_to_be_here(
    tmp_path: Path, leads: str
) -> None:
    """A leader that stops unasked costs an election, and no quorum."""
    done = on_host(tmp_path, MOVES, LEADS % (leads, "true"), formed=CLUSTER)
    assert (done.stdout, asked(tmp_path)) == ("ON\n", [])


@pytest.mark.parametrize("answer", ["false", "sleep 1; return 124", "echo Leadership; return 1"])
def test_others_are_asked_when_one_does_not_take_the_leadership(
    tmp_path: Path, answer: str
) -> None:
    """Then it is said that they will elect: the guard has found that they can."""
    done = on_host(tmp_path, MOVES, LEADS % ("1", answer), formed=CLUSTER)
    assert (done.returncode, done.stdout) == (0, "ON\n")
    assert asked(tmp_path) == [f"move-leader {OTHERS[name]}" for name in "bc"]
    assert "the leadership could not be moved; the others will elect" in done.stderr
