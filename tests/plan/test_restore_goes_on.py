"""A restore that was cut off goes on, whoever is silent meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.errors import HostsError
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import hosts, members, ready, settings

from .decided import CLUSTER, SILENT, decided, known, remembered
from .test_restore import DOWN, NEW, OLD, OTHER, SNAPSHOT, SURVIVOR, begun, done, plan, refused

MEMBERS = remembered().members


def test_who_was_fenced_starts_while_a_new_host_is_silent() -> None:
    """On new hosts the state has the former addresses: nobody was healthy at the new ones yet."""
    former = {f"etcd0{n}": known(f"10.9.9.{n}", id=f"a{n}") for n in (1, 2, 3)}
    memory = remembered(members=former)
    found = plan(None, done(), memory, etcd02=begun("r1"), etcd03=SILENT)
    assert found.why("etcd02", "member") == "the restore r1 goes on"
    assert found.chain.order[-1] == "etcd03"


@pytest.mark.parametrize("lines", [SNAPSHOT, SURVIVOR, None], ids=["file", "survivor", "none"])
def test_lines_that_are_done_carry_no_other_restore_out(lines: dict[str, Any] | None) -> None:
    """Whoever thinks better of the next one, and goes back to the lines before it."""
    fenced = {**done(), "restoring": f"r2 data {NEW} {OTHER} a1", "etcd": "stopped"}
    memory = replace(remembered(), cluster_id=NEW)
    text = refused(lines, done(), memory, etcd02=fenced, etcd03=fenced)
    for name in ("etcd02", "etcd03"):
        assert f"{name} (10.107.88.1" in text
    assert "but the configuration has " in text
    assert "`sudo etcd-host restore-cancel` on this host" in text
    assert plan({**SNAPSHOT, "replaces": NEW}, done(), memory, etcd02=fenced).restoring


def test_done_lines_do_not_hide_a_quorum_that_is_gone() -> None:
    """They stay in a configuration for long, and two of three members are lost then."""
    rows = [{"name": f"etcd0{n}", "address": f"10.107.88.{14 + n}"} for n in (1, 2, 3)]
    lost: dict[str, Any] = {"members": [{**each, "lost": True} for each in rows[:2]] + rows[2:]}
    memory = replace(remembered(), cluster_id=NEW)
    text = refused(SNAPSHOT, done(), memory, changes=lost)
    assert "1 of 3 members would be left" in text
    assert CLUSTER not in text


STEP = {"etcd": {"imageTag": "3.6.6-0"}}
OF_BEFORE = {"etcd-tag": "3.5.25-0"}
WELL = {"etcd-tag": "3.6.6-0", "etcd-version": "3.6.6", "cluster-version": "3.6"}


def waiting() -> dict[str, str]:
    """A host that was fenced, and still has the tag that it ran with."""
    return {**begun("r1"), **OF_BEFORE}


@pytest.mark.parametrize("kubernetes", ["v1.32.9", ""])
def test_restore_that_changes_the_minor_goes_on_without_a_quorum(kubernetes: str) -> None:
    """One has started anew, and cannot be healthy before a second one has: nobody says a version,
    and the state is of before."""
    before = {name: replace(each, kubernetes=kubernetes) for name, each in MEMBERS.items()}
    started = {**done(), "etcd-tag": "3.6.6-0", **DOWN}
    found = plan(
        SNAPSHOT,
        waiting(),
        remembered(members=before),
        changes=STEP,
        etcd01=started,
    )
    assert found.restoring is None
    assert found.why("etcd02", "member") == "the restore r1 goes on"
    assert set(found.chain.stopped) == set(hosts())


def test_restore_that_changes_the_minor_goes_on_with_a_quorum() -> None:
    """The last one was cut off, and the others have what is wanted."""
    found = plan(SNAPSHOT, {**done(), **WELL}, changes=STEP, etcd03=waiting())
    assert found.why("etcd03", "member") == "the restore r1 goes on"


def test_version_is_changed_by_the_rules_when_a_quorum_serves_while_a_restore_goes_on() -> None:
    """It is a cluster like any other."""
    old = {**WELL, "etcd-tag": "3.4.20-0", "etcd-version": "3.4.20", "cluster-version": "3.4"}
    text = refused(SNAPSHOT, {**done(), **old}, changes=STEP, etcd03=waiting())
    assert "is not the minor after the cluster's 3.4" in text


def test_members_are_given_up_in_a_restore_that_was_cut_off() -> None:
    """The survivor has started, and the stack does not know it: nobody is left to be rid of."""
    rows = [{"name": f"etcd0{n}", "address": f"10.107.88.{14 + n}"} for n in (1, 2, 3)]
    lost: dict[str, Any] = {"members": [{**each, "lost": True} for each in rows[:2]] + rows[2:]}
    lines = {"survivor": "etcd03", "replaces": CLUSTER}
    found = plan(lines, done(), remembered(), changes=lost)
    assert found.restoring is None
    assert found.memory.cluster_id == NEW


@pytest.mark.parametrize("kind", ["data", "joins"])
def test_fenced_hosts_go_on_while_the_one_that_has_started_is_silent(kind: str) -> None:
    """The stack knows the new cluster. To take the fence back would start the old one beside it."""
    memory = replace(remembered(), cluster_id=NEW, restored={CLUSTER: NEW})
    fenced = begun("r1", kind)
    found = plan(SURVIVOR, fenced, memory, etcd02=SILENT)
    assert found.restoring is None
    for name in ("etcd01", "etcd03"):
        assert found.why(name, "member") == "the restore r1 goes on"


def test_names_may_have_shifted_in_a_restore_that_was_cut_off() -> None:
    """Hosts that it has fenced still know the members that they had."""
    former = {f"etcd0{n}": known(f"10.107.88.{13 + n}", id=f"a{n}") for n in (1, 2, 3)}
    fenced = {
        "etcd01": {**begun("r1"), "member-id": "a2"},
        "etcd02": {**begun("r1"), "member-id": "a3"},
    }
    found = plan(SNAPSHOT, done(), remembered(members=former), **fenced)
    assert found.why("etcd01", "member") == "the restore r1 goes on"


def on_new_hosts(**changes: Any) -> dict[str, Any]:
    """A configuration whose members are all new, and the former ones lost."""
    old = [{**each, "lost": True} for each in members(3)]
    new = [{"name": f"new0{n}", "address": f"10.107.99.{n}"} for n in (1, 2, 3)]
    return {"members": old + new, "allowEvenMembers": True, **changes}


ANEW = {"formed": NEW, "restored": f"{CLUSTER} {NEW} r1", "member-id": "b1"}
STARTED = {**OLD, **ANEW}
BEGUN_THERE = frozenset({"host-program", "host", "pki"})


def cut_off_on_new_hosts() -> StackMemory:
    """The state of a restore that was cut off before any `-member` command was done."""
    begun_there = {
        f"new0{n}": known(f"10.107.99.{n}", started=False, commands=BEGUN_THERE) for n in (1, 2, 3)
    }
    return remembered(members={**MEMBERS, **begun_there})


@pytest.mark.parametrize("lines", [SNAPSHOT, None], ids=["lines", "no lines"])
@pytest.mark.parametrize(
    ("named", "stopped"),
    [
        ({}, ()),
        (
            {f"new0{n}": {**STARTED, **DOWN, "member-id": f"b{n}"} for n in (1, 2, 3)},
            ("new01", "new02", "new03"),
        ),
        ({"new02": begun("r1"), "new03": begun("r1")}, ("new02", "new03")),
        ({"new02": SILENT, "new03": begun("r1")}, ("new03",)),
    ],
    ids=["healthy", "no quorum yet", "one has started", "one is silent"],
)
def test_restore_onto_new_hosts_goes_on_when_it_was_cut_off_after_the_start(
    lines: dict[str, Any] | None, named: dict[str, Any], stopped: tuple[str, ...]
) -> None:
    """The state knows the former members alone, and none of those is in the configuration."""
    seen = {f"new0{n}": {**STARTED, "member-id": f"b{n}"} for n in (1, 2, 3)} | named
    wanted = on_new_hosts(**({"restore": lines} if lines else {}))
    said = {n: each if isinstance(each, Observation) else ready(**each) for n, each in seen.items()}
    found = decided(settings(**wanted), said, preview=True, memory=cut_off_on_new_hosts())
    assert found.restoring is None
    assert found.memory.cluster_id == NEW
    assert found.chain.stopped == stopped


@pytest.mark.parametrize(
    "facts",
    [
        {"foreign": "this host belongs to another stack"},
        {"data": "absent", "etcd": "stopped", "healthy": "no"},
        {"formed": OTHER, "restored": ""},
        {"formed": ""},
    ],
    ids=["another stack's", "without data", "of another cluster", "of none"],
)
def test_new_names_are_refused_where_no_host_has_data_of_the_stack_s_cluster(
    facts: dict[str, str],
) -> None:
    """It would be left behind, whoever else's there is."""
    there = {**OLD, "formed": CLUSTER, "member-id": "b1", **facts}
    seen = {f"new0{n}": ready(**there) for n in (1, 2, 3)}
    with pytest.raises(HostsError) as caught:
        decided(settings(**on_new_hosts()), seen, preview=True, memory=cut_off_on_new_hosts())
    assert f"is a member of this stack's cluster {CLUSTER}" in str(caught.value)


