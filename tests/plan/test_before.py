"""Which change has a backup made before it, by whom, and when it has been made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.decide import Plan
from etcd_cluster.plan.memory import KnownAuthority
from etcd_cluster.plan.probe import Observation
from tests.support.samples import hosts, members, ready, settings

from .decided import CA, FORMED, SILENT, decided, known, remembered

NEW_CA = "b" * 64
OLD = {**FORMED, "etcd-tag": "3.6.6-0", "etcd-version": "3.6.6", "cluster-version": "3.6"}
NEW = {**OLD, "etcd-tag": "3.6.16-0", "etcd-version": "3.6.16"}
DOWN = {"healthy": "no", "health": "false RAFT NO LEADER"}
UPGRADE = {"etcd": {"imageTag": "3.6.16-0"}}
STAY = {"etcd": {"imageTag": "3.6.6-0"}}
TRUSTED = {"certificates": {"authorities": [1, 2]}}
AT = "2026-11-28T18:50:00+00:00"


def plan(
    changes: dict[str, Any],
    seen: dict[str, Any] | None = None,
    *,
    made: str = "",
    told: dict[str, str] | None = None,
    backed_up: str = "",
    **named: Any,
) -> Plan:
    """The plan of three hosts that all say the same, but for those that are named."""
    said = dict.fromkeys(hosts(), OLD if seen is None else seen) | named
    found = {
        name: each if isinstance(each, Observation) else replace(ready(**each), at=AT)
        for name, each in said.items()
        if each is not None
    }
    tags = {**dict.fromkeys(hosts(), "3.6.6-0"), **(told or {})}
    memory = remembered(
        backup_before=made,
        authorities={1: KnownAuthority(fingerprint=CA), 2: KnownAuthority(fingerprint=NEW_CA)},
        members={
            name: known(
                f"10.107.88.{15 + index}",
                told={"image-tag": tags[name]},
                backed_up=name[-1] in backed_up,
            )
            for index, name in enumerate(hosts())
        },
    )
    wanted = settings(**{**STAY, **changes})
    return decided(wanted, found, preview=False, memory=memory)


def test_nothing_is_made_when_nothing_changes() -> None:
    """A backup before each run would be a backup before none."""
    assert plan({}).before is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        (UPGRADE, "before etcd 3.6.6 becomes 3.6.16"),
        ({"etcd": {"imageTag": "3.6.6-1"}}, "before etcd 3.6.6-0 becomes 3.6.6-1"),
        (TRUSTED, "before certificates.authorities [1] becomes [1, 2]"),
        (
            {**UPGRADE, **TRUSTED},
            "before etcd 3.6.6 becomes 3.6.16 and certificates.authorities [1] becomes [1, 2]",
        ),
    ],
)
def test_change_has_one_made_before_it(changes: dict[str, Any], reason: str) -> None:
    """With or without a store."""
    found = plan(changes).before
    assert found is not None
    assert (found.reason, found.asked) == (reason, AT)
    assert found.why == f"{reason} (asked {AT})"


def test_another_issuer_alone_is_a_change() -> None:
    """With it, others' certificates have to be accepted."""
    both = {**OLD, "trusts": f"{CA} {NEW_CA}"}
    found = plan({"certificates": {"authorities": [2, 1]}}, both).before
    assert found is not None
    assert found.reason == "before certificates.authorities [1, 2] becomes [2, 1]"


def test_leader_makes_it_where_it_is_known() -> None:
    """Else the first that is healthy."""
    assert (found := plan(UPGRADE, etcd03={**OLD, "leader": "yes"}).before) is not None
    assert found.member == "etcd03"
    assert (found := plan(UPGRADE, etcd01={**OLD, **DOWN}).before) is not None
    assert found.member == "etcd02"
    assert (found := plan(UPGRADE, etcd01=SILENT).before) is not None
    assert found.member == "etcd02"


def test_none_is_made_where_nobody_is_healthy() -> None:
    """A cluster without a quorum has to be mended, and there is nobody to ask for a snapshot."""
    assert plan(UPGRADE, {**OLD, **DOWN, "etcd-version": "3.6.6"}).before is None


