"""What a host says, read."""

from __future__ import annotations

import pytest

from etcd_cluster.probe import Observation, parse


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