def test_copies_of_the_former_members_are_no_restored_ones() -> None:
    """They have token, data and cluster of the originals, which are given up or do not answer."""
    old = {name: replace(each, id=f"a{name[-1]}") for name, each in MEMBERS.items()}
    memory = remembered(members=old)
    copied = {f"new0{n}": ready(**{**OLD, "member-id": f"a{n}"}) for n in (1, 2, 3)}
    with pytest.raises(HostsError, match="3 of 6 members would be left"):
        decided(settings(**on_new_hosts()), copied, preview=True, memory=memory)
    rows = [each for each in on_new_hosts()["members"] if "lost" not in each]
    wanted = settings(members=rows)
    for original, said in (
        (ready(**{**OLD, "addresses": "10.107.88.15"}), "both have the identity of the member"),
        (SILENT, "is to leave the cluster, and its host is unreachable"),
    ):
        originals = {
            n: replace(
                original,
                facts={**original.facts, "member-id": f"a{n[-1]}"} if original.seen else {},
            )
            for n in old
        }
        with pytest.raises(HostsError, match=said):
            decided(wanted, {**copied, **originals}, preview=True, memory=memory)


@pytest.mark.parametrize("begun_name", ["etcd03", "new03"], ids=["goes on", "is undone"])
@pytest.mark.parametrize("by_id", [True, False], ids=["by its id", "by its host"])
def test_cluster_can_be_restored_while_a_rename_is_unfinished(begun_name: str, by_id: bool) -> None:
    """The state has both names of the member, and the one that goes takes nothing with it."""
    rows = members(3)
    left = {"etcd03", "new03"} - {begun_name}
    rows[2]["name"] = left.pop()
    if by_id:  # the host is dialed by another name now
        rows[2]["sshHost"] = "third.example.com"
    ids = {name: replace(each, id=f"a{name[-1]}") for name, each in MEMBERS.items()}
    memory = remembered(members={**ids, "new03": ids["etcd03"]})
    seen = {name: {**OLD, **DOWN, "member-id": f"a{name[-1]}"} for name in (*hosts(), "new03")}
    if by_id:
        seen[begun_name] |= {"addresses": "10.107.88.17"}
        seen[rows[2]["name"]] |= {"addresses": "10.107.88.17"}
    found = plan(SNAPSHOT, None, memory, changes={"members": rows}, **seen)
    assert found.restoring
    # One that has another host and another id would leave, and is refused.
    elsewhere = known("10.9.9.9", id="b1")
    text = refused(
        SNAPSHOT,
        None,
        remembered(members={**memory.members, "etcd09": elsewhere}),
        changes={"members": rows},
        **seen,
    )
    assert "etcd09 is no longer listed" in text
    assert f"{begun_name} is no longer listed" not in text
