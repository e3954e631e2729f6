"""What a preview says of backups, and when it says nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan import probe
from etcd_cluster.plan.decide import Plan
from etcd_cluster.plan.memory import StackMemory, parse
from etcd_cluster.plan.probe import Observation
from tests.support.samples import access, hosts, ready, settings

from .decided import CLUSTER, DIGEST, FORMED, SILENT, decided, known, remembered
from .test_memory import resource, whole

NOW = "2026-11-28T22:24:00+00:00"
OBJECT = f"etcd/{CLUSTER}/2026-11-28T22-00-00Z_r4711_etcd01.db.gz"
NEWEST = f"{OBJECT} 2026-11-28T22:00:00Z 12897484 4711"
PROOF = f"2026-11-28T04:00:07Z {OBJECT}"
WELL = {**FORMED, "backup-newest": NEWEST, "backup-proof": PROOF, "rclone": "present"}
STORE = {"to": "b/prod", "remote": {"type": "s3"}}
SET_UP = remembered(
    members={
        name: known(f"10.107.88.{15 + index}", backed_up=True) for index, name in enumerate(hosts())
    }
)
BEFORE_SET_UP = remembered()


def host(**facts: str) -> Observation:
    """A host that is well, but for these facts."""
    said = {key.replace("_", "-"): text for key, text in facts.items()}
    return replace(ready(**{**WELL, **said}), at=NOW)


def plan(
    named: Mapping[str, Observation] | None = None,
    memory: StackMemory = SET_UP,
    backup: Any = STORE,
) -> Plan:
    """The plan of three hosts that are well, but for those that are named."""
    seen = {name: (named or {}).get(name, host()) for name in hosts()}
    return decided(settings(backup=backup), seen, preview=True, memory=memory)


def all_say(**facts: str) -> Plan:
    """The plan of three hosts that all say so."""
    return plan(dict.fromkeys(hosts(), host(**facts)))


def test_one_line_says_that_all_is_well() -> None:
    """With what a person wants to know of it."""
    found = plan()
    assert found.warnings == ()
    assert found.information == (
        "backup: newest 2026-11-28T22:00:00Z (0.4 h old, 12.3 MiB, revision 4711), proved from "
        "the store at 2026-11-28T04:00:07Z",
    )


def test_one_line_says_that_none_was_proved_yet() -> None:
    """In the first hours."""
    (line,) = all_say(backup_proof="").information
    assert line.endswith("revision 4711), not proved yet")


def test_newest_of_all_hosts_counts() -> None:
    """Whoever leads makes it, and the others look into the store less often."""
    old = host(backup_newest="etcd/x/old.db.gz 2026-11-27T22:00:00Z 20512 3")
    found = plan({"etcd01": old, "etcd03": old})
    assert found.warnings == ()
    assert found.backup == {
        "object": OBJECT,
        "time": "2026-11-28T22:00:00Z",
        "bytes": 12897484,
        "revision": 4711,
        "proved": "2026-11-28T04:00:07Z",
    }


AHEAD = "2026-12-08T05:00:07Z"
C_DIFFERS = "not all members hold it: c has the hash 7"

# What all hosts say; what is said of it.
WARNED: dict[str, tuple[dict[str, str], list[str]]] = {
    "too old": (
        {"backup_newest": NEWEST.replace("T22:00", "T19:00")},
        ["the newest is 3.4 h old", "backup.maxAgeHours is 3", "`sudo etcd-host backup`"],
    ),
    "none": (
        {"backup_newest": "", "backup_timer": "2026-11-28T23:00:00Z"},
        ["no host knows of one yet (the timers run next at 2026-11-28T23:00:00Z)"],
    ),
    "of tomorrow": (
        {"backup_newest": NEWEST.replace("28T22:00", "29T22:00")},
        ["age of the newest is not known", "Synchronize the clocks"],
    ),
    "no time": (
        {"backup_newest": f"{OBJECT} today 12897484 4711"},
        ["etcd02: what it says of backup-newest cannot be read", "no host knows of one"],
    ),
    "a time without a zone": (
        {"backup_newest": f"{OBJECT} 2026-11-28T22:00:00 12897484 4711"},
        ["cannot be read, so it is not known"],
    ),
    "half": ({"backup_newest": OBJECT}, ["backup-newest cannot be read", "no host knows of one"]),
    "proof too old": (
        {"backup_proof": f"2026-11-25T22:24:00Z {OBJECT}"},
        ["3.0 days ago (2026-11-25T22:24:00Z)", "`sudo etcd-host backup prove`"],
    ),
    "proved tomorrow": (
        {"backup_proof": f"2030-01-01T00:00:00Z {OBJECT}", "backup_since": "2026-11-27T22:00:00Z"},
        [
            "etcd02 dates its last restore test 2030-01-01T00:00:00Z, but",
            "the hosts were read at 2026-11-28T22:24:00Z, so that test does not count",
            "`sudo etcd-host backup prove` on etcd03",
            "no backup has been fetched from the store",
        ],
    ),
    "proof cannot be read": (
        {"backup_proof": f"yesterday {OBJECT}"},
        ["backup-proof cannot be read"],
    ),
    "never proved": (
        {"backup_proof": "", "backup_since": "2026-11-27T22:00:00Z"},
        ["no backup has been fetched from the store"],
    ),
    "failed": (
        {"backup_fault": "2026-11-28T22:10:03Z the store is full"},
        ["backup: failed on etcd02 (10.107.88.16) at 2026-11-28T22:10:03Z: the store is full"],
    ),
    "failed in the second in which the newest began": (
        {"backup_fault": "2026-11-28T22:00:00Z older ones could not be deleted"},
        ["at 2026-11-28T22:00:00Z: older ones could not be deleted"],
    ),
    "failed at an unknown time": (
        {"backup_fault": "lately disk full"},
        ["(10.107.88.16) at lately: disk full"],
    ),
    "missed, and another has made one since": (
        {"backup_missed": OBJECT, "backup_fault": "2026-11-28T02:10:03Z the store is full"},
        [f"etcd02 (10.107.88.16) has seen {OBJECT} in the store", "`sudo etcd-host backup accept`"],
    ),
    "members that differ": (
        {"backup_differ": f"2026-11-28T04:00:07Z {C_DIFFERS}", "backup_compared": "2026-11-27T"},
        [f"etcd02 compared the members at 2026-11-28T04:00:07Z: {C_DIFFERS}. See docs/runbooks"],
    ),
    "members that differ since they did not": (
        {
            "backup_differ": f"2026-11-28T04:00:07Z {C_DIFFERS}",
            "backup_compared": "2026-11-27T04:00:07Z",
        },
        [C_DIFFERS],
    ),
    "damaged": (
        {"backup_damage": f"{OBJECT} 2026-11-28T04:00:07Z its SHA-256; it was another"},
        [f"backup: {OBJECT} in the store is damaged", "its SHA-256; it was another (etcd"],
    ),
}


@pytest.mark.parametrize(("facts", "said"), WARNED.values(), ids=WARNED)
def test_preview_and_up_warn_when(facts: dict[str, str], said: list[str]) -> None:
    """And say nothing of what is well."""
    found = all_say(**facts)
    text = "\n".join(found.warnings)
    for each in said:
        assert each in text
    assert found.information == ()


def test_proof_of_a_time_that_has_not_come_does_not_hide_that_the_others_are_old() -> None:
    """Nor is it in the output."""
    ahead = host(backup_proof=f"2030-01-01T00:00:00Z {OBJECT}")
    old = host(backup_proof=f"2026-11-25T22:24:00Z {OBJECT}")
    found = plan({"etcd01": ahead, "etcd02": old, "etcd03": old})
    text = "\n".join(found.warnings)
    assert "etcd01 dates its last restore test" in text
    assert "etcd02 dates" not in text
    assert "3.0 days ago (2026-11-25T22:24:00Z)" in text
    assert found.backup is not None
    assert found.backup["proved"] == "2026-11-25T22:24:00Z"


def test_clock_that_is_minutes_ahead_proves_all_the_same() -> None:
    """No two clocks are the same."""
    assert all_say(backup_proof=f"2026-11-28T22:28:00Z {OBJECT}").warnings == ()


def test_what_is_damaged_is_said_once_for_each() -> None:
    """Although every host may have found it."""
    other = OBJECT.replace("r4711", "r4710")
    text = f"{OBJECT} 2026-11-28T04:00:07Z a; b;{other} 2026-11-28T04:00:07Z c"
    assert len(all_say(backup_damage=text).warnings) == 2


def test_failure_before_the_newest_backup_is_none() -> None:
    """Another member has made one since."""
    assert all_say(backup_fault="2026-11-28T21:10:03Z the store is full").warnings == ()


@pytest.mark.parametrize(
    ("memory", "backup"), [(BEFORE_SET_UP, STORE), (SET_UP, None)], ids=["new", "no section"]
)
def test_nothing_is_said_when(memory: StackMemory, backup: Any) -> None:
    """It begins with this run, or is not asked for."""
    seen = dict.fromkeys(hosts(), host(backup_newest="", backup_fault="x y"))
    found = plan(seen, memory, backup)
    assert (found.warnings, found.information, found.backup) == ((), (), None)


def test_nothing_is_concluded_where_nobody_answers() -> None:
    """That is a warning of its own; and there is no output of what nobody said."""
    found = plan(dict.fromkeys(hosts(), SILENT))
    assert not [each for each in found.warnings if "backup" in each]
    assert found.backup is None


def test_a_host_that_is_silent_does_not_count() -> None:
    """Those that answer know of it."""
    found = plan({"etcd03": SILENT})
    assert not [each for each in found.warnings if "backup" in each]
    assert found.information


def test_drift_is_that_of_a_host_whose_backups_were_set_up() -> None:
    """A host that was never told of them is told by a new command."""
    seen = dict.fromkeys(hosts(), host(drift_backup="timer stopped"))
    assert plan(seen).why("etcd01", "backup") == "drift after 3: timer stopped"
    assert plan(seen, BEFORE_SET_UP).why("etcd01", "backup") == ""
    assert plan(seen, backup=None).why("etcd01", "backup") == ""


def test_another_state_than_the_stacks_is_drift() -> None:
    """After a machine was restored from a snapshot."""
    members = {
        name: replace(each, held={"backup": "a" * 64}) for name, each in SET_UP.members.items()
    }
    seen = dict.fromkeys(hosts(), host(held_backup=f"{DIGEST} {'b' * 64}"))
    found = plan(seen, replace(SET_UP, members=members))
    assert "holds another desired state" in found.why("etcd02", "backup")


def test_state_says_whose_backups_were_set_up() -> None:
    """And what was made before the last change."""
    line = "etcd-host backup-before # before etcd 3.6.6 becomes 3.6.16 (asked x)"
    found = parse(
        "organization/etcd-cluster/test",
        {
            **whole(),
            **resource("etcd-etcd02-backup", stdin="a: b\n", stdout="converged: 6"),
            **resource("etcd-backup-before", create=line),
        },
        "etcd",
    )
    assert {name: each.backed_up for name, each in found.members.items()} == {
        "etcd01": False,
        "etcd02": True,
    }
    assert "backup" in found.members["etcd02"].held
    assert found.backup_before == line


def test_an_object_is_no_file_to_look_at() -> None:
    """Nor a cluster to adopt, for which the host would take it."""
    wanted = settings(backup=STORE, restore={"snapshot": OBJECT, "replaces": CLUSTER})
    for target in probe.targets(wanted, access(wanted), SET_UP):
        assert OBJECT not in target.identity


def test_members_that_hold_the_same_by_now_are_no_warning() -> None:
    """Whichever host found it out; and what is reported anyway is not told twice."""
    found = all_say(
        backup_differ=f"2026-11-28T04:00:07Z {C_DIFFERS}", backup_compared="2026-11-28T05:00:07Z"
    )
    assert found.warnings == ()
    found = all_say(backup_differ=f"2026-11-28T04:00:07Z {C_DIFFERS}", backup_compared=AHEAD)
    assert C_DIFFERS in "".join(found.warnings)
    gone = f"2026-11-28T22:10:03Z this host has seen {OBJECT} there"
    told = all_say(backup_fault=gone, backup_missed=OBJECT).warnings
    assert not [each for each in told if "backup accept" in each]
    failed = f"2026-11-28T22:10:03Z the backup was made, and {C_DIFFERS}"
    text = all_say(backup_fault=failed, backup_differ=f"2026-11-28T22:10:03Z {C_DIFFERS}").warnings
    assert [each.split(" ")[1] for each in text if C_DIFFERS in each] == ["failed"] * 3


def test_proof_comes_with_a_backup_where_those_are_rarer_than_days() -> None:
    """A week old is none too old then."""
    rare = {**STORE, "schedule": "weekly", "maxAgeHours": 170}
    facts = {
        "backup_newest": NEWEST.replace("28T22", "23T22"),
        "backup_proof": f"2026-11-23T22:24:00Z {OBJECT}",
    }
    seen = dict.fromkeys(hosts(), host(**facts))
    assert plan(seen, backup=rare).warnings == ()
    assert "5.0 days ago" in "".join(plan(seen).warnings)
