"""Which tests run on one worker, and in which order they are begun."""

from __future__ import annotations

import pytest

from tests.support.units import LONG_FIRST, rank, unit

MODULE = "tests/e2e/test_first_up.py"


def test_tests_of_a_module_stay_together_when_their_hosts_are_of_one_system() -> None:
    """They look at the same three hosts."""
    units = {unit(f"{MODULE}::test_{n}[debian-etcd0{n}]") for n in (1, 2, 3)}
    assert units == {unit(f"{MODULE}::test_other[debian]")}


def test_tests_of_a_module_part_when_their_hosts_are_of_two_systems() -> None:
    """Each system has hosts of its own, so two workers can have one each."""
    names = ("debian", "debian11", "debian13", "el", "mixed")
    assert len({unit(f"{MODULE}::test_1[{name}]") for name in names}) == len(names)


def test_each_test_goes_by_itself_when_it_makes_its_own_hosts() -> None:
    """Nothing is shared."""
    path = "tests/e2e/own_hosts/test_killed_first_up.py"
    assert unit(f"{path}::test_it[a]") != unit(f"{path}::test_it[b]")


def test_modules_stay_whole_when_they_need_no_hosts() -> None:
    """Their fixtures are made once for each module."""
    path = "tests/hostprogram/test_packages.py"
    assert unit(f"{path}::test_it[debian-x]") == unit(f"{path}::TestThat::test_it[el]") == path


@pytest.mark.parametrize("name", LONG_FIRST)
def test_long_modules_are_there_when_they_are_named(name: str, pytestconfig: pytest.Config) -> None:
    """A name that is gone would let a long module begin last."""
    assert list((pytestconfig.rootpath / "tests").glob(f"{name}*"))


def test_what_needs_hosts_begins_before_what_needs_none() -> None:
    """The short ones fill the gaps that the long ones leave."""
    assert rank("tests/e2e/test_drift.py::test_it", ["lab"]) < rank("tests/a.py::test_it", [])
