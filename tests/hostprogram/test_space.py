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
out_of_space() { true; }; spare_member() { :; }; move_leadership() { :; }; find_room() { true; }
metric() {
  case $1 in
    *_in_use_in_bytes)
      if [[ -e $STATE/asked ]]; then echo %s; else touch $STATE/asked; echo 6e+04; fi
      ;;
    *_total_size_in_bytes) echo 6e+04 ;;
    *_quota_backend_bytes) echo %s ;;
  esac
}
other() { echo "$*" >>$STATE/done; }
"""


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
    assert file.read_text().splitlines() == [*done, "alarm disarm"]
