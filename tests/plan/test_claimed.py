"""Hosts that another member's name has claimed, in a rename that was cut off."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import FORMED, TOKEN, decided, known, remembered, settled

AT = "2026-01-01T00:00:00+00:00"
ALL = frozenset(("host-program", "host", "pki", "member", "healthy"))
PLACES = {each["name"]: each["address"] for each in members(4)}


def owned(name: str, **facts: str) -> Observation:
    """A member's host that this name has claimed."""
    return replace(ready(**FORMED, **facts, owner=f"etcd {name} {TOKEN} o/p/s"), at=AT)


def stack(**changed: Any) -> StackMemory:
    """What the stack has of its members, with one more that was begun on etcd03's host."""
    everybody = {name: known(PLACES[name], commands=ALL) for name in list(PLACES)[:3]}
    return remembered(members=everybody | changed)


BEGUN = known(PLACES["etcd03"], started=False, commands=frozenset(("host-program",)))


@pytest.mark.parametrize("detection", ["true", "false"])
@pytest.mark.parametrize("program", [FORMED["program"], "e" * 64])
def test_host_is_claimed_back_when_a_rename_is_undone(detection: str, program: str) -> None:
    """Or its healthy member leaves when what was begun under the other name is deleted."""
    there = owned("etcd04")
    there = replace(there, facts={**there.facts, "program": program})
    plan = decided(
        settings(driftDetection=detection),
        {**settled(etcd03=there), "etcd04": there},
        preview=False,
        memory=stack(etcd04=BEGUN),
    )
    assert plan.drift == {("etcd03", "host-program"): f"new at {AT}: claimed for etcd04"}


def drifts(memory: StackMemory, rows: list[dict[str, Any]], **seen: Observation) -> dict[Any, Any]:
    """The drift of a cluster of these members."""
    plan = decided(settings(members=rows), {**settled(), **seen}, preview=False, memory=memory)
    return dict(plan.drift)


def test_nothing_is_claimed_back_when_the_host_is_its_own_members() -> None:
    """Nor where a host does not say whose it is."""
    assert drifts(stack(), members(), etcd01=owned("etcd01")) == {}


@pytest.mark.parametrize("more", [{}, {"etcd04": BEGUN}], ids=["new", "cut off"])
def test_rename_is_no_drift(more: dict[str, Any]) -> None:
    """The new name's own command claims the host, where the state does not have it yet."""
    rows = [*members()[:2], {"name": "etcd04", "address": PLACES["etcd03"]}]
    there = owned("etcd04" if more else "etcd03")
    assert drifts(stack(**more), rows, etcd03=there, etcd04=there) == {}


def test_swap_of_hosts_is_no_drift() -> None:
    """Another connection already makes both commands run."""
    rows = members()
    rows[1]["address"], rows[2]["address"] = rows[2]["address"], rows[1]["address"]
    names = ("etcd02", "etcd03")
    ids = {name: {"member-id": f"a{name[-1]}"} for name in names}
    memory = stack(**{n: known(PLACES[n], commands=ALL, id=f"a{n[-1]}") for n in names})
    two, three = owned("etcd02", **ids["etcd02"]), owned("etcd03", **ids["etcd03"])
    former = {f"etcd02@{PLACES['etcd02']}": two, f"etcd03@{PLACES['etcd03']}": three}
    assert drifts(memory, rows, etcd02=three, etcd03=two, **former) == {}


def test_host_that_a_swap_was_to_give_away_is_claimed_back() -> None:
    """The state has that member there still, so that nothing else would make its command run."""
    plan = drifts(stack(), members(), etcd02=owned("etcd03"))
    assert plan == {("etcd02", "host-program"): f"new at {AT}: claimed for etcd03"}
