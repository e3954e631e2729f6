"""What is etcd's own: its data and its keys, and how they change hands."""

from __future__ import annotations

import grp
import os
import pwd
import subprocess
from pathlib import Path

import pytest

from .asking import on_host
from .bash import run

NOBODY = pwd.getpwnam("nobody")
OWNER = f"{NOBODY.pw_uid}:{NOBODY.pw_gid}"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="gives files to others")


def on_data(folder: Path, script: str) -> subprocess.CompletedProcess[str]:
    """Run it with data of three files, all root's, in a folder for the host's."""
    data = folder / "data"
    (data / "member/wal").mkdir(parents=True, exist_ok=True)
    for name in ("member/wal/0.wal", "member/db"):
        (data / name).touch()
    (folder / "work").mkdir(exist_ok=True)
    stubs = f"WORK={folder}/work; ETCD_OWNER={OWNER};"
    return run(
        f"{stubs}\n{script}", places={"readonly DATA=/var/lib/etcd": f"readonly DATA={data}"}
    )


@needs_root
def test_data_is_given_to_etcd_once(tmp_path: Path) -> None:
    """All of it, and the second time there is nothing to do."""
    told = 'own_data; echo "${#CHANGES[@]}"; own_data; echo "${#CHANGES[@]}"'
    assert on_data(tmp_path, told).stdout == "2\n2\n"
    for path in (tmp_path / "data", *(tmp_path / "data").rglob("*")):
        assert path.owner() == "nobody"
        assert path.group() == grp.getgrgid(NOBODY.pw_gid).gr_name
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700


@needs_root
@pytest.mark.parametrize("damage", ["chown root", "chmod 400", "chgrp root"])
def test_one_file_that_is_not_etcds_is_seen(tmp_path: Path, damage: str) -> None:
    """It would keep etcd from starting at some later time."""
    path = tmp_path / "data/member/db"
    done = on_data(tmp_path, f"own_data; {damage} {path}; not_etcds; own_data; not_etcds")
    assert done.stdout == f"{path}\n"


@needs_root
@pytest.mark.parametrize("name", ["member", ".aside", ".restore"])
def test_link_in_the_data_is_refused(tmp_path: Path, name: str) -> None:
    """Root does not follow where etcd may write."""
    (tmp_path / "elsewhere").mkdir()
    link = f"rm -rf $DATA/{name}; ln -s {tmp_path}/elsewhere $DATA/{name}"
    done = on_data(tmp_path, f"{link}; own_data")
    assert done.returncode == 4
    assert "is a symbolic link" in done.stderr
    assert (tmp_path / "elsewhere").owner() == "root"


@needs_root
def test_etcd_goes_on_where_its_data_cannot_change_hands(tmp_path: Path) -> None:
    """As it did before, under the manifest that is there."""
    refused = "echo 'chown: not permitted' >&2; return 1"
    done = on_data(tmp_path, f"chown() {{ if [[ $1 == -R ]]; then {refused}; fi; }}; own_data")
    assert done.returncode == 4
    assert "chown: not permitted" in done.stderr


CHANGE = """
trap 'rm -rf $WORK' EXIT
for each in need_address render_manifest update_peer_url set_aside_foreign_manifests note_tag \\
  before_new_version make_spare systemctl kubelet_suits; do eval "$each() { :; }"; done
as_rendered() { false; }; runs_as() { echo 5; }; ensure_kubelet() { echo STARTED; }
etcd_pid() { %s; }; has_data() { %s; }
give_keys() { echo 'No space left on device' >&2; return 1; }
touch $MANIFEST
apply_manifest guarded
"""
CUT_OFF = {
    "it ran": ("echo 7", "true", ["STARTED"]),
    "it did not run": ("true", "true", ["STARTED"]),
    "its data was set aside for a new one": ("true", "false", []),
}


