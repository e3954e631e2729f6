"""What is saved of a survivor: where it is put, and what is said where that is not to be."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import on_host
from .bash import run

STUBS = """
WORK={folder}; S=([member]=etcd02 [restore-id]=r1); SNAPSHOT_ROOM=0
mkdir -p "$SNAPSHOTS" "$DATA/member/snap"; head -c 1000 /dev/zero >"$DATA/member/snap/db"
refuse_links() {{ :; }}
stat() {{ if [[ "$*" == "-c %d $SNAPSHOTS" ]]; then echo {device}; else command stat "$@"; fi; }}
room_in() {{ if [[ $1 == "$SNAPSHOTS" ]]; then echo {room}; else echo 9999999999; fi; }}
"""


def _here(
    folder: Path, script: str, *, device: object = 1, room: object = 9999999999
) -> subprocess.CompletedProcess[str]:
    """Runs it where snapshots stay on this device, which has this room."""
    places = {
        "readonly DATA=/var/lib/etcd": f"readonly DATA={folder}/data",
        "SNAPSHOTS=/var/lib/etcd-snapshots": f"SNAPSHOTS={folder}/snapshots",
        "readonly SNAPSHOT_ROOM=$((64 * 1024 * 1024))": "SNAPSHOT_ROOM=0",
    }
    return run(STUBS.format(folder=folder, device=device, room=room) + script, places=places)


@pytest.mark.parametrize(
    ("room", "why"),
    [
        (1000, ""),
        (999, "/snapshots has 999 bytes free, and the snapshot of what this member holds needs"),
        ("", "the room in "),
    ],
)
def test_snapshot_of_a_survivor_needs_room_where_it_stays(
    tmp_path: Path, room: object, why: str
) -> None:
    """The disk of the data may be another one. Its etcd is not stopped for nothing."""
    done = _here(tmp_path, 'room_for_survivor "$DATA"', room=room)
    assert done.returncode == (4 if why else 0), done.stderr
    assert why in done.stderr
    assert done.stderr.endswith("Nothing was stopped\n") is bool(why)


def test_snapshot_of_a_survivor_on_the_disk_of_the_data_needs_none_of_its_own(
    tmp_path: Path,
) -> None:
    """It is renamed there."""
    device = tmp_path.stat().st_dev
    assert _here(tmp_path, 'room_for_survivor "$DATA"', device=device, room=0).returncode == 0


SAVED = 'head -c 1000 /dev/zero >"$DATA/db"; file=$SNAPSHOTS/2026-survivor-etcd02.db\n'


def test_snapshot_of_a_survivor_is_kept(tmp_path: Path) -> None:
    """Whole."""
    done = _here(tmp_path, f'{SAVED}keep_survivor "$DATA/db" "$file"')
    assert done.returncode == 0, done.stderr
    (kept,) = (tmp_path / "snapshots").iterdir()
    assert (kept.name, kept.stat().st_size) == ("2026-survivor-etcd02.db", 1000)


@pytest.mark.parametrize(
    ("room", "stub", "why"),
    [
        (999, "", "999 bytes free"),
        (1000, "mv() { echo half >$2; echo 'mv: no space' >&2; return 1; }", "mv: no space"),
        (1000, "sync() { echo 'sync: input/output error' >&2; return 1; }", "input/output error"),
    ],
    ids=["larger than its database was", "full", "broken"],
)
def test_snapshot_of_a_survivor_that_cannot_be_kept_leaves_nothing(
    tmp_path: Path, room: int, stub: str, why: str
) -> None:
    """Under no name; and what has become of its etcd is said."""
    script = f"""
    {stub}
    stop_member() {{ :; }}; ensure_kubelet() {{ :; }}; copy_member "$DATA/alone"
    {SAVED}keep_survivor "$DATA/db" "$file"
    """
    done = _here(tmp_path, script, room=room)
    assert done.returncode == 4, done.stderr
    assert why in done.stderr
    assert "Nothing was stopped" not in done.stderr
    assert "Its etcd was stopped while its data was copied, and the kubelet" in done.stderr
    assert not list((tmp_path / "snapshots").iterdir())


def test_survivor_leaves_nothing_of_a_run_that_was_cut_off(tmp_path: Path) -> None:
    """Half a snapshot takes the room of the next one."""
    script = """
    : >$SNAPSHOTS/.survivor.db; mkdir -p "$DATA/member/wal"; : >"$DATA/member/wal/0.wal"
    no_quorum_left() { :; }; bring_programs() { :; }; put_folder() { :; }
    room_for_survivor() { ls -A $SNAPSHOTS; exit 9; }; stage_survivor
    """
    done = _here(tmp_path, script)
    assert (done.returncode, done.stdout) == (9, "")


@pytest.mark.parametrize("runs", [True, False])
def test_programs_of_a_survivor_are_tried_before_its_etcd_stops(tmp_path: Path, runs: bool) -> None:
    """On a disk that is mounted noexec nothing runs."""
    program = r'#!/bin/sh\n[ "$1" = --version ]\n'
    script = f"""
    etcd_pid() {{ echo 7; }}; data_mount() {{ echo /disk; }}
    cp() {{ printf '{program}' >"$2"; chmod {755 if runs else 644} "$2"; }}
    bring_programs "$DATA/.restore/r1/bin"; echo BROUGHT
    """
    done = _here(tmp_path, script)
    assert (done.returncode, done.stdout) == ((0, "BROUGHT\n") if runs else (4, "")), done.stderr
    if not runs:
        assert "Permission denied. If its disk is mounted noexec" in done.stderr
        assert 'run "mount -o remount,exec /disk" on the host' in done.stderr
        assert done.stderr.endswith("Nothing was stopped\n")
        assert not (tmp_path / "data/.restore").exists()


@pytest.mark.parametrize(
    ("manifest", "restoring", "told"),
    [
        (True, "", "Start the kubelet"),
        (False, "", "remove the section restore and run `pulumi up` once"),
        (False, "r1 data cafe beef 1", "restore-cancel"),
    ],
    ids=["stopped", "installed anew", "fenced"],
)
def test_survivor_whose_etcd_does_not_run_says_how_it_starts(
    tmp_path: Path, manifest: bool, restoring: str, told: str
) -> None:
    """On a system that was installed anew the kubelet runs, and has nothing to start."""
    if manifest:
        (tmp_path / "etcd.yaml").touch()
    memory = {"restoring": restoring} if restoring else {}
    assert told in on_host(tmp_path, "start_it", "fenced_for() { :; }\n", **memory).stdout
