"""A member that has an older minor of Kubernetes than the others: nobody goes back for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import FORMED, SILENT, decided, faults, known, remembered

HELD = {"member": "now"}


def has(*minors: int) -> StackMemory:
    """Members of which the state has these minors."""
    rows = zip(members(len(minors)), minors, strict=True)
    return remembered(
        members={
            row["name"]: known(row["address"], kubernetes=f"v1.{minor}.4", held=HELD)
            for row, minor in rows
        }
    )


def here(minor: int, held: str = "now") -> Observation:
    """A host whose member has this minor; `held`: what it was last told."""
    facts = {"etcd_version": "3.6.6", "cluster_version": "3.6", "etcd_tag": "3.6.6-0"}
    told = {"held_member": f"d {held}", "kubernetes": f"v1.{minor}.4"}
    installed = {"kubelet": "v1.35.4", "kubeadm": "v1.35.4"}
    return ready(**{**FORMED, **facts, **told, **installed})


def changes(minor: int, count: int) -> dict[str, Any]:
    """A configuration with that minor, on hosts that bring it by packages."""
    return {
        "kubernetesVersion": f"1.{minor}.4",
        "members": members(count),
        "install": "packages",
        "etcd": {"imageTag": "3.6.6-0"},
    }


def refused(minor: int, memory: StackMemory, *seen: Observation) -> str:
    """Why this minor is refused, the same in a preview and in an `up`."""
    named = {f"etcd0{n}": each for n, each in enumerate(seen, 1)}
    texts = {
        faults(preview=preview, changes=changes(minor, len(seen)), memory=memory, **named)
        for preview in (True, False)
    }
    assert len(texts) == 1
    return texts.pop()


def taken(minor: int, memory: StackMemory, *seen: Observation) -> bool:
    """Whether this minor is taken."""
    named = {f"etcd0{n}": each for n, each in enumerate(seen, 1)}
    wanted = settings(**changes(minor, len(seen)))
    return decided(wanted, named, preview=False, memory=memory).formed


def test_silent_member_that_was_left_behind_is_named_with_both_ways_out() -> None:
    """The minor between is what is set already, and `up` cannot give it to a dead host."""
    text = refused(35, has(34, 34, 34, 34, 33), *[here(34)] * 4, SILENT)
    assert text == (
        "kubernetesVersion v1.35.4 skips a minor: etcd05 has 1.33, and cannot be reached to get "
        "1.34 first. Start its host, set it to 1.34 and run `pulumi up`, then go on; or give the "
        "member up (lost: true). See docs/runbooks/upgrade.md"
    )


def test_silent_member_that_the_others_cannot_wait_for_gets_new_data() -> None:
    """They are two minors ahead of it: the step between would take them back."""
    text = refused(35, has(35, 35, 33), here(35), here(35), SILENT)
    assert "etcd03 has 1.33, and cannot be reached" in text
    assert "Start its host and replace the data (docs/runbooks/damaged-member.md); or" in text
    assert "1.34 and run" not in text


@pytest.mark.parametrize(
    ("state", "seen"),
    [
        ((35, 35, 35), (here(35), here(33, "then"), here(35))),
        ((35, 33, 35), (here(35), here(33), here(35))),
    ],
    ids=["a machine that was put back", "one that missed upgrades"],
)
def test_others_do_not_go_back_for_a_member_that_was_left_behind(
    state: tuple[int, ...], seen: tuple[Observation, ...]
) -> None:
    """Its data is replaced; and the step between is refused, also to who tries it."""
    text = refused(35, has(*state), *seen)
    assert text == (
        "kubernetesVersion v1.35.4 skips a minor: etcd02 has 1.33, and etcd01, etcd03 have 1.35 "
        "already: its host was put back to an earlier state, or missed upgrades. Do not go back "
        "to 1.34, but replace its data: docs/runbooks/damaged-member.md. See "
        "docs/runbooks/upgrade.md"
    )
    text = refused(34, has(*state), *seen)
    assert "is older than the 1.35 of etcd01, etcd03: kubelet and kubeadm cannot go back" in text
    assert "Set it to 1.35" in text
    assert "older than the 1.35" in refused(33, has(*state), *seen)


def test_data_of_several_is_replaced_one_after_the_other() -> None:
    """`abandon` asks nobody."""
    text = refused(35, has(35, 35, 35, 33, 33), *[here(35)] * 3, here(33), here(33))
    assert "but replace their data, of one member at a time: docs" in text


@pytest.mark.parametrize("state", [33, 35])
def test_member_without_data_skips_nothing(state: int) -> None:
    """After `abandon`, or as a new machine: it joins anew, with a manifest of its own."""
    emptied = ready(**{"held_member": "d then", "kubernetes": "", "serial": "9"})
    assert taken(35, has(35, state, 35), here(35), emptied, here(35))


def test_machine_that_was_put_back_a_minor_comes_along() -> None:
    """And is no change that was cut off, which could be taken back."""
    seen = (here(35), here(34, "then"), here(35))
    assert taken(35, has(35, 35, 35), *seen)
    assert "is older than the 1.35 of etcd01, etcd03" in refused(34, has(35, 35, 35), *seen)


def test_all_machines_that_were_put_back_go_on_from_there() -> None:
    """What the state has of them is what nobody runs any more."""
    seen = [here(33, "then")] * 3
    assert taken(33, has(35, 35, 35), *seen)
    assert taken(34, has(35, 35, 35), *seen)
    text = refused(35, has(35, 35, 35), *seen)
    assert "skips a minor: the members have 1.33. Set it to 1.34, run `pulumi up`" in text


def test_change_that_was_cut_off_may_be_taken_back() -> None:
    """docs/runbooks/upgrade.md: also where a dead host is why it was cut off."""
    assert taken(34, has(35, 35, 34), here(35), here(35), here(34))
    assert taken(34, has(35, 35, 34), here(35), here(35), SILENT)
    assert taken(34, has(34, 34, 34), here(35, "new"), here(34), here(34))


def test_step_back_for_a_member_that_is_two_minors_behind_is_refused() -> None:
    """Nobody has the minor that is wanted, so nothing was cut off."""
    text = refused(34, has(35, 35, 33), here(35), here(35), SILENT)
    assert "is older than the 1.35 of etcd01, etcd02" in text


def test_member_that_is_ahead_and_silent_can_be_given_up() -> None:
    """What it has is what the others would have to take."""
    text = refused(34, has(33, 33, 36), here(33), here(33), SILENT)
    assert "Set it to 1.36, or give up etcd03, which cannot be reached (lost: true)" in text


@pytest.mark.parametrize("version", ["v1.99.0", "v1.3.0", "garbled"])
def test_version_that_this_program_does_not_know_is_refused_with_the_way_out(version: str) -> None:
    """A newer program has brought the members there, and this one came back."""
    memory = has(35, 35, 35)
    newer = replace(memory.members["etcd02"], kubernetes=version)
    state = replace(memory, members={**memory.members, "etcd02": newer})
    text = refused(35, state, here(35), here(35), here(35))
    assert f"this stack's state has etcd02 {version}, which this version of the program" in text
    assert "Use the version of the program that ran last on this stack, or a newer one" in text
    # Who joins anew has no version to come from.
    assert taken(35, state, here(35), ready(), here(35))
