"""A change of version on a formed cluster: what etcd and kubeadm allow, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.decide import Plan
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import FORMED, SILENT, decided, faults, known, remembered

NAMES = ("etcd01", "etcd02", "etcd03")


def runs(version: str, cluster: str = "", **facts: str) -> Observation:
    """A healthy member of this version of etcd."""
    speaks = cluster or ".".join(version.split(".")[:2])
    said = {"etcd_version": version, "cluster_version": speaks, "etcd_tag": f"{version}-0"}
    return ready(**{**FORMED, **said, **facts})


def all_run(version: str, **changed: Observation) -> dict[str, Observation]:
    """Three such members, but for those that are named."""
    return {name: changed.get(name, runs(version)) for name in NAMES}


def goes_on(tag: str, seen: dict[str, Observation], memory: StackMemory | None = None) -> bool:
    """Whether a plan with this tag has no fault, in a preview and in an `up`."""
    wanted = settings(etcd={"imageTag": tag})
    known_before = memory or remembered()
    plans = [decided(wanted, seen, preview=each, memory=known_before) for each in (True, False)]
    return all(plan.formed for plan in plans)


def refused(tag: str, seen: dict[str, Observation], **changes: Any) -> str:
    """Every fault of a plan with this tag."""
    memory = changes.pop("memory", remembered())
    return faults(
        preview=True, changes={"etcd": {"imageTag": tag}, **changes}, memory=memory, **seen
    )


@pytest.mark.parametrize(
    ("running", "tag"),
    [
        ("3.6.6", "3.6.6-0"),
        ("3.6.6", "3.6.14-0"),
        ("3.6.14", "3.6.6-0"),
        ("3.5.24", "3.5.33-0"),
        ("3.5.26", "3.6.6-0"),
        ("3.5.33", "3.6.14-0"),
        ("3.6.11", "3.7.1-0"),
    ],
)
def test_step_is_allowed(running: str, tag: str) -> None:
    """Any patch of the same minor, and the next minor from the least patch on."""
    assert goes_on(tag, all_run(running))


@pytest.mark.parametrize(
    ("running", "tag", "said"),
    [
        ("3.5.24", "3.6.6-0", "runs etcd 3.5.24; 3.6 requires 3.5.26 or newer"),
        ("3.5.9", "3.6.6-0", "(advised: 3.5.33-0)"),
        ("3.6.6", "3.7.1-0", "runs etcd 3.6.6; 3.7 requires 3.6.11 or newer"),
        ("3.5.33", "3.7.1-0", "Set etcd.imageTag to a version of 3.6, run `pulumi up`, then"),
        ("3.6.14", "3.5.33-0", "is older than the cluster, which speaks 3.6"),
        ("3.7.1", "3.5.33-0", "is older than the cluster, which speaks 3.7"),
        ("3.7.1", "3.8.0-0", "no step from 3.7 is supported yet"),
        ("3.6.14", "4.0.0-0", "is not the minor after the cluster's 3.6"),
        ("3.6.14", "latest", "etcd.imageTag 'latest' is invalid: expected a version, e.g. 3.6.6-0"),
    ],
)
def test_step_is_refused_with_the_way_to_take(running: str, tag: str, said: str) -> None:
    """Before anything is touched, and each member that is too old is named."""
    text = refused(tag, all_run(running))
    assert said in text
    if " requires " in said:
        assert all(f"{name} (" in text for name in NAMES)


def back(tag: str, seen: dict[str, Observation]) -> Plan:
    """The plan of a downgrade that was allowed."""
    wanted = settings(etcd={"imageTag": tag, "allowDowngrade": True})
    return decided(wanted, seen, preview=False, memory=remembered())


@pytest.mark.parametrize(("running", "tag"), [("3.6.14", "3.5.33-0"), ("3.7.1", "3.6.14-0")])
def test_downgrade_is_a_declared_change(running: str, tag: str) -> None:
    """Refused without the key, with the key named; with it the cluster is told of the minor."""
    assert "or set etcd.allowDowngrade: true to go back" in refused(tag, all_run(running))
    at = "2026-11-28T18:50:00+00:00"
    seen = {name: replace(each, at=at) for name, each in all_run(running).items()}
    assert back(tag, seen).downgrade == f"{tag[:3]} (asked {at})"


def test_key_that_allows_a_downgrade_changes_nothing_else() -> None:
    """It may stay in the file: nothing is told where nobody goes back."""
    for seen in (all_run("3.6.14"), all_run("3.5.33")):
        tag = f"{seen['etcd01'].fact('etcd-version')}-0"
        assert back(tag, seen).downgrade == ""
        assert back(tag, seen).drift == {}


@pytest.mark.parametrize(
    ("running", "tag", "said"),
    [
        ("3.7.1", "3.5.33-0", "is older than the cluster, which speaks 3.7"),
        ("3.5.33", "3.4.30-0", "is older than the cluster, which speaks 3.5"),
    ],
)
def test_downgrade_is_one_minor_and_from_3_6_on(running: str, tag: str, said: str) -> None:
    """The key does not change what etcd can."""
    text = refused(tag, all_run(running), etcd={"imageTag": tag, "allowDowngrade": True})
    assert said in text
    assert "allowDowngrade" not in text


def test_downgrade_needs_every_member_to_be_well() -> None:
    """As any change of minor."""
    ill = runs("3.6.14", healthy="no", health="false no leader")
    allowed = {"imageTag": "3.5.33-0", "allowDowngrade": True}
    text = refused("3.5.33-0", all_run("3.6.14", etcd02=ill), etcd=allowed)
    assert "etcd02 (10.107.88.16): its etcd is not healthy" in text


def test_downgrade_that_was_cut_off_goes_on_without_being_told_again() -> None:
    """The cluster speaks the older minor from when it was told."""
    half = all_run("3.6.14", **{name: runs("3.6.14", cluster="3.5") for name in NAMES})
    half["etcd01"] = runs("3.5.33")
    assert back("3.5.33-0", half).downgrade == ""


def test_cluster_version_that_was_lowered_for_a_moment_stops_no_upgrade() -> None:
    """A run that was cut off then, before any member got its 3.7."""
    lowered = {name: runs("3.6.14", cluster="3.5") for name in NAMES}
    assert goes_on("3.7.1-0", lowered)
    assert goes_on("3.7.1-0", {**lowered, "etcd03": runs("3.6.14")})
    text = refused("3.7.1-0", {**lowered, "etcd02": runs("3.5.33")})
    assert "is not the minor after the cluster's 3.5" in text


def test_downgrade_that_was_given_up_is_taken_back() -> None:
    """All members run the newer minor, and the cluster still speaks the older one."""
    told = {name: runs("3.6.14", cluster="3.5") for name in NAMES}
    assert dict(back("3.6.14-0", told).drift) == {
        ("etcd01", "member"): "drift after 3: the cluster still speaks etcd 3.5"
    }
    assert back("3.6.14-0", {**told, "etcd02": runs("3.5.33")}).drift == {}


def test_one_member_that_is_too_old_is_enough() -> None:
    """It has to run the patch that repairs it, whatever the others run."""
    text = refused("3.6.6-0", all_run("3.5.33", etcd02=runs("3.5.24")))
    assert text.count("3.6 requires 3.5.26 or newer") == 1
    assert text.startswith("etcd02 (")


@pytest.mark.parametrize(
    ("ill", "said"),
    [
        (SILENT, "unreachable: No route to host"),
        (runs("3.5.33", healthy="no", health="false no leader"), "its etcd is not healthy"),
        (runs("3.5.33", learner="yes"), "is still a learner"),
        (runs("3.5.33", health="false ALARM NOSPACE"), "an alarm is raised (ALARM NOSPACE)"),
        (runs("3.5.33", health="false ALARM CORRUPT"), "an alarm is raised (ALARM CORRUPT)"),
        (runs("3.5.33", etcd_version=""), "its version is not known"),
        (ready(), "its data is missing"),
    ],
)
def test_new_minor_is_refused_while_a_member_is_not_well(ill: Observation, said: str) -> None:
    """Named, with the reason; a patch of the same minor may be what mends it."""
    text = refused("3.6.6-0", all_run("3.5.33", etcd02=ill))
    assert f"etcd02 (10.107.88.16): {said}; a new minor of etcd needs every member" in text
    assert goes_on("3.5.34-0", all_run("3.5.33", etcd02=ill))


def test_unknown_cluster_version_is_refused() -> None:
    """Where it is half said; and where nobody says it and not all run the same minor."""
    half = {name: runs("3.5.33", cluster_version="0") for name in NAMES}
    assert "could not be determined" in refused("3.6.6-0", half)
    silent = {name: runs("3.5.33", cluster_version="") for name in NAMES}
    for other in (runs("3.6.6", cluster_version=""), runs("", cluster_version=""), SILENT):
        assert "could not be determined" in refused("3.6.6-0", {**silent, "etcd02": other})


def test_member_that_joined_by_a_snapshot_need_not_say_the_cluster_version() -> None:
    """It does not before its next start; the others say it, or all run the same minor."""
    silent = runs("3.5.33", cluster_version="")
    assert goes_on("3.6.6-0", all_run("3.5.33", etcd02=silent))
    assert goes_on("3.6.6-0", dict.fromkeys(NAMES, silent))
    text = refused("3.7.1-0", dict.fromkeys(NAMES, silent))
    assert "is not the minor after the cluster's 3.5" in text


def test_member_that_joined_and_does_not_know_the_cluster_version_stops_no_upgrade() -> None:
    """The others of the same cluster do."""
    joined = runs("3.5.33", cluster_version="")
    assert goes_on("3.6.14-0", all_run("3.5.33", etcd03=joined))


def test_members_that_speak_of_different_cluster_versions_are_refused() -> None:
    """One of them may have gone a step that cannot be taken back."""
    text = refused("3.6.6-0", all_run("3.5.33", etcd03=runs("3.5.33", cluster="3.6")))
    assert "could not be determined" in text


def test_roll_that_was_cut_off_goes_on() -> None:
    """The one whose turn it was may be down, before or after it got its new manifest."""
    down = runs("3.5.33", etcd_tag="3.6.6-0", healthy="no", etcd="stopped", etcd_version="")
    assert goes_on("3.6.6-0", all_run("3.5.33", etcd01=down))
    half = all_run("3.5.33", etcd01=runs("3.6.6", cluster="3.5"), etcd02=down)
    assert goes_on("3.6.6-0", half)


def test_roll_that_was_cut_off_can_be_taken_back() -> None:
    """As long as not all members run the new minor, the cluster speaks the old one."""
    assert goes_on("3.5.33-0", all_run("3.5.33", etcd01=runs("3.6.6", cluster="3.5")))


def test_roll_that_was_cut_off_does_not_excuse_another_member() -> None:
    """Only the one whose own turn it was."""
    down = runs("3.5.33", healthy="no", health="false no leader")
    text = refused("3.6.6-0", all_run("3.5.33", etcd01=runs("3.6.6", cluster="3.5"), etcd02=down))
    assert text.startswith("etcd02 (10.107.88.16): its etcd is not healthy")
    assert "etcd01 (" not in text


def test_new_minor_is_refused_beside_a_change_of_members() -> None:
    """Who comes and who goes is named."""
    rows = [each for each in members(4) if each["name"] != "etcd03"]
    seen = {**all_run("3.5.33"), "etcd04": ready()}
    text = refused("3.6.6-0", seen, members=rows)
    assert "members: etcd04 comes, etcd03 goes, and etcd gets a new minor in the same run" in text


def of(version: str, *newer: str) -> StackMemory:
    """Members whose kubeadm was last told this version; `newer`: the first ones."""
    told = [*newer, *[version] * (3 - len(newer))]
    rows = zip(members(), told, strict=True)
    return remembered(
        members={row["name"]: known(row["address"], kubernetes=each) for row, each in rows}
    )


def test_kubernetes_goes_up_one_minor_at_a_time() -> None:
    """From 1.34 to 1.35, also where some members have it already; a patch both ways."""
    seen = all_run("3.6.6")
    for memory in (of("v1.34.2"), of("v1.34.2", "v1.35.4"), of("v1.35.9"), of("v1.35.4")):
        assert goes_on("3.6.6-0", seen, memory)


def test_skipped_minor_of_kubernetes_is_refused() -> None:
    """The minor between is named, and the members, if it is not all of them."""
    text = refused("3.6.6-0", all_run("3.6.6"), memory=of("v1.33.2"))
    assert "skips a minor: the members have 1.33. Set it to 1.34, run `pulumi up`" in text
    text = refused("3.6.6-0", all_run("3.6.6"), memory=of("v1.33.2", "v1.34.2"))
    assert "skips a minor: etcd02, etcd03 have 1.33. Set it to 1.34, run `pulumi up`" in text


def test_kubernetes_is_not_taken_back_a_minor() -> None:
    """But a change that was cut off may be."""
    old = {"kubernetesVersion": "1.34.2"}
    seen = {n: runs("3.6.6", kubelet="v1.34.2", kubeadm="v1.34.2") for n in NAMES}
    text = refused("3.6.6-0", seen, memory=of("v1.35.4"), **old)
    assert "is older than the members' 1.35" in text
    wanted = settings(etcd={"imageTag": "3.6.6-0"}, **old)
    assert decided(wanted, seen, preview=True, memory=of("v1.34.2", "v1.35.4")).formed


@pytest.mark.parametrize(("running", "warned"), [("3.5.2", True), ("3.5.3", False)])
def test_patch_that_can_cost_data_is_a_warning(running: str, warned: bool) -> None:
    """Of each member that runs it, with the patch to take."""
    seen = all_run("3.5.33", etcd02=runs(running))
    plan = decided(settings(etcd={"imageTag": "3.5.33-0"}), seen, preview=True, memory=remembered())
    found = [each for each in plan.warnings if f"runs etcd {running}" in each]
    assert bool(found) == warned
    assert all("Set etcd.imageTag to 3.5.33-0 or a newer patch" in each for each in found)


def test_bootstrap_may_have_any_version() -> None:
    """There is no cluster whose rules would hold."""
    assert not decided(settings(etcd={"imageTag": "3.5.24-0"}), all_new(), preview=True).formed


def all_new() -> dict[str, Observation]:
    """Three hosts on which nothing was done yet."""
    return {name: ready() for name in NAMES}
