"""The lab's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import engine
from lab.__main__ import leftovers, main


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine on which nothing was left behind."""
    monkeypatch.setattr("lab.instance.MACHINE_WIDE", tmp_path)
    return tmp_path


def test_only_the_developer_s_lab_is_ended_when_nothing_else_is_there() -> None:
    """Also if it has no folder: `down` may be asked to clear what is not complete."""
    assert [each.number for each in leftovers(None)] == [0]


def test_labs_of_tests_are_ended_too_when_they_were_left_behind(machine: Path) -> None:
    """A killed test run could not end its own; their locks alone are no lab."""
    for name in ("8", "9", "3.lock"):
        (machine / name).mkdir()
    assert [each.number for each in leftovers(None)] == [0, 8, 9]


def test_only_the_named_lab_is_ended_when_one_is_named(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else's tests go on."""
    (machine / "8").mkdir()
    monkeypatch.setenv("ETCD_LAB_INSTANCE", "5")
    assert [each.number for each in leftovers("5")] == [5]


@pytest.mark.parametrize("line", ["up --yes", "-C there --stack mine preview", "--help", ""])
def test_pulumi_gets_all_that_follows_its_name(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also options that stand before its command, and those that the lab has too."""
    given: list[list[str]] = []

    def run(words: list[str]) -> int:
        given.append(words)
        return 5

    monkeypatch.setattr(engine, "run", run)
    assert main(["pulumi", *line.split()]) == 5
    assert given == [line.split()]