@pytest.mark.parametrize("case", CUT_OFF.values(), ids=CUT_OFF)
def test_etcd_is_started_again_where_its_change_fails(
    tmp_path: Path, case: tuple[str, str, list[str]]
) -> None:
    """E.g. because the disk is full; but a former member's manifest not on new data."""
    pid, data, said = case
    done = on_host(tmp_path, CHANGE % (pid, data))
    assert done.returncode == 1
    assert done.stdout.replace("STOPPED\n", "").split() == said
    assert "STOPPED" in done.stdout
    assert "No space left" in done.stderr


def test_what_a_disk_keeps_for_root_is_not_room(tmp_path: Path) -> None:
    """Root's etcd may have been living off it."""
    full = "room_in() { echo 1000; }; %s"
    script = "need_room_as_user; echo OPEN"
    done = on_host(tmp_path, script, full % "runs_as() { echo 0; }")
    assert (done.returncode, done.stdout) == (4, "")
    assert "1000 bytes free, and etcd needs 134217728 for its log: it will not run" in done.stderr
    assert "cannot use what is kept for root. Nothing was changed. Make room there" in done.stderr
    assert on_host(tmp_path, script, full % "runs_as() { echo 5; }").stdout == "OPEN\n"


@needs_root
def test_link_to_the_data_is_its_folder(tmp_path: Path) -> None:
    """A disk that is mounted elsewhere: what root does first leaves it etcd's, which may run."""
    script = f"""
    mv $DATA {tmp_path}/disk; ln -s {tmp_path}/disk $DATA; own_data
    put_folder "$DATA" 700 "$(owner_of "$DATA")"; echo "${{#CHANGES[@]}}"
    runs_as() {{ echo {NOBODY.pw_uid}; }}; USER_LOOKED_UP=yes; user_drift"""
    assert on_data(tmp_path, script).stdout == "2\n"
    assert (tmp_path / "disk").owner() == "nobody"


@needs_root
def test_folder_loses_its_set_group_id(tmp_path: Path) -> None:
    """It would be another mode than the wanted one for ever."""
    script = 'chmod 2755 $DATA; own_data; put_folder "$DATA" 700 "$ETCD_OWNER"; stat -c %a $DATA'
    assert on_data(tmp_path, script).stdout == "700\n"


@needs_root
@pytest.mark.parametrize("name", [".aside", ".restore"])
def test_root_moves_and_deletes_nothing_behind_a_link(tmp_path: Path, name: str) -> None:
    """Also where that came after the verb had looked."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/file").touch()
    link = f"rm -rf $DATA/{name}; ln -s {tmp_path}/elsewhere $DATA/{name}"
    verb = "set_aside" if name == ".aside" else "drop_staged"
    done = on_data(tmp_path, f"{link}; {verb}")
    assert done.returncode == 4
    assert [each.name for each in (tmp_path / "elsewhere").iterdir()] == ["file"]


# Etcd runs as this (by its process); the user is 777:997; whose its keys are before its turn.
READERS = {
    "another number": ("555:556", "555:556"),
    "root": ("0:0", "777:997"),
    "does not run": ("", "777:997"),
}


@pytest.mark.parametrize("case", READERS.values(), ids=READERS)
def test_keys_are_the_running_etcds(tmp_path: Path, case: tuple[str, str]) -> None:
    """It reads them at each handshake, and `pki` runs on all hosts at once."""
    now, reader = case
    stub = f"pod_owner() {{ echo {now}; }}; ETCD_OWNER=777:997"
    assert on_host(tmp_path, "keys_reader", stub).stdout == f"{reader}\n"


def test_manifest_says_who_would_run(tmp_path: Path) -> None:
    """Root, where it says nothing."""
    script = """etcd_pid() { :; }; pod_owner
    printf 'spec:\n' >"$MANIFEST"; pod_owner
    ETCD_OWNER=777:997; render_patch >"$MANIFEST"; pod_owner; runs_as"""
    assert on_host(tmp_path, script).stdout == "0:0\n777:997\n777\n"


@needs_root
def test_data_is_given_to_etcd_when_nobody_knows_whose_it_is(tmp_path: Path) -> None:
    """A search that fails has not found that all is well."""
    done = on_data(tmp_path, "find() { return 127; }; own_data")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "data/member/db").owner() == "nobody"
