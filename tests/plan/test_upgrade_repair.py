"""What the rules of versions leave alone: a change of patch that mends, a restore, who is gone."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import CLUSTER, SILENT, decided, known, remembered
from .test_upgrade import NAMES, all_run, goes_on, refused, runs

NO_LEADER = {"healthy": "no", "health": "false RAFT NO LEADER", "cluster_version": ""}
STOPPED = {**NO_LEADER, "etcd": "stopped", "etcd_version": "", "health": ""}


def told(*tags: str) -> StackMemory:
    """Three members whose etcd was last told these tags; nothing where there is none."""
    rows = zip(members(), tags, strict=True)
    return remembered(
        members={
            row["name"]: known(row["address"], told={"image-tag": tag} if tag else {})
            for row, tag in rows
        }
    )


OLD, NEW, DOWN = (
    runs("3.6.6", **NO_LEADER),
    runs("3.6.16", **NO_LEADER),
    runs("3.6.6", **STOPPED),
)
EMPTY = ready(formed=CLUSTER)


@pytest.mark.parametrize(
    ("seen", "memory", "tags"),
    [
        ((NEW, DOWN, EMPTY), told("", "", ""), ("3.6.6-0", "3.6.14-0", "3.6.16-0")),
        ((DOWN, DOWN, DOWN), told("", "", ""), ("3.6.14-0",)),
        ((OLD, SILENT, SILENT), told("", "3.6.6-0", "3.6.16-0"), ("3.6.6-0", "3.6.16-0")),
        (
            (runs("", **{**STOPPED, "etcd_tag": ""}), DOWN, EMPTY),
            told("3.6.6-0", "", ""),
            ("3.6.14-0",),
        ),
    ],
    ids=["a roll that was cut off", "all are down", "two are silent", "a host forgot its tag"],
)
def test_patch_is_changed_although_nobody_says_what_the_cluster_speaks(
    seen: tuple[Observation, ...], memory: StackMemory, tags: tuple[str, ...]
) -> None:
    """There is no quorum, and it may be what mends it: every member is of this minor already."""
    for tag in tags:
        assert goes_on(tag, dict(zip(NAMES, seen, strict=True)), memory)


@pytest.mark.parametrize(
    ("seen", "memory"),
    [
        ((NEW, DOWN, runs("3.5.33", **STOPPED)), told("", "", "")),
        ((NEW, DOWN, SILENT), told("", "", "")),
        ((NEW, DOWN, SILENT), told("", "", "3.5.33-0")),
        ((NEW, runs("", **{**STOPPED, "etcd_tag": "latest"}), DOWN), told("", "3.6.6-0", "")),
        ((NEW, runs("3.5.33", etcd_tag="3.6.6-0", **NO_LEADER), DOWN), told("", "", "")),
    ],
    ids=["another minor", "never told", "told another minor", "no version", "runs another minor"],
)
def test_patch_is_not_changed_while_a_member_may_be_of_another_minor(
    seen: tuple[Observation, ...], memory: StackMemory
) -> None:
    """Then it is no mere patch for that one."""
    text = refused("3.6.14-0", dict(zip(NAMES, seen, strict=True)), memory=memory)
    assert "could not be determined" in text


def test_minor_is_not_changed_without_a_quorum() -> None:
    """With the same members."""
    seen = dict(zip(NAMES, (OLD, DOWN, DOWN), strict=True))
    assert "could not be determined" in refused("3.7.1-0", seen)
    assert "could not be determined" in refused("3.5.33-0", seen)


FORGOT = runs("", **{**STOPPED, "etcd_tag": "", "cluster_version": ""})
"""Installed anew, and its data disk kept: the data says whose it is, not which etcd wrote it."""


@pytest.mark.parametrize("third", [FORGOT, SILENT], ids=["all", "but one, which is silent"])
@pytest.mark.parametrize("tag", ["3.5.33-0", "3.7.1-0"])
def test_minor_is_not_changed_where_the_state_alone_knows_the_one_before(
    third: Observation, tag: str
) -> None:
    """No host remembers what it was given, and none runs."""
    seen = dict(zip(NAMES, (FORGOT, FORGOT, third), strict=True))
    memory = told(*["3.6.6-0"] * 3)
    assert "could not be determined" in refused(tag, seen, memory=memory)
    assert goes_on("3.6.6-0", seen, memory)
    assert goes_on("3.6.14-0", seen, memory)


MARK = {"snapshot": "20512 " + "ab" * 32}
FILE = {"snapshot": "/root/before.db", "replaces": CLUSTER}
SEVEN = runs("3.7.1", **NO_LEADER, **MARK)


@pytest.mark.parametrize(
    ("restore", "changes", "seen"),
    [
        (FILE, {"imageTag": "3.6.16-0"}, (SEVEN, SEVEN, runs("3.6.16", **STOPPED, **MARK))),
        (FILE, {"imageTag": "3.6.16-0"}, (SEVEN, ready(formed=CLUSTER, **MARK), SEVEN)),
        ({"survivor": "etcd01", "replaces": CLUSTER}, {"imageTag": "3.6.6-0"}, (NEW, DOWN, EMPTY)),
    ],
    ids=["snapshot of before an upgrade", "a disk is lost, too", "the survivor"],
)
def test_restore_is_held_to_no_rule_of_versions(
    restore: dict[str, str], changes: dict[str, Any], seen: tuple[Observation, ...]
) -> None:
    """A cluster that ends has no next step; whether etcd can read the data, the hosts find out."""
    wanted = settings(restore=restore, etcd=changes)
    for preview in (True, False):
        plan = decided(
            wanted, dict(zip(NAMES, seen, strict=True)), preview=preview, memory=remembered()
        )
        assert plan.restoring


def four(*, given_up: bool, lost: bool) -> tuple[StackMemory, dict[str, Any]]:
    """A fourth member with a kubelet of before, and the configuration that has it."""
    now = {row["name"]: known(row["address"], kubernetes="v1.34.2") for row in members(4)}
    now["etcd04"] = known("10.107.88.18", kubernetes="v1.33.2", given_up=given_up)
    rows = members(4)
    rows[3] |= {"lost": True} if lost else {}
    return remembered(members=now), {"members": rows, "allowEvenMembers": "true"}


@pytest.mark.parametrize(("given_up", "lost"), [(False, True), (True, True), (True, False)])
def test_kubernetes_of_a_member_that_is_given_up_forbids_nothing(
    given_up: bool, lost: bool
) -> None:
    """Its commands, and the version in them, stay in the state as they were on its last day."""
    memory, changes = four(given_up=given_up, lost=lost)
    wanted = settings(etcd={"imageTag": "3.6.6-0"}, **changes)
    seen = {**all_run("3.6.6"), "etcd04": ready()}
    assert decided(wanted, seen, preview=True, memory=memory).formed


def test_kubernetes_of_a_member_that_is_only_silent_counts() -> None:
    """It may come back. That the others have 1.34 already does not help it."""
    memory, changes = four(given_up=False, lost=False)
    seen = {**all_run("3.6.6"), "etcd04": SILENT}
    assert refused("3.6.6-0", seen, memory=memory, **changes) == (
        "kubernetesVersion v1.35.4 skips a minor: etcd04 has 1.33, and cannot be reached to get "
        "1.34 first. Start its host, set it to 1.34 and run `pulumi up`, then go on; or give the "
        "member up (lost: true). See docs/runbooks/upgrade.md"
    )


def old_state(**there: Observation) -> dict[str, Any]:
    """A state of two minors back, and hosts that hold what came after it."""
    now = {
        row["name"]: known(row["address"], kubernetes="v1.33.2", held={"member": "old"})
        for row in members()
    }
    seen = {n: runs("3.6.6", **{"held-member": "d new", "kubernetes": "v1.35.4"}) for n in NAMES}
    return {"seen": {**seen, **there}, "memory": remembered(members=now)}


def test_version_is_the_hosts_where_the_state_is_an_old_one() -> None:
    """docs/runbooks/lost-state.md: an old state of the same cluster is good enough."""
    wanted = settings(etcd={"imageTag": "3.6.6-0"})
    there = old_state()
    assert decided(wanted, there["seen"], preview=True, memory=there["memory"]).formed


LEFT = "etcd02 has 1.33, and etcd01, etcd03 have 1.35 already"
UNKNOWN = "the version of etcd02 is not known"


@pytest.mark.parametrize(
    ("etcd02", "said"),
    [
        ({"held-member": "d old", "kubernetes": "v1.35.4"}, LEFT),
        ({"held-member": "d new", "kubernetes": ""}, f"{UNKNOWN}: the host does not say it"),
        ({"held-member": "d new", "kubernetes": "v2"}, f"{UNKNOWN}: the host does not say it"),
        ({"held-member": "", "kubernetes": "v1.35.4"}, f"{UNKNOWN}: the host does not say it"),
        ({"held-member": "d new", "kubernetes": "v1.33.4"}, LEFT),
        ({}, f"{UNKNOWN}: unreachable, and this stack's state, which is out of date, has 1.33"),
    ],
)
def test_host_that_does_not_say_more_has_the_version_of_the_state(
    etcd02: dict[str, str], said: str
) -> None:
    """Also one that is silent, and may have been left behind or not."""
    there = old_state(etcd02=runs("3.6.6", **etcd02) if etcd02 else SILENT)
    assert said in refused("3.6.6-0", there["seen"], memory=there["memory"])


THREE_O = runs("3.6.6", cluster="3.0")
"""A member of a cluster of which one never started: etcd knows no version of it yet."""


def test_patch_is_changed_although_a_member_never_started() -> None:
    """Its version may be what keeps it from starting."""
    seen = dict(zip(NAMES, (THREE_O, THREE_O, runs("3.6.6", **STOPPED)), strict=True))
    assert goes_on("3.6.16-0", seen, told("3.6.6-0", "3.6.6-0", "3.6.6-0"))
    text = refused("3.7.1-0", seen)
    assert "could not be determined" in text
    assert "or give up one that never started (lost: true, or" in text


def test_version_is_not_taken_for_known_when_one_that_never_started_is_gone() -> None:
    """etcd counts it still; that all others run one minor does not say what the cluster speaks."""
    assert "could not be determined" in refused(
        "3.6.16-0", dict.fromkeys(NAMES, runs("3.5.33", cluster="3.0"))
    )


def test_member_that_was_given_another_version_goes_back_when_that_is_taken_back() -> None:
    """A run that failed there has left the state as it was, so nothing else would say so."""
    as_ever = runs("3.6.6", etcd_tag="3.6.6-0", program="d" * 64)
    changed = {"etcd_tag": "3.6.16-0", "program": "d" * 64, "drift_member": "etcd.yaml edited"}
    seen = {**dict.fromkeys(NAMES, as_ever), "etcd01": runs("3.6.16", **changed)}
    memory = told("3.6.6-0", "3.6.6-0", "3.6.6-0")
    wanted = settings(etcd={"imageTag": "3.6.6-0"})
    found = decided(wanted, seen, preview=True, memory=memory).drift
    assert list(found) == [("etcd01", "member")]
    said = ": etcd.yaml edited, etcd goes back from 3.6.16-0 to 3.6.6-0"
    assert found["etcd01", "member"].endswith(said)
    text = refused("3.6.6-0", seen, memory=memory, driftDetection="false")
    assert "etcd01: a `pulumi up` that failed gave it etcd 3.6.16-0" in text
    assert "Set driftDetection: true" in text
    seen["etcd01"] = as_ever
    assert not decided(wanted, seen, preview=True, memory=memory).drift
