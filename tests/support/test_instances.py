"""Test processes share this machine's labs without meeting each other, or a person."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.instance import Instance
from tests.support import instances

# Holds a lab until its input ends, as a worker of another checkout does.
OTHER = """
import sys
from pathlib import Path
import lab.instance
lab.instance.MACHINE_WIDE = Path(sys.argv[1])
from tests.support import instances
assert instances.lock(lab.instance.Instance(9))
print("holds", flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without labs, and nothing named in the environment."""
    monkeypatch.setattr("lab.instance.MACHINE_WIDE", tmp_path)
    for name in (instances.VARIABLE, "ETCD_LAB_INSTANCE"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


@pytest.fixture
def other(machine: Path) -> Iterator[subprocess.Popen[str]]:
    """Another test process, which holds lab 9."""
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, machine],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "holds\n"
        yield process
        process.kill()


def test_a_lab_is_not_taken_when_another_test_process_has_it(
    other: subprocess.Popen[str],
) -> None:
    """Also one of another checkout; the next number is free."""
    assert not instances.lock(Instance(9))
    assert instances.lock(Instance(8))


def test_a_lab_is_taken_when_the_process_that_had_it_was_killed(
    other: subprocess.Popen[str],
) -> None:
    """Nobody has to clear anything by hand."""
    other.kill()
    other.wait()
    assert instances.lock(Instance(9))


@pytest.mark.parametrize("environment", [b"HOME=/root\0", b""])
def test_a_lab_is_a_persons_when_no_test_started_it(
    monkeypatch: pytest.MonkeyPatch, environment: bytes
) -> None:
    """It is left alone, whatever its number."""
    monkeypatch.setattr("tests.support.instances.cgroups.processes", lambda _: {1})
    monkeypatch.setattr(instances, "environment", lambda _: environment)
    assert instances.is_somebodys(Instance(5))


def test_a_lab_is_nobodys_when_it_is_what_a_killed_test_run_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Hosts inherit the environment of whoever starts them."""
    command = ["sh", "-c", "echo runs; read -r _"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as left:
        assert left.stdout is not None
        assert left.stdout.readline() == "runs\n"
        monkeypatch.setattr("tests.support.instances.cgroups.processes", lambda _: {left.pid})
        assert not instances.is_somebodys(Instance(5))
        left.kill()


def test_a_lab_is_nobodys_when_nothing_runs_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a reboot of the machine."""
    monkeypatch.setattr("tests.support.instances.cgroups.processes", lambda _: set())
    assert not instances.is_somebodys(Instance(5))


@pytest.mark.parametrize("given", ["0", "10", "5,0", "five", "5,"])
def test_a_wrong_number_is_an_error_that_says_what_is_expected(
    monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """0 among them: it is the developer's."""
    monkeypatch.setenv(instances.VARIABLE, given)
    with pytest.raises(ValueError, match=f'"{given}" is invalid: expected numbers from 1 to 9'):
        instances.candidates()


def test_only_the_named_labs_are_taken_when_some_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order; without any, the developer's and the bench's are never among them."""
    monkeypatch.setenv(instances.VARIABLE, "3,2")
    assert list(instances.candidates()) == [3, 2]
    monkeypatch.delenv(instances.VARIABLE)
    assert not {0, 7} & set(instances.candidates())


def test_a_worker_waits_for_a_lab_and_says_so_in_the_end_when_none_gets_free(
    other: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where more checkouts run their tests than there are labs."""
    monkeypatch.setenv(instances.VARIABLE, "9")
    monkeypatch.setattr(instances, "WAIT_SECONDS", 0.5)
    with pytest.raises(RuntimeError, match=r"was in use \(9\); end the others, start fewer"):
        instances.instance.__wrapped__()