# What the state has of it, what members were told, what hosts say; whether another one is made.
BEGUN = "etcd-host backup-before # before etcd 3.6.6 becomes 3.6.16 (asked 2026-11-01T00:00:00Z)"
AGAIN: dict[str, tuple[str, dict[str, str], dict[str, Any], bool]] = {
    "made, and a member has been told": (BEGUN, {"etcd01": "3.6.16-0"}, {"etcd01": NEW}, False),
    "made, and nobody was told": (BEGUN, {}, {}, True),
    "made for another change": (
        BEGUN.replace("3.6.16", "3.6.11"),
        {"etcd01": "3.6.16-0"},
        {"etcd01": NEW},
        True,
    ),
    "begun without one": ("", {"etcd01": "3.6.16-0"}, {"etcd01": NEW}, True),
}


@pytest.mark.parametrize(("made", "told", "named", "again"), AGAIN.values(), ids=AGAIN)
def test_a_change_that_was_cut_off_has_no_second_one(
    made: str, told: dict[str, str], named: dict[str, Any], again: bool
) -> None:
    """But one that never began has: what it was made of may be a year old."""
    found = plan(UPGRADE, made=made, told=told, **named).before
    assert (found is not None) is again


def test_version_that_runs_counts_as_well() -> None:
    """Of a cluster that was adopted, and told nothing yet."""
    older = {**OLD, "etcd-tag": "", "etcd-version": "3.6.5"}
    assert (found := plan({}, older).before) is not None
    assert found.reason == "before etcd 3.6.5 becomes 3.6.6"


def test_host_that_forgot_its_issuer_is_mended_without_one() -> None:
    """Nothing changes, and a store that is down must not stand against it."""
    both = {**OLD, "trusts": f"{CA} {NEW_CA}"}
    assert plan(TRUSTED, both, etcd02={**both, "issuer": ""}).before is None


def test_change_that_is_done_needs_none() -> None:
    """Whatever the state has of it."""
    told = dict.fromkeys(hosts(), "3.6.16-0")
    assert plan(UPGRADE, NEW, made=BEGUN, told=told).before is None


def test_restore_needs_none() -> None:
    """The cluster ends by it, and may have nobody left to ask."""
    restore = {"snapshot": "/root/s.db", "replaces": FORMED["formed"]}
    found = plan({**UPGRADE, "restore": restore}, {**OLD, "snapshot": "20512 " + "ab" * 32})
    assert found.restoring
    assert found.before is None


STORE = {"to": "b/prod", "remote": {"type": "s3"}}
FOLDER = {"to": "/mnt/b"}
PACKAGES = {"install": "packages"}
LEADER = {**OLD, "leader": "yes"}

# Section; who has it set up; who says that rclone is missing; who makes it, and whether there.
MAKERS: dict[str, tuple[Any, str, str, tuple[str, bool]]] = {
    "the leader": (STORE, "123", "", ("etcd03", False)),
    "without a section": (None, "", "", ("etcd03", True)),
    "one that is set up": (STORE, "12", "", ("etcd01", False)),
    "nobody is set up": (STORE, "", "", ("etcd03", True)),
    "one that has rclone": (STORE, "123", "3", ("etcd01", False)),
    "nobody has rclone": (STORE, "123", "123", ("etcd03", True)),
    "a folder needs none": (FOLDER, "123", "123", ("etcd03", False)),
}


@pytest.mark.parametrize(("section", "set_up", "lacks", "expected"), MAKERS.values(), ids=MAKERS)
def test_backup_is_made_by_whoever_reaches_the_store(
    section: Any, set_up: str, lacks: str, expected: tuple[str, bool]
) -> None:
    """The leader if it can, for it has everything. Else it stays on a host."""
    facts: dict[str, Any] = {
        name: {
            **(LEADER if name == "etcd03" else OLD),
            "rclone": "absent" if name[-1] in lacks else "present",
        }
        for name in hosts()
    }
    changes = {**UPGRADE, **PACKAGES, **({"backup": section} if section else {})}
    found = plan(changes, backed_up=set_up, **facts).before
    assert found is not None
    assert (found.member, found.local) == expected


def test_backup_is_not_made_under_a_name_that_is_new_on_its_host() -> None:
    """The host would be claimed before its turn."""
    renamed = [{**each, "name": each["name"].replace("03", "03b")} for each in members()]
    named: dict[str, Any] = {"etcd03b": LEADER, "etcd03": None}
    changes = {**UPGRADE, **PACKAGES, "backup": STORE, "members": renamed}
    found = plan(changes, backed_up="123", **named).before
    assert found is not None
    assert (found.member, found.local) == ("etcd01", False)
