"""Whether there is room again on all members, before the alarm NOSPACE is cleared."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import CLUSTER, on_host

ALL_STARTED = "list() { sed '/17735246468124541848/,$d' $SAID/etcdctl-3.5-list.txt; }\n"
ROOM, FULL, UNKNOWN = "0", "1", "2"
SLOW = """
status() {
  local file=$SAID/etcdctl-3.5-status.txt
  if [[ -e $STATE/asked ]]; then cat "$file"; else touch $STATE/asked; head -n 14 "$file"; fi
}
"""
# The second that answers is somebody else.
OTHER = """status() {
  awk -F' : ' '$1 == "\\"%sID\\"" && n++ == 1 { print $1 " : 7"; next } { print }' \\
    "$SAID/etcdctl-3.5-status.txt"
}
"""


@pytest.mark.parametrize(
    ("stub", "quota", "found"),
    [
        (ALL_STARTED, "64000", ROOM),
        (ALL_STARTED, "6.4e+04", ROOM),
        (ALL_STARTED, "30000", FULL),
        (ALL_STARTED + SLOW, "64000", ROOM),
        (ALL_STARTED + SLOW, "30000", FULL),
        (ALL_STARTED + "status() { head -n 14 $SAID/etcdctl-3.5-status.txt; }", "64000", UNKNOWN),
        (ALL_STARTED + OTHER % "Cluster", "64000", UNKNOWN),
        (ALL_STARTED + OTHER % "Member", "64000", UNKNOWN),
        (ALL_STARTED + "all_told() { return 127; }", "64000", UNKNOWN),
        (ALL_STARTED, "", UNKNOWN),
        ("", "64000", UNKNOWN),
        ("list() { false; }", "64000", UNKNOWN),
    ],
    ids=[
        "room on all",
        "a quota as metrics have it",
        "one is full",
        "one is slow to answer",
        "one is slow, another is full",
        "one does not answer",
        "one answers for another cluster",
        "another one answers in its place",
        "awk fails",
        "no quota",
        "one never started",
        "nobody says who the members are",
    ],
)
def test_alarm_is_cleared_when_every_member_is_known_to_have_room(
    tmp_path: Path, stub: str, quota: str, found: str
) -> None:
    """One that is asked again may answer; one that is full is not waited for."""
    script = f"status=0; find_room '{quota}' || status=$?; echo $status"
    done = on_host(tmp_path, script, stub, formed=CLUSTER)
    assert done.stdout.split() == [found], done.stderr


# The database has 60,000 bytes, and etcd goes on compacting for a moment.
COMPACTING = """
room_in() { echo 9999999999; }
out_of_space() { true; }; spare_member() { :; }; hand_over() { :; }; find_room() { true; }
metric() {
  case $1 in
    *_in_use_in_bytes)
      if [[ -e $STATE/asked ]]; then echo %s; else touch $STATE/asked; echo 6e+04; fi
      ;;
    *_total_size_in_bytes) echo 6e+04 ;;
    *_quota_backend_bytes) echo %s ;;
  esac
}
other() { echo "$*" >>$STATE/done; [[ "${1-} ${2-}" != "alarm list" ]] || alarms; }
alarms() { printf '%%s\n' "$HEADER" '"MemberID" : 1' '"AlarmType" : NOSPACE' ''; }
HEADER=$'"ClusterID" : 12900370036820246104\n"MemberID" : 1\n"Revision" : 1\n"RaftTerm" : 2'
"""
LISTED = "alarm list -w fields"


@pytest.mark.parametrize(
    ("used", "quota", "done"),
    [("100", "65536", ["defrag"]), ("6e+04", "65536", []), ("100", "1e+06", [])],
    ids=["it gains room after a moment", "it gains none", "there is room"],
)
def test_database_is_defragmented_when_its_compaction_has_come_through(
    tmp_path: Path, used: str, quota: str, done: list[str]
) -> None:
    """etcd says that it has compacted before it has."""
    on_host(tmp_path, "relieve_space", COMPACTING % (used, quota), formed=CLUSTER)
    file = tmp_path / "state/done"
    assert file.read_text().splitlines() == [*done, LISTED, "alarm disarm"]


# As etcdctl 3.5.9 and 3.6.6 print them.
ALARM = "'\"MemberID\" : %s' '\"AlarmType\" : %s' ''"
SAYS = "alarms() {{ printf '%s\n' {}; }}\n"
BOTH = f'"$HEADER" {ALARM % (1, "NOSPACE")} {ALARM % (2, "CORRUPT")}'


@pytest.mark.parametrize(
    ("stub", "status", "said"),
    [
        (SAYS.format(BOTH), 4, "the alarms NOSPACE, CORRUPT are raised"),
        (SAYS.format(f'"$HEADER" {ALARM % (1, "CORRUPT")}'), 4, "the alarms CORRUPT are raised"),
        (SAYS.format('"$HEADER"'), 0, ""),
        ("alarms() { :; }", 5, "which alarms are raised: the list is incomplete"),
        (SAYS.format(ALARM % (1, "NOSPACE")), 5, "the list is incomplete. None was cleared"),
        (SAYS.format(BOTH.replace(" : CORRUPT", "")), 5, "the list is incomplete"),
        (SAYS.format(BOTH[: BOTH.rindex("'\"Al")]), 5, "the list is incomplete"),
        ("alarms() { echo 'Error: no leader' >&2; return 1; }", 5, "are raised: no leader. None"),
        (f"{SAYS.format(BOTH)}\nraised_alarms() {{ return 127; }}", 5, "None was cleared"),
        ("alarms() { sleep 0.2; return 124; }", 5, "the list is incomplete. None was cleared"),
    ],
    ids=[
        "another member is damaged",
        "another has cleared it, and one is damaged",
        "another has cleared it",
        "the list is empty",
        "the list begins later",
        "the list has half an alarm",
        "the list is cut",
        "the list fails",
        "the list cannot be read",
        "the list hangs",
    ],
)
def test_alarm_is_not_cleared_with_one_that_is_not_known_to_be_alike(
    tmp_path: Path, stub: str, status: int, said: str
) -> None:
    """etcd clears all of them at once, and the database may have been damaged since the look."""
    stubs = COMPACTING % ("100", "1e+06") + stub
    done = on_host(tmp_path, "relieve_space", stubs, formed=CLUSTER)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert (tmp_path / "state/done").read_text().splitlines() == [LISTED]


# Member a of the list, in decimal; and one that is not on it.
A, NOBODY = 14134380259542242322, 4711


@pytest.mark.parametrize(
    ("stub", "cleared"),
    [
        (SAYS.format(f'"$HEADER" {ALARM % (NOBODY, "NOSPACE")}'), True),
        (SAYS.format(f'"$HEADER" {ALARM % (NOBODY, "NOSPACE")} {ALARM % (A, "NOSPACE")}'), False),
        (SAYS.format(f'"$HEADER" {ALARM % (NOBODY, "NOSPACE")} {ALARM % (7, "CORRUPT")}'), False),
        (SAYS.format(f'"$HEADER" {ALARM % (0, "NOSPACE")}'), False),
        (SAYS.format('"$HEADER"'), False),
        (SAYS.format(ALARM % (NOBODY, "NOSPACE")), False),
        ("alarms() { :; }", False),
        ("alarms() { echo 'Error: no leader' >&2; return 1; }", False),
        ("awk() { return 127; }", False),
        ("list() { false; }", False),
    ],
    ids=[
        "a member of the former cluster",
        "one of this one, too",
        "one is damaged",
        "of all members",
        "nobody",
        "half a list",
        "no answer",
        "an error",
        "awk fails",
        "nobody says who the members are",
    ],
)
def test_alarms_that_a_snapshot_brought_are_cleared_after_a_restore(
    tmp_path: Path, stub: str, cleared: bool
) -> None:
    """And no others: who is short of space now has said so itself."""
    stubs = COMPACTING % ("100", "65536") + SAYS.format(f'"$HEADER" {ALARM % (7, "NOSPACE")}')
    script = "look_at_members x || true; drop_former_alarms"
    for restored in ("", f"old {CLUSTER} r1"):
        facts = {"formed": CLUSTER} | ({"restored": restored} if restored else {})
        on_host(tmp_path, script, stubs + stub, **facts)
        file = tmp_path / "state/done"
        done = file.read_text() if file.exists() else ""
        assert ("alarm disarm" in done) == (cleared and bool(restored)), done
