"""A person gives wrong input: all that can be known before dialing is told before dialing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from etcd_cluster.config import reading
from etcd_cluster.config.settings import Settings
from etcd_cluster.errors import ConfigurationError
from lab.instance import Instance
from lab.lab import Lab
from lab.stack import Result, Stack
from tests.support.hosts import NAMES
from tests.support.terminal import created, faults, one_error, preview_without_passphrase
from tests.support.wrong_input import CASES, Case, Trap

# A run of the CLI takes seconds: these stand for the others.
THROUGH_THE_CLI = ("no members", "unknown key", "missing key file")
# What goes together in one run: every fault of the values or, once those are right, of the files.
TOGETHER = {
    "values": (
        *("duplicate address", "name is no DNS label", "unknown key of a member", "unknown key"),
        *("version that does not exist", "unknown runtime", "boolean is a word"),
        "timers too close",
    ),
    "files": ("missing key file", "host missing from known_hosts"),
}


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trap]:
    """The members' addresses for SSH, watched."""
    trap = Trap(tmp_path_factory.mktemp("keys"))
    yield trap
    trap.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that needs no hosts: none is ever reached."""
    return Stack(tmp_path_factory.mktemp("project"), Lab(Instance(9)), NAMES)


def told(trap: Trap, config: Mapping[str, Any]) -> ConfigurationError:
    """What the program says of a configuration, in this process."""
    raw = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()
    }
    with pytest.raises(ConfigurationError) as caught:
        reading.read(Settings, raw, trap.folder)
    return caught.value


def stopped_before_dialing(trap: Trap, project: Stack, result: Result) -> str:
    """The one error of a run that dialed nobody and created nothing."""
    error = one_error(result)
    assert created(project) == set()
    assert trap.attempts() == 0
    return error


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_line_names_key_given_and_remedy_when_one_thing_is_wrong(
    trap: Trap, case: Case
) -> None:
    """The line says where, what was found there, and what to write in its place."""
    (line,) = told(trap, trap.config(case.changes)).faults
    key, _, rest = line.partition(": ")
    assert key == case.key
    assert trap.fill(case.given) in rest
    assert trap.fill(case.remedy) in rest


@pytest.mark.parametrize("name", THROUGH_THE_CLI)
def test_preview_ends_with_one_error_and_dials_nobody_when_input_is_wrong(
    trap: Trap, project: Stack, name: str
) -> None:
    """The terminal shows that line, once, and nothing of Python's or Pulumi's making."""
    project.config = trap.config(CASES[name].changes)
    result = project.pulumi("preview", check=False)
    assert stopped_before_dialing(trap, project, result) == str(told(trap, project.config))


@pytest.mark.parametrize("command", [("preview", "--diff"), ("up", "--yes", "--skip-preview")])
@pytest.mark.parametrize("names", TOGETHER.values(), ids=TOGETHER)
def test_all_errors_come_together_when_many_things_are_wrong(
    trap: Trap, project: Stack, command: tuple[str, ...], names: tuple[str, ...]
) -> None:
    """One run reports every invalid value; the next one every missing file and unknown host."""
    project.config = trap.config(*(CASES[name].changes for name in names))
    error = stopped_before_dialing(trap, project, project.pulumi(*command, check=False))
    lines = faults(error)
    assert len(lines) == len(names)
    for case in (CASES[name] for name in names):
        (line,) = [line for line in lines if line.startswith(f"{case.key}: ")]
        assert trap.fill(case.given) in line
        assert trap.fill(case.remedy) in line


@pytest.mark.matrix  # a host that says nothing is waited for, for a minute
def test_hosts_are_dialed_when_nothing_is_wrong(trap: Trap, project: Stack) -> None:
    """The silence above is no accident: with a right configuration the same run does dial."""
    project.config = trap.config()
    text = project.preview()
    assert trap.attempts() >= len(NAMES)
    assert text.count("`pulumi up` will fail until it responds") == len(NAMES)


def test_an_even_number_gets_a_warning_when_it_is_allowed(trap: Trap, project: Stack) -> None:
    """Allowed while a cluster grows or shrinks, and said each time."""
    project.config = trap.config(CASES["even number"].changes)
    project.config |= {"allowEvenMembers": True, "driftDetection": False}
    text = project.preview()
    assert text.count("warning: members: 4 is an even number") == 1
    assert trap.attempts() == 0


def test_one_error_names_the_passphrase_when_it_is_wrong(trap: Trap, project: Stack) -> None:
    """Nothing can be read of the stack, so nothing is done."""
    project.config = trap.config()
    project.pulumi("config")  # makes the stack, should this be the first run
    right, project.passphrase = project.passphrase, "wrong"
    result = project.pulumi("preview", check=False)
    project.passphrase = right
    assert "incorrect passphrase" in stopped_before_dialing(trap, project, result)


def test_one_error_names_the_variables_when_no_passphrase_is_given(
    trap: Trap, project: Stack
) -> None:
    """And asks nobody at a terminal that is not there."""
    project.config = trap.config()
    result = preview_without_passphrase(project)
    assert "PULUMI_CONFIG_PASSPHRASE" in stopped_before_dialing(trap, project, result)
