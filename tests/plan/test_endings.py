"""CAs and certificates that end: what is warned of, and how a CA that has ended is replaced."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from etcd_cluster.plan.memory import KnownAuthority
from etcd_cluster.plan.probe import Observation

from .decided import remembered
from .test_authorities import (
    BOTH,
    CUT_OFF,
    NAMES,
    ONE,
    PRINTS,
    TAKEN,
    at,
    goes_on,
    knows,
    refused,
)

YEAR = timedelta(days=365)


def in_time(left: timedelta) -> str:
    """This long from now, as the provider has it in the state."""
    return (datetime.now(UTC) + left).isoformat()


@pytest.mark.parametrize(("left", "warned"), [(YEAR * 2, False), (YEAR * 0.9, True)])
def test_an_authority_is_warned_of_a_year_before_its_end(left: timedelta, warned: bool) -> None:
    """Clients have to follow, and that takes people."""
    plan = goes_on([1], [ONE] * 3, knows(1, expiry=in_time(left)))
    found = [text for text in plan.warnings if "authority 1 expires on" in text]
    assert len(found) == warned
    if warned:
        assert "[1, 2] is the first step" in found[0]


@pytest.mark.parametrize(
    ("listed", "seen", "ending", "further"),
    [
        ([1, 2], BOTH, 1, [2, 1]),
        ([2, 1], TAKEN, 1, [2]),
        ([1, 2], BOTH, 2, [1]),
    ],
)
def test_step_that_is_under_way_is_the_next_one(
    listed: list[int], seen: Observation, ending: int, further: list[int]
) -> None:
    """And no third CA is spoken of."""
    ends = knows(ending, expiry=in_time(YEAR / 2)).authorities
    known = {**knows(1, 2).authorities, **ends}
    plan = goes_on(listed, [seen] * 3, remembered(authorities=known))
    (text,) = [each for each in plan.warnings if f"authority {ending} expires on" in each]
    assert f"go on to {further}." in text


ENDED = knows(1, expiry=in_time(-YEAR))
HALF = remembered(authorities={**knows(1, 2).authorities, **ENDED.authorities})
"""The second one is there already."""


def test_an_authority_that_has_ended_is_replaced_at_once() -> None:
    """Nobody accepts anything of it: there is no trust to keep, and no step to take first."""
    assert "authority 1 expired on" in refused([1], [CUT_OFF] * 3, ENDED)
    assert "Set it to [2]" in refused([1], [CUT_OFF] * 3, ENDED)
    assert goes_on([2], [CUT_OFF] * 3, ENDED).formed
    assert "skips a step" in refused([2], [CUT_OFF] * 3, knows(1, expiry=in_time(YEAR)))


def test_run_that_was_cut_off_after_the_end_goes_on() -> None:
    """The certificate of the one that ended is another by then, and hosts have the former one."""
    anew = KnownAuthority(fingerprint=PRINTS[3], expiry=in_time(YEAR), former=(PRINTS[1],))
    memory = remembered(authorities={**knows(2).authorities, 1: anew})
    assert goes_on([2], [at([2], 2, healthy="no"), CUT_OFF, CUT_OFF], memory).formed


@pytest.mark.parametrize("seen", [[ONE] * 3, [CUT_OFF, ONE, CUT_OFF]])
def test_members_that_are_connected_from_before_the_end_are_stopped_first(
    seen: list[Observation],
) -> None:
    """Their hosts would refuse it, and nobody could be asked whether one can be spared."""
    text = refused([2], seen, ENDED)
    names = [name for name, each in zip(NAMES, seen, strict=True) if each == ONE]
    (line,) = [each for each in text.splitlines() if "healthy only through connections" in each]
    assert [name for name in NAMES if name in line] == names
    assert "sudo pkill -x etcd" in line
    assert "docs/runbooks/rotate-ca.md" in line


def test_another_one_that_is_trusted_already_takes_over_as_they_are() -> None:
    """Certificates alone change, and nobody restarts. A backup before it could not be made."""
    assert "Set it to [2, 1]: authority 2 takes over" in refused([1, 2], [BOTH] * 3, HALF)
    plan = goes_on([2, 1], [BOTH] * 3, HALF)
    assert plan.before is None
    assert "First set authorities to [2, 1]" in refused([2], [BOTH] * 3, HALF)
    assert goes_on([2, 1], [BOTH] * 3, knows(1, 2)).before


def test_certificates_are_warned_of_in_their_last_days() -> None:
    """By name, with the first end; and not a day before `renewBeforeDays`."""
    ends = {"etcd01-server": in_time(timedelta(days=20)), "etcd02-peer": in_time(YEAR)}
    memory = remembered(authorities=knows(1).authorities, expiries=ends)
    (text,) = goes_on([1], [ONE] * 3, memory).warnings
    assert "1 of 2 expire soon, the first on" in text
    assert text.endswith("`pulumi up` renews them: etcd01-server")
    later = {"etcd01-server": in_time(timedelta(days=31))}
    memory = remembered(authorities=knows(1).authorities, expiries=later)
    assert goes_on([1], [ONE] * 3, memory).warnings == ()
