"""What a host says, read."""

from __future__ import annotations

import pytest

from etcd_cluster.plan.probe import Observation, ahead, parse, refusal


def test_facts_are_read_when_a_host_reports_them() -> None:
    """A fact a line."""
    assert parse("kubelet: v1.35.4\ncgroup: v2\n") == {"kubelet": "v1.35.4", "cgroup": "v2"}


@pytest.mark.parametrize("line", ["drift-member: ", "drift-member:"])
def test_fact_is_empty_when_nothing_stands_behind_its_name(line: str) -> None:
    """No drift is said so, with or without the blank that some shell cut off."""
    assert parse(line) == {"drift-member": ""}


@pytest.mark.parametrize(
    "value", ["etcd.yaml edited, kubelet stopped", "https://10.0.0.1:2379", "a: b"]
)
def test_value_is_whole_when_it_holds_colons_or_commas(value: str) -> None:
    """Only the first colon divides."""
    assert parse(f"fact: {value}\n") == {"fact": value}


def test_line_is_passed_over_when_it_is_no_fact() -> None:
    """A greeting of the login shell is not the host program's."""
    assert parse("Welcome\n\ninit: systemd\n") == {"init": "systemd"}


def test_nothing_is_read_when_nothing_was_said() -> None:
    """No fact is not an error here."""
    assert parse("") == {}


@pytest.mark.parametrize("value", ["a\rb", "a\r\nb", "a\x0bb"])
def test_value_never_holds_a_line_break_when_a_host_sends_one(value: str) -> None:
    """A reason becomes a comment in a shell command: it has to stay on its line."""
    assert all(len(read.splitlines()) <= 1 for read in parse(f"drift-host: {value}\n").values())


def test_fact_is_empty_when_it_was_not_observed() -> None:
    """An older host program knows fewer facts."""
    assert Observation(facts={"init": "systemd"}).fact("cgroup") == ""


@pytest.mark.parametrize(
    ("observation", "seen"),
    [
        (Observation(), True),
        (Observation(unreachable="no route"), False),
        (Observation(refused="no sudo"), False),
    ],
)
def test_host_counts_as_seen_when_it_let_itself_be_read(
    observation: Observation, seen: bool
) -> None:
    """Silence and refusal are both no observation."""
    assert observation.seen is seen


def clock(begin: float, end: float) -> dict[str, str]:
    """A host's clock, as it says it first and last."""
    return {"clock-begin": f"{begin:.9f}", "clock-end": f"{end:.9f}"}


@pytest.mark.parametrize(
    ("begin", "end", "expected"),
    [
        (100.25, 101.5, (-0.5, 0.25)),
        (160.25, 161.5, (59.5, 60.25)),
        (40.25, 41.5, (-60.5, -59.75)),
        (100.0, 102.0, (0.0, 0.0)),
    ],
    ids=["alike", "a minute ahead", "a minute behind", "no time lost"],
)
def test_clock_is_known_within_the_time_that_the_answer_took(
    begin: float, end: float, expected: tuple[float, float]
) -> None:
    """Asked at 100, heard at 102: it was read somewhere in between."""
    assert ahead(clock(begin, end), 100.0, 102.0) == pytest.approx(expected)


@pytest.mark.parametrize(("there", "back"), [(0.0, 0.0), (1.5, 0.25), (0.0, 1.75), (1.0, 1.0)])
@pytest.mark.parametrize("offset", [-30.0, 0.0, 0.5, 3600.0])
def test_true_difference_lies_between_when_a_host_answers_late(
    offset: float, there: float, back: float
) -> None:
    """However the time was lost: on the way there, on the host, on the way back."""
    known = ahead(clock(1000.0 + there + offset, 1002.0 - back + offset), 1000.0, 1002.0)
    assert known is not None
    least, most = known
    assert least <= offset <= most


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"clock-begin": "100.0"},
        {"clock-end": "100.0"},
        {"clock-begin": "", "clock-end": ""},
        {"clock-begin": "100.%N", "clock-end": "100.%N"},
    ],
)
def test_clock_is_unknown_when_the_host_did_not_tell_it(facts: dict[str, str]) -> None:
    """An older host program knows no clock, and some `date` no nanoseconds."""
    assert ahead(facts, 100.0, 102.0) is None


def test_terminals_codes_in_a_fact_are_not_passed_on() -> None:
    """A preview shows names of files; one may have been made to overwrite the line before."""
    found = parse("foreign: x\x1b[2K\x1b[1A.yaml\nkubelet: v1.35.4\n")
    assert found == {"foreign": "x?[2K?[1A.yaml", "kubelet": "v1.35.4"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("sudo: a password is required", "has no passwordless sudo (sudo: a password is required)"),
        ("locale: cannot set LC_ALL\nsudo: a password is required", "has no passwordless sudo"),
        ("sudo: sorry, you must have a tty to run sudo\nlogout", "you must have a tty"),
        ("sudo: unable to resolve host a: x\nbash: boom", "observe failed: bash: boom"),
        ("\x1b[31mboom\x1b[0m", "observe failed: ?[31mboom?[0m"),
        ("", "observe failed without output"),
    ],
)
def test_refusal_quotes_what_the_host_said(said: str, expected: str) -> None:
    """Whatever a login prints before."""
    assert expected in refusal("ops", said)
