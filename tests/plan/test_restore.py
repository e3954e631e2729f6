"""When a run restores, when it is done, and what stands against it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.errors import HostsError
from etcd_cluster.plan.decide import Plan
from etcd_cluster.plan.memory import StackMemory, parse
from etcd_cluster.plan.probe import Observation
from tests.support.samples import hosts, members, ready, settings

from .decided import CLUSTER, FORMED, NOBODY, SILENT, decided, remembered
from .test_memory import STACK, resource, whole

NEW = "31b9e2798f2f0810"
OTHER = "5f3bca1e0c2d4a77"
FILE = "/root/snap.db"
MARK = "20512 " + "ab" * 32
SNAPSHOT = {"snapshot": FILE, "replaces": CLUSTER}
SURVIVOR = {"survivor": "etcd02", "replaces": CLUSTER}
OLD = {**FORMED, "snapshot": MARK}
AGED = {"etcd": "running", "etcd-version": "3.5.9"}
DOWN = {"healthy": "no", "health": "false RAFT NO LEADER"}
Seen = dict[str, str]


def plan(
    restore: dict[str, Any] | None,
    seen: Seen | None = None,
    memory: StackMemory | None = None,
    *,
    changes: dict[str, Any] | None = None,
    **named: Seen | Observation,
) -> Plan:
    """The plan of three hosts that all say the same, but for those that are named."""
    said = {
        name: each if isinstance(each, Observation) else ready(**each)
        for name, each in {**dict.fromkeys(hosts(), OLD if seen is None else seen), **named}.items()
    }
    wanted = settings(**({"restore": restore} if restore else {}), **(changes or {}))
    return decided(wanted, said, preview=False, memory=memory or remembered())


def refused(*arguments: Any, **named: Any) -> str:
    """Every fault, as one text."""
    with pytest.raises(HostsError) as caught:
        plan(*arguments, **named)
    return "\n".join(caught.value.faults)


def begun(identifier: str, kind: str = "data") -> Seen:
    """A host that was fenced."""
    memory = f"{identifier} {kind} {CLUSTER} {NEW} a1"
    return {**OLD, "restoring": memory, "healthy": "no", "etcd": "stopped"}


def done(identifier: str = "r1", before: str = CLUSTER) -> Seen:
    """A host that has started anew."""
    return {**OLD, "formed": NEW, "restored": f"{before} {NEW} {identifier}"}


def test_restore_is_carried_out_on_all_members() -> None:
    """The preview says what ends, and what the new cluster begins with, for each."""
    found = plan(SNAPSHOT)
    assert found.restoring
    assert found.formed
    for name in hosts():
        why = found.why(name, "member")
        assert f"cluster {CLUSTER} ends" in why
        assert f"{FILE} (0.0 MiB, {'ab' * 6})" in why
    (warning,) = [each for each in found.warnings if "restore:" in each]
    assert "What was written after the snapshot is lost" in warning
    assert found.restoring.told()["restore-replaces"] == CLUSTER
    assert found.restoring.told()["restore-mark"] == MARK


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"restore": {**SNAPSHOT, "replaces": OTHER}}, {}),
        ({"restore": {**SNAPSHOT, "sha256": "ab" * 32}}, {}),
        ({}, {name: {**OLD, "snapshot": "20512 " + "cd" * 32} for name in hosts()}),
        ({"members": members(5)}, {f"etcd0{n}": ready(snapshot=MARK) for n in (4, 5)}),
    ],
    ids=["another cluster ends", "a checksum is added", "another snapshot", "other members"],
)
def test_restore_is_another_one_when(changes: dict[str, Any], named: dict[str, Any]) -> None:
    """A host that staged the one does not take it for the other."""
    first = plan(SNAPSHOT).restoring
    wanted = changes.pop("restore", SNAPSHOT)
    seen = {**OLD, "formed": wanted["replaces"]}
    if not named:
        named = dict.fromkeys(hosts(), seen)
    memory = replace(remembered(), cluster_id=wanted["replaces"])
    second = plan(wanted, None, memory, changes=changes, **named).restoring
    assert first
    assert second
    assert first.id != second.id


@pytest.mark.parametrize(
    ("seen", "memory", "named"),
    [
        (OLD, remembered(), {}),
        (OLD, NOBODY, {}),
        (OLD, remembered(), {"etcd02": {"snapshot": MARK}}),
        ({"snapshot": MARK}, remembered(), {}),
        (begun("r1"), remembered(), {}),
        (OLD, remembered(), {"etcd01": begun("r1")}),
    ],
    ids=[
        "it is the hosts' and the stack's",
        "the state is new",
        "one lost its disk",
        "all hosts are new",
        "all were fenced",
        "one was fenced",
    ],
)
def test_cluster_that_ends_is_known_when(
    seen: Seen, memory: StackMemory, named: dict[str, Any]
) -> None:
    """By the stack or by a host, and nobody knows another one."""
    assert plan(SNAPSHOT, seen, memory, **named).restoring


@pytest.mark.parametrize("version", ["3.6.6", ""])
def test_etcd_that_can_raise_revisions_is_restored(version: str) -> None:
    """Where the version is not known the hosts find out, with nothing stopped."""
    assert plan(SNAPSHOT, {**OLD, "etcd": "running", "etcd-version": version}).restoring


def test_hosts_of_no_cluster_are_restored_onto() -> None:
    """There is nothing to replace, and nothing to bootstrap."""
    found = plan({"snapshot": FILE}, {"snapshot": MARK}, NOBODY)
    assert found.restoring
    assert found.formed
    assert "restore-replaces" not in found.restoring.told()


@pytest.mark.parametrize(
    ("restore", "seen", "memory", "named", "reason"),
    [
        (SNAPSHOT, {**OLD, "formed": OTHER}, NOBODY, {}, f"Set restore.replaces: '{OTHER}'"),
        (SNAPSHOT, OLD, replace(remembered(), cluster_id=OTHER), {}, "the stack's state"),
        (SNAPSHOT, OLD, None, {"etcd02": {**OLD, "formed": OTHER}}, f"etcd02: cluster {OTHER}"),
        ({"snapshot": FILE}, OLD, None, {}, f"Set restore.replaces: '{CLUSTER}'"),
        (SNAPSHOT, {"snapshot": MARK}, NOBODY, {}, "neither a host nor the stack's state knows"),
        (SNAPSHOT, OLD, None, {"etcd02": SILENT}, "etcd02 .*A restore needs every host"),
        (SNAPSHOT, OLD, None, {"etcd02": {**OLD, "foreign": "somebody else's"}}, "somebody else's"),
        (SNAPSHOT, OLD, None, {"etcd02": {**OLD, "snapshot": "missing"}}, "is not there"),
        (SNAPSHOT, OLD, None, {"etcd02": {**OLD, "snapshot": "unreadable"}}, "can be read"),
        (SNAPSHOT, OLD, None, {"etcd02": {**OLD, "snapshot": "cut 77"}}, "77 bytes"),
        (SNAPSHOT, OLD, None, {"etcd02": {**OLD, "snapshot": ""}}, "could not be read"),
        (SNAPSHOT, OLD, None, {"etcd02": {**OLD, "snapshot": "20512 ff"}}, "another snapshot"),
        (SNAPSHOT, {**OLD, "snapshot": "missing"}, None, {}, "is not there"),
        (SNAPSHOT, {**OLD, "snapshot": f"{2**32} ab"}, None, {}, "quotaBackendBytes"),
        (SNAPSHOT, OLD, None, {"etcd02": {**OLD, **AGED}}, "etcd02 .*expected 3.5.10 or newer"),
        (SURVIVOR, OLD, None, {}, "a quorum still answers"),
        (SURVIVOR, {**OLD, **DOWN}, None, {"etcd01": OLD}, "etcd01 .*a quorum still answers"),
        (SURVIVOR, {**OLD, **DOWN}, None, {"etcd02": {}}, "etcd02 .*has no data"),
        (None, OLD, None, {"etcd02": begun("r1")}, "restore-cancel"),
    ],
)
def test_nothing_is_restored_when(
    restore: dict[str, Any] | None,
    seen: Seen,
    memory: StackMemory | None,
    named: dict[str, Any],
    reason: str,
) -> None:
    """The reason names the host, and the way out."""
    text = refused(restore, seen, memory, **named)
    assert re.search(reason, text), text


@pytest.mark.parametrize("count", [4, 5])
def test_nobody_leaves_a_cluster_that_ends(count: int) -> None:
    """Its `leave` would ask a quorum that is gone."""
    changes = {"allowEvenMembers": True}
    assert "etcd04 is no longer listed" in refused(
        SNAPSHOT, None, remembered(count), changes=changes, etcd04=SILENT
    )


def test_survivor_is_restored_when_no_quorum_answers() -> None:
    """Whoever lost its data joins it."""
    found = plan(SURVIVOR, {}, etcd02={**OLD, **DOWN})
    assert found.restoring
    assert found.restoring.source == "what etcd02 holds"
    assert "is lost" not in "\n".join(found.warnings)


def test_survivor_that_was_cut_off_between_old_and_new_data_goes_on() -> None:
    """It was fenced for this very restore, and its new data is staged on it."""
    first = plan(SURVIVOR, {}, etcd02={**OLD, **DOWN}).restoring
    assert first
    fenced = {**begun(first.id), "data": "absent"}
    again = plan(SURVIVOR, begun(first.id, "joins"), etcd02=fenced).restoring
    assert again
    assert again.id == first.id
    fenced = {**begun("r1"), "data": "absent"}
    assert "has no data" in refused(SURVIVOR, {}, etcd02=fenced)


@pytest.mark.parametrize(
    ("seen", "memory", "named"),
    [
        (done(), replace(remembered(), cluster_id=NEW), {}),
        (done(), remembered(), {}),
        ({**OLD, "formed": NEW}, replace(remembered(), cluster_id=NEW), {"etcd01": done()}),
        (done(), remembered(), {"etcd03": SILENT}),
        ({**OLD, "formed": NEW, "snapshot": "missing"}, None, {"etcd01": done()}),
        (
            {**OLD, "formed": NEW},
            replace(remembered(), cluster_id=NEW, restored={CLUSTER: NEW}),
            {},
        ),
        (done(), remembered(), {"etcd02": begun("r1"), "etcd03": begun("r1")}),
    ],
    ids=[
        "hosts and stack have the new id",
        "the stack's state is of before",
        "the others joined later",
        "a host is silent",
        "the file is gone",
        "the state alone remembers it",
        "it goes on on the others",
    ],
)
def test_same_lines_do_nothing_more_when(
    seen: Seen, memory: StackMemory | None, named: dict[str, Any]
) -> None:
    """A restore is carried out once, and the cluster is a cluster like any other then."""
    found = plan(SNAPSHOT, seen, memory, **named)
    assert found.restoring is None
    assert found.formed
    assert found.memory.cluster_id in (NEW, "")


def test_restore_without_a_checksum_has_the_id_that_it_always_had() -> None:
    """Hosts may have staged it for a former version of this program."""
    found = plan(SNAPSHOT).restoring
    assert found
    assert found.id == "b7fbfd749cd892c2"


def test_checksum_that_is_added_later_does_not_restore_again() -> None:
    """What is done is known by the clusters' ids, and not by the restore's."""
    wanted = {**SNAPSHOT, "sha256": "ab" * 32}
    assert plan(wanted, done()).restoring is None
    found = plan(wanted, done(), None, etcd02=begun("r1"))
    assert found.restoring is None
    assert found.why("etcd02", "member") == "the restore r1 goes on"


def test_fenced_hosts_go_on_when_one_has_started_anew() -> None:
    """Side by side, with the lines or without, and whatever drift detection says."""
    named = {"etcd01": done(), "etcd02": begun("r1"), "etcd03": begun("r1", "joins")}
    for restore in (SNAPSHOT, None):
        found = plan(restore, None, None, changes={"driftDetection": False}, **named)
        assert found.restoring is None
        assert found.chain.stopped == ("etcd02",)
        assert found.chain.emptied == ("etcd03",)
        assert found.chain.order == ("etcd01",)
        assert found.why("etcd02", "member") == "the restore r1 goes on"
        assert not found.why("etcd01", "member")


def test_another_restore_can_follow() -> None:
    """The lines then name what came of the first."""
    found = plan({**SNAPSHOT, "replaces": NEW}, done(), replace(remembered(), cluster_id=NEW))
    assert found.restoring
    seen = {**done(), "restoring": f"r2 data {NEW} {OTHER} a1"}
    assert "restore-cancel" in refused(None, done(), remembered(), etcd02=seen)


def test_new_id_is_somebody_elses_without_a_restore() -> None:
    """Only a host of this stack that was restored proves what its cluster has become."""
    seen = {**OLD, "formed": NEW}
    assert f"this stack's cluster is {CLUSTER}" in refused(None, seen)
    named = {"etcd01": {**done(), "foreign": "somebody else's"}}
    assert f"this stack's cluster is {CLUSTER}" in refused(None, seen, **named)


def test_state_remembers_a_restore() -> None:
    """For the day on which no host does."""
    command = resource("etcd-etcd01-restore", stdout=f"replaces: none\ncluster: {NEW}\n")
    found = parse(STACK, {**whole(), **command, **resource("etcd-etcd01-fence")}, "etcd")
    assert found.restored == {"none": NEW}
    assert found.restore_commands == {"etcd01-restore", "etcd01-fence"}
