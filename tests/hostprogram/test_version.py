"""A member that gets another version of etcd: the snapshot before, the way back, the end."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, SELF, on_host
from .quorums import row, status
from .test_guard import UNKNOWN

REFUSED, LATER = 4, 5
# etcdutl of the image, and an etcdctl that saves; the notes are in the order of the questions.
WELL = r"""
image_program() { echo "$STATE/$1"; }
other() {
  echo "$*" >>$STATE/asked
  case $1 in snapshot) echo data >"$3" ;; esac
}
cat >$STATE/etcdutl <<END
#!/bin/bash
echo "\$*" >>$STATE/asked
echo '{"hash":1,"revision":7,"totalKey":9}'
END
chmod 700 $STATE/etcdutl
df() { printf 'Avail\n%s\n' "${ROOM-99999999999}"; }
sync() { true; }
"""
FIRST = "S[image-tag]=3.5.33-0; make_spare; echo OPEN"


def first_to_change(
    folder: Path, stubs: str = "", **memory: str
) -> subprocess.CompletedProcess[str]:
    """The member whose turn comes first, of a cluster of 3.5.9 that gets 3.5.33."""
    known = {"formed": CLUSTER, "member_id": SELF, "etcd_tag": "3.5.9-0", **memory}
    return on_host(folder, FIRST, WELL + stubs, **known)


def asked(folder: Path) -> list[str]:
    """What etcdctl and etcdutl were asked for beside the state of the cluster."""
    file = folder / "state/asked"
    return file.read_text().splitlines() if file.exists() else []


def kept(folder: Path) -> list[str]:
    """The files in the folder of snapshots."""
    return sorted(path.name for path in (folder / "snapshots").glob("*"))


def test_snapshot_is_taken_and_checked_before_the_first_member_changes(tmp_path: Path) -> None:
    """And said where it is; then the guard is asked again, for a snapshot takes its time."""
    script = "S[image-tag]=3.5.33-0; make_spare; report_changes; echo OPEN"
    looks = 'look() { echo LOOK >>$STATE/asked; REAL_LOOK "$@"; }'
    renamed = "eval \"REAL_LOOK$(declare -f look | sed '1s/^look//')\"\n"
    known = {"formed": CLUSTER, "member_id": SELF, "etcd_tag": "3.5.9-0"}
    done = on_host(tmp_path, script, WELL + renamed + looks, **known)
    assert "OPEN" in done.stdout, done.stderr
    part = tmp_path / "snapshots/.unfinished.db"
    assert asked(tmp_path)[:4] == [
        "LOOK",
        f"snapshot save {part}",
        f"snapshot status {part} -w json",
        "LOOK",
    ]
    (name,) = kept(tmp_path)
    assert name.endswith("Z-before-3.5.33.db")
    assert f"snapshot {tmp_path}/snapshots/{name}" in done.stderr.splitlines()[-1]
    assert (tmp_path / "snapshots").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("stubs", "memory"),
    [
        ("", {"etcd_tag": "3.5.33-0"}),
        ("status() { sed '0,/3.5.9/s//3.5.33/' $SAID/etcdctl-3.5-status.txt; }", {}),
    ],
    ids=["its own turn was cut off", "another member runs it already"],
)
def test_no_second_snapshot_is_taken(tmp_path: Path, stubs: str, memory: dict[str, str]) -> None:
    """One for each change of version."""
    done = first_to_change(tmp_path, stubs, **memory)
    assert "OPEN" in done.stdout, done.stderr
    assert kept(tmp_path) == []


def test_snapshot_is_taken_when_another_cluster_alone_runs_the_version(tmp_path: Path) -> None:
    """It answers at the address of a member, and this one is down, so that no guard is asked."""
    other = "15,27s/3[.]5[.]9/3.5.33/; 15,27s/12900370036820246104/7/"
    stubs = f'status() {{ sed "{other}" $SAID/etcdctl-3.5-status.txt; }}\n'
    stubs += "serves_peers() { false; }; http_get() { false; }; etcd_pid() { :; }\n"
    done = first_to_change(tmp_path, stubs)
    assert "OPEN" in done.stdout, done.stderr
    assert len(kept(tmp_path)) == 1


@pytest.mark.parametrize(
    ("stub", "said"),
    [
        ("image_program() { return 1; }", "etcdutl, which checks it, is neither in the image"),
        ("other() { echo 'Error: context deadline exceeded' >&2; return 1; }", "deadline exceeded"),
        ("printf '#!/bin/bash\\nexit 1' >$STATE/etcdutl", "is damaged, says etcdutl"),
        ("printf '#!/bin/bash\\necho {}' >$STATE/etcdutl", "is damaged, says etcdutl"),
        ("ROOM=60000000", "has 60000000 bytes free, and a snapshot of"),
        ("ROOM=", "could not be determined"),
        ("df() { false; }", "could not be determined"),
        ("largest_database() { return 1; }", "the size of the database is not known"),
    ],
)
def test_member_is_not_touched_without_a_snapshot(tmp_path: Path, stub: str, said: str) -> None:
    """The first of all, with the reason; and no half snapshot stays."""
    done = first_to_change(tmp_path, stub)
    assert done.returncode in (REFUSED, LATER)
    assert "OPEN" not in done.stdout
    assert said in done.stderr
    assert "Nothing was changed" in done.stderr
    assert kept(tmp_path) == []
    assert not any("move-leader" in line for line in asked(tmp_path))


@pytest.mark.parametrize(
    ("data", "opens"),
    [("echo 2", True), ("echo 1", False), ("false", False)],
    ids=["the data is elsewhere", "one disk", "not known"],
)
def test_snapshot_leaves_etcd_room_on_the_disk_of_its_data(
    tmp_path: Path, data: str, opens: bool
) -> None:
    """It goes on writing there: its log takes 64 MiB at once."""
    disks = 'case "$*" in "-L -c %d $SNAPSHOTS") echo 1 ;; "-L -c %d $DATA") DISK ;;'
    stub = f'stat() {{ {disks} *) command stat "$@" ;; esac; }}\nROOM=300000000\n'
    done = first_to_change(tmp_path, stub.replace("DISK", data))
    assert ("OPEN" in done.stdout) == opens, done.stderr
    assert ("has 300000000 bytes free, and a snapshot of" in done.stderr) != opens


@pytest.mark.parametrize("stub", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_no_snapshot_is_taken_of_what_is_not_known(tmp_path: Path, stub: str) -> None:
    """The guard comes first."""
    done = first_to_change(tmp_path, stub)
    assert done.returncode in (REFUSED, LATER)
    assert "OPEN" not in done.stdout
    assert kept(tmp_path) == []


def test_three_snapshots_are_kept(tmp_path: Path) -> None:
    """The newest; what somebody else put there is not touched."""
    folder = tmp_path / "snapshots"
    folder.mkdir(mode=0o700)
    names = [f"2026010{day}T000000Z-before-3.5.9.db" for day in range(1, 5)]
    for name in (*names, "mine.db"):
        (folder / name).touch()
    assert "OPEN" in first_to_change(tmp_path).stdout
    left = kept(tmp_path)
    assert left[:2] == names[2:]
    assert (len(left), left[-1]) == (4, "mine.db")


def test_snapshot_that_was_just_made_is_kept_whatever_the_others_are_called(tmp_path: Path) -> None:
    """A clock that had been ahead gave them times that are yet to come."""
    folder = tmp_path / "snapshots"
    folder.mkdir(mode=0o700)
    names = [f"2999010{day}T000000Z-before-3.5.9.db" for day in range(1, 5)]
    for name in names:
        (folder / name).touch()
    assert "OPEN" in first_to_change(tmp_path).stdout
    made, *others = kept(tmp_path)
    assert made.endswith("Z-before-3.5.33.db")
    assert others == names[2:]


def test_nothing_changes_without_the_snapshot_that_was_just_made(tmp_path: Path) -> None:
    """Whoever has removed it."""
    gone = 'mv() { command mv "$@"; rm -f "$SNAPSHOTS"/*-before-*; }'
    done = first_to_change(tmp_path, gone)
    assert done.returncode == REFUSED
    assert "is not there any more. Nothing was changed" in done.stderr
    assert "OPEN" not in done.stdout


METRICS = """
http_get() {
  case $1 in
    /health*) echo '{"health":"true","reason":""}' ;;
    *) printf '%%s\\n' 'etcd_server_id{server_id="c42767f57a4f1412"} 1' 'etcd_server_is_leader 0' \
      'etcd_server_is_learner 0' 'etcd_server_version{server_version="%s"} 1' \
      'etcd_cluster_version{cluster_version="3.4"} 0' \
      'etcd_cluster_version{cluster_version="%s"} 1' | sed '/cluster_version=""/d' ;;
  esac
}
"""


@pytest.mark.parametrize(
    ("cluster", "storage", "opens", "said"),
    [
        ("3.5", "3.5.0", True, ""),
        ("3.6", "3.6.0", False, "etcd 3.5 is older than the cluster, which speaks 3.6"),
        ("3.5", "3.6.0", False, "its data is not ready for etcd 3.5 (storage version: 3.6)"),
        ("3.5", "", False, "(storage version: unknown)"),
        ("", "3.5.0", True, ""),
        ("", "3.6.0", False, "its data is not ready for etcd 3.5 (storage version: 3.6)"),
    ],
)
def test_member_goes_back_a_minor_when_its_data_is_ready(
    tmp_path: Path, cluster: str, storage: str, opens: bool, said: str
) -> None:
    """An older etcd does not start on data of a newer one, and does not join a newer cluster."""
    said_too = f'echo \'"StorageVersion" : "{storage}"\''
    stubs = METRICS % ("3.6.6", cluster)
    stubs += f"status() {{ cat $SAID/etcdctl-3.5-status.txt; {said_too}; }}"
    done = first_to_change(tmp_path, stubs, etcd_tag="3.6.6-0")
    assert ("OPEN" in done.stdout) == opens, done.stderr
    assert said in done.stderr
    assert opens or done.returncode == REFUSED
    assert kept(tmp_path) == []  # the one before a downgrade is taken when the cluster is told


@pytest.mark.parametrize(
    ("members", "statuses", "missing"),
    [
        ((1, 2, 3), (1, 2, 3), ""),
        ((1, 2, 3), (1, 2), "etcd03"),
        ((1, 2, 3), (), "etcd01, etcd02, etcd03"),
    ],
)
def test_who_does_not_run_the_minor_yet(
    tmp_path: Path, members: tuple[int, ...], statuses: tuple[int, ...], missing: str
) -> None:
    """Whoever does not say so is not known to run it."""
    rows, said = "\n".join(map(row, members)), "\n".join(map(status, statuses))
    done = on_host(tmp_path, f"not_running '{rows}' '{said}' 3.6")
    assert done.stdout == missing
    done = on_host(tmp_path, f"not_running '{rows}' '{said}' 3.60")
    assert done.stdout == ", ".join(f"etcd0{each}" for each in members)


ALL_STARTED = "list() { sed '/17735246468124541848/,$d' $SAID/etcdctl-3.5-list.txt; }\n"


@pytest.mark.parametrize(
    ("own", "cluster", "stub", "ends", "said"),
    [
        ("3.5.9", "3.5", "", 0, ""),
        ("3.6.6", "3.5", ALL_STARTED, 0, "until these run it too: b, c"),
        ("3.6.6", "3.5", "list() { false; }", 0, "which version the others run is not known"),
        (
            "3.5.9",
            "3.4",
            ALL_STARTED,
            LATER,
            "every member runs etcd 3.5, and after 1 s the cluster still",
        ),
        ("3.5.9", "3.4", "", 0, "until these run it too: http://127.0.0.1:42207"),
        ("", "3.5", "", LATER, "did not say its version within 1 s"),
        ("", "", "", LATER, "did not say its version within 1 s"),
        ("3.6.6", "", "http_get() { false; }", LATER, "did not say its version within 1 s"),
        ("3.6.6", "", "own_metrics() { return 127; }", LATER, "did not say its version within 1 s"),
        ("3.6.6", "", ALL_STARTED, 0, ""),  # it has just joined, by a snapshot
    ],
)
def test_end_of_a_change_of_version_is_proved(
    tmp_path: Path, own: str, cluster: str, stub: str, ends: int, said: str
) -> None:
    """When all members run it the cluster has to speak it; until then they are named."""
    stubs = METRICS % (own, cluster)
    if own == "3.6.6":
        first = "'0,/3.5.9/s//3.6.6/'"
        stubs += f"status() {{ sed {first} $SAID/etcdctl-3.5-status.txt; }}\n"
    done = on_host(tmp_path, "await_cluster_version; echo OPEN", stubs + stub, formed=CLUSTER)
    assert done.returncode == ends, done.stderr
    assert ("OPEN" in done.stdout) == (ends == 0)
    assert said in done.stderr


def test_a_busy_host_says_its_version_a_moment_later(tmp_path: Path) -> None:
    """An answer that was cut is no reason to end the run; the next one counts."""
    stubs = METRICS % ("3.5.9", "3.5") + '\neval "whole_$(declare -f http_get)"\n'
    cut = '{ : >"$WORK/asked"; false; }'
    stubs += f'http_get() {{ [[ -e $WORK/asked ]] && whole_http_get "$@" || {cut}; }}'
    done = on_host(tmp_path, "await_cluster_version; echo OPEN", stubs, formed=CLUSTER)
    assert done.stdout == "OPEN\n", done.stderr
