"""A name that was given up, came back, and is lost anew: from run to run, by the states they leave.

What does not differ from the state is not carried out. So each run is compared with what the one
before has left, also one that was killed, or that got to some of the resources alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan import lost
from etcd_cluster.plan.memory import HOST_TYPE, MEMBER_TYPE, KnownAuthority, KnownMember, parse
from tests.support.mocks import COMMAND, Graph, Resource
from tests.support.samples import members, ready, settings

from .declared import declare

STACK = "organization/etcd-cluster/test"
LOST = [*members()[:2], members()[2] | {"lost": True}]
FIRST, BACK, AGAIN, LATER = (f"2026-11-2{n}T18:50:00+00:00" for n in range(4))
OTHERS = ("etcd-etcd01-member", "etcd-etcd02-member")
State = Mapping[str, Any]


def run(
    state: State, rows: list[dict[str, Any]], at: str, untargeted: Collection[str] = ()
) -> Graph:
    """What a run of that time declares, after one that left this state."""
    wanted = settings(members=rows)
    seen = {each.name: replace(ready(), at=at) for each in wanted.living}
    memory = lost.with_times(wanted, seen, parse(STACK, state, "etcd"))
    old = {
        urn.rpartition("::")[2]: each["outputs"] for urn, each in state.items() if COMMAND in urn
    }
    return declare(
        formed=True,
        members=rows,
        memory=memory,
        untargeted={name: old[name] for name in untargeted},
    )


def commands_run(graph: Graph, state: State) -> set[str]:
    """The commands that differ from the state, so that the engine runs them."""
    return {
        each.name
        for each in graph.of_type(COMMAND)
        if any(
            each.inputs.get(key) != state.get(each.urn, {}).get("outputs", {}).get(key)
            for key in ("connection", "create", "update", "delete", "stdin")
            if key not in each.ignore_changes
        )
    }


def left(graph: Graph, before: State | None = None, missed: Collection[str] = ()) -> dict[str, Any]:
    """The state that a run leaves. missed: commands that it did not get to, for it was killed."""
    found = {each.urn: _left(each, graph) for each in graph.resources}
    for each in graph.resources:
        # (A member's component says what it does once its commands have run; a host's, at once.)
        waits = each.type == MEMBER_TYPE and bool(missed)
        if before is not None and (waits or each.name in missed) and each.type != HOST_TYPE:
            found[each.urn] = before[each.urn]
    return found


def _left(each: Resource, graph: Graph) -> dict[str, Any]:
    outputs = each.outputs if each.custom else graph.registered_outputs.get(each.urn, {})
    # What it ignores is as it was; here nothing of that ever differs but `create`.
    return {"type": each.type, "outputs": dict(outputs)}


def etcd03(state: State) -> KnownMember:
    """What the stack knows of it."""
    return parse(STACK, state, "etcd").members["etcd03"]


def lost_before() -> dict[str, Any]:
    """The state of a stack that has given etcd03 up."""
    formed = left(declare(formed=True))
    first = run(formed, LOST, FIRST)
    assert commands_run(first, formed) >= {*OTHERS}
    state = left(first)
    assert etcd03(state).given_up
    return state


def came_back(state: State) -> dict[str, Any]:
    """Killed when etcd03 had joined on its new host, before the others had their turn."""
    missed = [*OTHERS, *(each.replace("member", "healthy") for each in OTHERS)]
    after = left(run(state, members(), BACK), state, missed)
    assert not etcd03(after).given_up
    return after


def test_member_that_is_given_up_is_not_given_up_in_each_run() -> None:
    """A preview without a change is empty, and stays so."""
    state = lost_before()
    for at in (BACK, AGAIN):
        unchanged = run(state, LOST, at)
        assert commands_run(unchanged, state) == set()
        assert left(unchanged) == state


def test_member_that_is_lost_anew_is_given_up_anew() -> None:
    """Its new entry would be there for ever, as a voter that is dead, and nobody would know."""
    state = came_back(lost_before())
    again = run(state, LOST, AGAIN)
    assert commands_run(again, state) >= {*OTHERS}
    state = left(again)
    assert etcd03(state).given_up
    assert commands_run(run(state, LOST, LATER), state) == set()


@pytest.mark.parametrize("done", [(), OTHERS[:1]], ids=["nobody", "one"])
def test_run_that_was_killed_on_the_way_is_gone_on_with(done: tuple[str, ...]) -> None:
    """Those that have not done it do it, and then it is given up."""
    state = came_back(lost_before())
    killed = left(run(state, LOST, AGAIN), state, {*OTHERS} - {*done})
    assert not etcd03(killed).given_up
    goes_on = run(killed, LOST, LATER)
    assert commands_run(goes_on, killed) & {*OTHERS} == {*OTHERS} - {*done}
    assert etcd03(left(goes_on)).lost_since == AGAIN
    assert etcd03(left(goes_on)).given_up


@pytest.mark.parametrize("out", [OTHERS, OTHERS[1:]], ids=["both", "one"])
def test_run_that_leaves_members_out_gives_nobody_up(out: tuple[str, ...]) -> None:
    """With --target, the engine answers for the others with what their states have."""
    state = came_back(lost_before())
    targeted = left(run(state, LOST, AGAIN, untargeted=out))
    assert not etcd03(targeted).given_up
    whole = run(targeted, LOST, LATER)
    assert commands_run(whole, targeted) & {*OTHERS} == {*out}
    assert etcd03(left(whole)).given_up


def test_member_that_came_back_by_a_run_that_left_the_others_out_is_given_up_anew() -> None:
    """As with a killed one: the others were told of it before."""
    state = lost_before()
    targeted = left(run(state, members(), BACK, untargeted=OTHERS))
    again = run(targeted, LOST, AGAIN)
    assert commands_run(again, targeted) >= {*OTHERS}
    assert etcd03(left(again)).given_up


def test_old_state_has_its_member_given_up_once_more() -> None:
    """It says `true`, of no time, and names alone were told: nobody knows whether it came back."""
    state = lost_before()
    for urn, each in state.items():
        if urn.endswith("::etcd-etcd03-host"):
            each["outputs"] = {}
        elif urn.endswith(f"{MEMBER_TYPE}::etcd-etcd03-member"):
            each["outputs"] = {"givenUp": True}
        elif urn.endswith(tuple(f"{COMMAND}::{name}" for name in OTHERS)):
            text = each["outputs"]["stdin"].splitlines(keepends=True)
            each["outputs"]["stdin"] = "".join(t for t in text if not t.startswith("lost-since"))
    assert not etcd03(state).given_up
    once_more = run(state, LOST, BACK)
    assert commands_run(once_more, state) == {*OTHERS}
    assert etcd03(left(once_more)).given_up


def test_member_is_not_given_up_by_a_run_that_only_takes_members_over() -> None:
    """What is adopted is remembered as it is, and nothing runs that could remove an entry."""
    known = parse(STACK, left(declare(formed=True)), "etcd")
    memory = replace(
        known,
        authorities={0: KnownAuthority(fingerprint="a" * 64)},
        members={**known.members, "etcd03": replace(known.members["etcd03"], lost_since=FIRST)},
    )
    graph = declare(
        formed=True,
        members=LOST,
        memory=memory,
        adopting=("etcd01", "etcd02"),
        adopt="cdf818194e3a8c32",
    )
    component = graph.get(MEMBER_TYPE, "etcd-etcd03-member")
    assert graph.registered_outputs[component.urn] == {"givenUp": ""}
