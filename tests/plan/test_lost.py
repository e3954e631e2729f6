"""Members that are given up: by whom, and whether there is anybody who could."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.memory import StackMemory
from tests.support.samples import assert_one_fault, members, ready, settings

from .decided import CLUSTER, FORMED, SILENT, decided, faults, known, remembered

TAKE_OVER = {
    "cluster": CLUSTER,
    "endpoints": ["https://10.9.9.9:2379"],
    "formerMembers": "leave",
}
KEYED = {
    "authority": {"certificateFile": "ca.crt", "privateKeyFile": "ca.key"},
    "authorities": [1, 0],
}
TOO_FEW = "docs/runbooks/lost-quorum.md"


def given_up(count: int, *lost: int) -> dict[str, Any]:
    """So many members, of which these, by their numbers, are lost."""
    rows = [
        {**each, "lost": True} if n in lost else each for n, each in enumerate(members(count), 1)
    ]
    return {"members": rows, "allowEvenMembers": "true"}


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("begun", [(), ("etcd03",)], ids=["nothing", "its host"])
def test_nobody_is_lost_where_there_is_no_cluster(preview: bool, begun: tuple[str, ...]) -> None:
    """Too small a one would be bootstrapped, in silence."""
    hosts = {name: known("10.107.88.17", started=False) for name in begun}
    memory = StackMemory(members=hosts)
    text = faults(preview=preview, changes=given_up(3, 3), memory=memory)
    assert text.startswith("etcd03: lost is true, but no cluster has been formed yet")
    assert "another host (address)" in text


@pytest.mark.parametrize(
    ("count", "lost", "more", "refused"),
    [
        (3, (1,), {}, False),
        (3, (1, 2), {}, True),
        (3, (1, 2), {"restore": {"survivor": "etcd03", "replaces": CLUSTER}}, False),
        (3, (1, 2), {"takeOver": TAKE_OVER, "certificates": KEYED}, False),
        (4, (1,), {}, False),
        (4, (1, 2), {}, True),
        (5, (1, 2), {}, False),
        (5, (1, 2, 3), {}, True),
    ],
)
def test_members_are_given_up_by_a_quorum_that_is_left(
    count: int, lost: tuple[int, ...], more: dict[str, Any], refused: bool
) -> None:
    """Who is left could only wait for one."""
    wanted = settings(**given_up(count, *lost), **more)
    seen = {m.name: ready(**FORMED | {"healthy": "no"}) for m in wanted.living}
    memory = remembered(count)
    if not refused:
        assert decided(wanted, seen, preview=True, memory=memory).formed
        return
    text = faults(preview=True, changes=given_up(count, *lost), memory=memory, **seen)
    assert f"of {count} members would be left" in text
    assert TOO_FEW in text


def test_members_that_are_gone_do_not_count_any_more() -> None:
    """Two of three were given up, one after the other, and have a replacement between them."""
    gone = {"etcd01": known("10.107.88.15", given_up=True)}
    wanted = settings(**given_up(4, 1, 2))
    seen = {m.name: ready(**FORMED) for m in wanted.living}
    memory = remembered(members={**remembered(4).members, **gone})
    assert decided(wanted, seen, preview=True, memory=memory).formed


def test_members_that_the_state_does_not_know_yet_count() -> None:
    """A run that was cut off has started them."""
    begun = {"etcd02": known("10.107.88.16", started=False)}
    memory = remembered(members={**remembered().members, **begun})
    wanted = settings(**given_up(3, 1))
    well = {"etcd02": ready(**FORMED), "etcd03": ready(**FORMED)}
    assert decided(wanted, well, preview=True, memory=memory).formed
    emptied = {"etcd02": ready(), "etcd03": ready(**FORMED)}
    assert TOO_FEW in faults(preview=True, changes=given_up(3, 1), memory=memory, **emptied)


SINCE, EARLIER = "2026-11-28T18:50:00+00:00", "2026-11-27T18:50:00+00:00"


def gave_up(memory: StackMemory, *names: str, did: str = SINCE) -> StackMemory:
    """Of members that are lost since then, when the first one has removed their entries."""
    first = memory.members["etcd01"]
    told = {"lost": ",".join(names), "lost-since": ",".join(f"{each}={did}" for each in names)}
    return replace(
        memory,
        members={
            **memory.members,
            **{each: replace(memory.members[each], lost_since=SINCE) for each in names},
            "etcd01": replace(first, told={**first.told, **told}),
        },
    )


@pytest.mark.parametrize("since", [SINCE, ""], ids=["cut off", "not begun"])
def test_members_that_came_back_and_are_lost_anew_count(since: str) -> None:
    """What was done about them before does not: their entries are there again."""
    wanted = settings(**given_up(5, 3, 4, 5))
    seen = {m.name: ready(**FORMED) for m in wanted.living}
    memory = gave_up(remembered(5), "etcd04", "etcd05", did=EARLIER)
    again = {
        name: replace(each, lost_since=since and each.lost_since)
        for name, each in memory.members.items()
    }
    text = faults(
        preview=True,
        changes=given_up(5, 3, 4, 5),
        memory=replace(memory, members=again),
        **seen,
    )
    assert TOO_FEW in text


def test_members_count_that_a_state_has_lost_at_no_time() -> None:
    """It is of an older version, and nobody knows whether they came back since. Who is told of
    them with a time has seen to it, so the way out is to give the first ones up alone.
    """
    wanted = settings(**given_up(5, 3, 4, 5))
    seen = {m.name: ready(**FORMED) for m in wanted.living}
    did = known("10.107.88.15", told={"lost": "etcd04,etcd05"})
    memory = remembered(members={**remembered(5).members, "etcd01": did})
    assert TOO_FEW in faults(preview=True, changes=given_up(5, 3, 4, 5), memory=memory, **seen)
    first = settings(**given_up(5, 4, 5))
    seen = {m.name: ready(**FORMED) for m in first.living}
    assert decided(first, seen, preview=True, memory=memory).formed


@pytest.mark.parametrize("detection", ["true", "false"])
def test_time_of_a_loss_is_kept_until_the_member_comes_back(detection: str) -> None:
    """Else every run would tell the others anew. One that is new has that of this run."""
    changes = {**given_up(5, 4, 5), "driftDetection": detection}
    memory = gave_up(remembered(5), "etcd04")
    living = [m.name for m in settings(**changes).living]
    seen = {name: replace(ready(**FORMED), at=f"2026-11-29T0{n}") for n, name in enumerate(living)}
    plan = decided(settings(**changes), seen, preview=True, memory=memory)
    assert plan.memory.lost_since == {"etcd04": SINCE, "etcd05": "2026-11-29T02"}
    unread = decided(
        settings(**changes | {"driftDetection": "false"}), {}, preview=True, memory=memory
    )
    assert unread.memory.lost_since["etcd04"] == SINCE
    assert unread.memory.lost_since["etcd05"]


def test_old_state_that_gave_a_member_up_has_a_way_out() -> None:
    """Its entry may be there, for all that is known, so it does not leave `members` in silence."""
    memory = remembered(4)
    seen: Any = {name: ready(**FORMED) for name in remembered(3).members}
    text = faults(preview=False, memory=memory, **seen, etcd04=SILENT)
    assert "keep it in members with lost: true, run `pulumi up`, and remove it after that" in text
    wanted = settings(**given_up(4, 4))
    plan = decided(wanted, seen, preview=False, memory=memory)
    assert plan.memory.lost_since["etcd04"]
    told = replace(plan.memory.members["etcd04"], given_up=True)
    after = replace(memory, members={**memory.members, "etcd04": told})
    assert decided(settings(), seen, preview=False, memory=after).formed


def test_members_whose_entries_are_gone_do_not_count_any_more() -> None:
    """A run has removed them, and was cut off; then a third one died."""
    wanted = settings(**given_up(5, 3, 4, 5))
    seen = {m.name: ready(**FORMED) for m in wanted.living}
    memory = gave_up(remembered(5), "etcd04", "etcd05")
    assert decided(wanted, seen, preview=True, memory=memory).formed


NEWER = {"kubernetesVersion": "v1.35.4"}
OLDER = {"kubernetes-version": "v1.35.0", "image-tag": "3.6.6-0"}
CLIENT = {"etcd": {"url": "https://mirror.example.com/etcd"}}
TOGETHER = "changes in the same run"
DOWN = ready(**{**FORMED, "healthy": "no", "etcd": "stopped"})


def of_before(count: int, **changes: Any) -> StackMemory:
    """What a stack knows whose members have an older version."""
    return remembered(
        members={each["name"]: known(each["address"], told=OLDER) for each in members(count)},
        **changes,
    )


@pytest.mark.parametrize(
    ("count", "lost", "more", "key"),
    [
        (5, (4, 5), NEWER, "kubernetesVersion"),
        (4, (4,), NEWER, "kubernetesVersion"),
        (
            5,
            (4, 5),
            {
                "kubernetesVersion": "v1.35.0",
                "etcd": {"imageTag": "3.6.16-0"},
                "repositories": CLIENT,
            },
            "etcd.imageTag",
        ),
    ],
)
def test_members_are_given_up_before_packages_change_when_none_could_be_spared(
    count: int, lost: tuple[int, ...], more: dict[str, Any], key: str
) -> None:
    """Packages are installed before the first member removes their entries."""
    changes = {**given_up(count, *lost), "install": "packages", **more}
    well = {m.name: ready(**FORMED) for m in settings(**changes).living}
    text = faults(preview=True, changes=changes, memory=of_before(count), **well)
    assert f"given up (lost: true), and {key} {TOGETHER}" in text
    assert f"counts {count} members, of which 3 are left and 3 are needed" in text
    assert f"Set {key} back, run `pulumi up`" in text


@pytest.mark.parametrize(
    ("count", "lost", "changes", "seen"),
    [
        (5, (5,), {}, {}),
        (5, (4, 5), {"install": "preinstalled"}, {}),
        (5, (4, 5), {"kubernetesVersion": "v1.35.0"}, {}),
        (5, (4, 5), {}, {"etcd03": ready()}),
        (5, (4, 5), {}, {"etcd03": DOWN}),
        (5, (4, 5), {}, {f"etcd0{number}": DOWN for number in (1, 2, 3)}),
        (3, (3,), {}, {}),
    ],
    ids=["one can be spared", "no packages", "same", "emptied", "stopped", "all", "two are left"],
)
def test_members_are_given_up_with_other_packages_when(
    count: int, lost: tuple[int, ...], changes: dict[str, Any], seen: dict[str, Any]
) -> None:
    """One can be spared, or has its turn on a host that nobody misses; or it would not help."""
    wanted = settings(**{**given_up(count, *lost), "install": "packages", **NEWER, **changes})
    well = {m.name: ready(**FORMED) for m in wanted.living} | seen
    assert decided(wanted, well, preview=True, memory=of_before(count)).formed


def test_members_are_given_up_in_the_middle_of_a_roll_of_packages() -> None:
    """The first has its packages by then, and removes their entries before the next one's turn."""
    changes = {**given_up(5, 4, 5), "install": "packages", **NEWER}
    well = {m.name: ready(**FORMED) for m in settings(**changes).living}
    memory = of_before(5)
    done = known("10.107.88.15", told={**OLDER, "kubernetes-version": "v1.35.4"})
    rolled = remembered(members={**memory.members, "etcd01": done})
    assert decided(settings(**changes), well, preview=False, memory=rolled).formed
    leads = {**well, "etcd01": ready(**FORMED, leader="yes")}  # its turn comes last
    assert TOGETHER in faults(preview=False, changes=changes, memory=rolled, **leads)


def test_members_whose_entries_are_gone_do_not_hold_up_other_packages() -> None:
    """The run before has removed them."""
    wanted = settings(**given_up(5, 4, 5), install="packages", **NEWER)
    well = {m.name: ready(**FORMED) for m in wanted.living}
    memory = gave_up(of_before(5), "etcd04", "etcd05")
    assert decided(wanted, well, preview=True, memory=memory).formed


def test_lost_member_is_a_fault_when_the_stack_does_not_know_it() -> None:
    """A misspelled name would give up nobody, in silence."""
    given = [*members(3), {"name": "etcd09", "address": "10.107.88.23", "lost": True}]
    changes = {"members": given, "allowEvenMembers": "true"}
    well: Any = {each["name"]: ready(**FORMED) for each in members(3)}
    text = faults(preview=True, changes=changes, memory=remembered(), **well)
    assert "etcd09: lost is true, and this stack has no such member" in text


def test_somebody_is_left() -> None:
    """There would be nobody to plan for."""
    told = "docs/runbooks/lost-quorum.md"
    assert_one_fault({"members": given_up(3, 1, 2, 3)["members"]}, "members", "lost: true", told)
