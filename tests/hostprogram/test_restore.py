"""Restoring: which host may be restored, from what, and what the new cluster is called."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from . import bash

OLD, NEW, OTHER = "c0ffee", "31b9e2798f2f0810", "5f3bca1e0c2d4a77"
# As etcdutl 3.6.6 logged them for `snapshot restore` with this cluster and token.
ETCDUTL = {
    "members": ",".join(f"etcd0{n}=https://10.0.0.{n}:2380" for n in (1, 2, 3)),
    "token": "cafe-0123456789abcdef",
    "cluster": "c933dc8e5e7fa78a",
    "first": "5837f090ed4f22d2",
}


def said(script: str, *, status: int = 0) -> str:
    """What a function prints."""
    done = bash.run(script)
    assert done.returncode == status, done.stderr
    return done.stdout.strip()


def test_ids_are_those_that_etcd_makes() -> None:
    """A host knows the new cluster's id before any etcd of it has started."""
    members, token = ETCDUTL["members"], ETCDUTL["token"]
    assert said(f"cluster_id_of {members} {token}") == ETCDUTL["cluster"]
    assert said(f"member_id_of https://10.0.0.1:2380 {token}") == ETCDUTL["first"]


def test_ids_are_of_members_in_any_order_and_of_the_token() -> None:
    """Another token makes another cluster of the same members."""
    one = said("cluster_id_of a=https://10.0.0.1:2380,b=https://10.0.0.2:2380 t")
    assert said("cluster_id_of b=https://10.0.0.2:2380,a=https://10.0.0.1:2380 t") == one
    assert said("cluster_id_of a=https://10.0.0.1:2380,b=https://10.0.0.2:2380 u") != one


@pytest.mark.parametrize(
    ("formed", "replaces", "restored", "fault"),
    [
        ("", "", "", ""),
        ("", OLD, "", ""),
        (OLD, OLD, "", ""),
        (NEW, OLD, f"{OLD} {NEW} r1", ""),
        (NEW, "", f"none {NEW} r1", ""),
        (
            OLD,
            OTHER,
            "",
            f"is a member of cluster {OLD}, and restore.replaces names cluster {OTHER}",
        ),
        (OLD, "", "", f"Set restore.replaces: '{OLD}'"),
        (NEW, OLD, f"{OLD} {NEW} r2", f"is a member of cluster {NEW}"),
        (NEW, OLD, f"{OTHER} {NEW} r1", f"is a member of cluster {NEW}"),
        (NEW, OLD, f"{OLD} {OTHER} r1", f"is a member of cluster {NEW}"),
    ],
)
def test_host_is_restored_for_the_cluster_that_ends_alone(
    formed: str, replaces: str, restored: str, fault: str
) -> None:
    """One of no cluster, too; one that this very restore has made has it behind it."""
    found = said(f"replaced_fault '{formed}' '{replaces}' '{restored}' r1")
    assert fault in found
    assert bool(fault) == bool(found)


def snapshot(folder: Path, content: bytes) -> Path:
    """A file with a checksum at its end, as etcdctl makes it."""
    file = folder / "snapshot.db"
    file.write_bytes(content + hashlib.sha256(content).digest())
    return file


def test_snapshot_is_known_by_its_size_and_the_checksum_in_it(tmp_path: Path) -> None:
    """No more of it is read."""
    content = b"\0" * 1024
    file = snapshot(tmp_path, content)
    assert said(f"snapshot_mark {file}") == f"1056 {hashlib.sha256(content).hexdigest()}"


@pytest.mark.parametrize(("size", "mark"), [(0, "cut 0"), (32, "cut 32"), (1055, "cut 1055")])
def test_snapshot_is_cut_when_it_has_no_checksum(tmp_path: Path, size: int, mark: str) -> None:
    """A database without one is somebody's copy of a file."""
    file = tmp_path / "snapshot.db"
    file.write_bytes(b"x" * size)
    assert said(f"snapshot_mark {file}") == mark


def test_snapshot_is_no_file_when_it_is_missing_or_a_folder(tmp_path: Path) -> None:
    """And a pipe would not end."""
    assert said(f"snapshot_mark {tmp_path}/none") == "missing"
    assert said(f"snapshot_mark {tmp_path}") == "unreadable"


@pytest.mark.parametrize(
    ("status", "pages", "version"),
    [
        ('{"hash":1,"revision":2,"totalKey":1,"totalSize":3,"version":"3.6.0"}', b"", "3.6"),
        ('{"hash":1,"revision":2,"totalKey":1,"totalSize":3,"version":""}', b"", "3.5"),
        ('{"hash":1,"revision":2,"totalKey":1,"totalSize":3}', b"", "3.5"),
        ('{"hash":1,"totalSize":3}', b"\0storageVersion3.6.0\0storageVersion3.10.0\0", "3.10"),
        ('{"hash":1,"totalSize":3,"version":""}', b"\0storageVersion9.9.0\0", "3.5"),
    ],
)
def test_version_of_a_snapshot_is_that_of_its_data(
    tmp_path: Path, status: str, pages: bytes, version: str
) -> None:
    """As etcdutl says it, or, for one of 3.5 that does not and a file that is no database, as its
    pages do."""
    (tmp_path / "status.json").write_text(status)
    (tmp_path / "snapshot.db").write_bytes(pages)
    assert said(f"snapshot_version {tmp_path}/status.json {tmp_path}/snapshot.db") == version


@pytest.mark.parametrize(
    ("room", "fault"),
    [
        (2**30, ""),
        (10**8, "has 100000000 bytes free, and the restored data needs"),
        ("", "could not be determined"),
        ("-", "could not be determined"),
    ],
)
def test_restored_data_needs_room_beside_the_old(room: object, fault: str) -> None:
    """And its log."""
    found = said(f"restore_room_fault /var/lib/etcd 1000000 '{room}'")
    assert fault in found
    assert bool(fault) == bool(found)


KEYS = """
S=([member]=etcd02 [token]=cafe [restore-id]=r1 [restore-survivor]=SURVIVOR
  [initial-cluster]=etcd01=https://10.0.0.1:2380,etcd02=https://10.0.0.2:2380)
restored_members
"""


@pytest.mark.parametrize(
    ("survivor", "members"),
    [
        ("''", "etcd01=https://10.0.0.1:2380,etcd02=https://10.0.0.2:2380"),
        ("etcd01", "etcd01=https://10.0.0.1:2380"),
    ],
)
def test_survivor_begins_alone(survivor: str, members: str) -> None:
    """The others join it."""
    assert said(KEYS.replace("SURVIVOR", survivor)) == members


@pytest.mark.parametrize(
    ("word", "serves", "refused"),
    [
        ("healthy", "true", "a quorum of the cluster still answers here"),
        ("unknown", "true", "did not report within 60 s whether there is a quorum"),
        ("unknown", "false", ""),
        ("no leader", "true", ""),
    ],
)
def test_there_is_no_survivor_while_a_quorum_may_be_there(
    word: str, serves: str, refused: str
) -> None:
    """Its own etcd has to say so, for ten seconds, or take no part."""
    script = (
        f"{bash.OWN_TIME}own_word() {{ echo '{word}'; }}; serves_peers() {{ {serves}; }}\n"
        "drop_staged() { :; }; S=([member]=etcd02)\n"
        "no_quorum_left"
    )
    done = bash.run(script)
    assert done.returncode == (4 if refused else 0), done.stderr
    assert refused in done.stderr


def test_entries_that_are_left_out_are_told(tmp_path: Path) -> None:
    """As etcd says it."""
    file = tmp_path / "etcd.log"
    file.write_text(
        '{"level":"info","msg":"starting"}\n'
        '{"level":"info","msg":"discarding uncommitted WAL entries",'
        '"entry-index":9,"commit-index-from-wal":8,"number-of-discarded-entries":1}\n'
    )
    done = bash.run(f"S=([member]=etcd02); note_discarded {file}")
    assert "etcd02: 1 last entries of its log are left out" in done.stderr
    file.write_text("")
    assert not bash.run(f"S=([member]=etcd02); note_discarded {file}").stderr


MEMBERS = "etcd01=https://10.0.0.1:2380,etcd02=https://[fd00::2]:12380,etcd03=https://10.0.0.3:2380"


@pytest.mark.parametrize(
    ("member", "survivor", "before"),
    [
        ("etcd01", "", "first"),
        ("etcd02", "", "1 10.0.0.1/2380"),
        ("etcd03", "", "2 fd00::2/12380"),
        ("etcd02", "etcd02", "first"),
    ],
)
def test_restored_members_start_one_after_the_other(
    member: str, survivor: str, before: str
) -> None:
    """Each after the one before it in the list; a survivor after nobody."""
    script = f"""
    S=([member]={member} [initial-cluster]='{MEMBERS}' [restore-survivor]={survivor})
    if before_me; then echo "$TURN $BEFORE_ME"; else echo first; fi
    """
    assert said(script) == before


def test_member_that_does_not_come_is_not_waited_for_long() -> None:
    """Its start is no condition: the others may be a quorum without it."""
    script = f"""
    S=([member]=etcd02 [initial-cluster]='{MEMBERS}')
    listens() {{ false; }}
    await_turn && echo "$SECONDS"
    """
    assert 4 <= int(said(script)) <= 6


@pytest.mark.parametrize(
    ("image", "own", "taken"),
    [("3.6.16", "3.6.6", "image"), ("3.7.1", "3.6.16", "own"), ("3.7.1", "3.7.1", "")],
)
def test_snapshot_is_restored_by_an_etcdutl_that_is_not_too_new(
    tmp_path: Path, image: str, own: str, taken: str
) -> None:
    """After a step up that failed, the etcd that runs may be newer than the one that is wanted."""
    for name, version in (("image", image), ("own", own)):
        program = tmp_path / name
        program.write_text(
            f"#!/bin/sh\necho '--bump-revision'; echo 'etcdutl version: {version}'\n"
        )
        program.chmod(0o755)
    script = f"""
image_program() {{ echo {tmp_path}/image; }}; type() {{ echo {tmp_path}/own; }}
refuse_links() {{ :; }}; S=([member]=etcd02 [image-tag]=3.6.16-0 [restore-id]=r1); restoring_etcdutl
"""
    done = bash.run(script)
    if taken:
        assert (done.returncode, done.stdout) == (0, f"{tmp_path}/{taken}\n"), done.stderr
    else:
        assert (done.returncode, done.stdout) == (4, "")
        assert "Install that of etcd 3.6 on this host" in done.stderr
        assert "Nothing was stopped" in done.stderr


ETCDUTL_OF = """#!/bin/sh
case "$1 $2" in
  version*) echo 'etcdutl version: {by}' ;;
  'snapshot status') echo '{{"revision":7,"totalKey":1,"version":"{data}"}}' ;;
  'snapshot restore') mkdir -p {folder}/data/.restore/r1/data/member ;;
esac
"""
STAGES = """
WORK={folder}; S=([member]=etcd02 [token]=cafe [restore-id]=r1 [image-tag]=3.6.6-0
  [restore-object]=etcd/cafe/x.db.gz [initial-cluster]=etcd02=https://10.0.0.2:2380
  [arg.initial-advertise-peer-urls]=https://10.0.0.2:2380)
restoring_etcdutl() {{ echo {folder}/etcdutl; }}; has_store() {{ true; }}; open_store() {{ :; }}
refuse_links() {{ :; }}; remember() {{ :; }}; mkdir -p "$(staged_folder)"
fetch_facts() {{ echo '{{"etcdVersion":"{said}","size":9}}' >"$2"; }}
fetch_backup() {{ echo FETCHED; : >"$3"; }}
stage_object; cat "$(staged_folder)/versions"
"""


@pytest.mark.parametrize(
    ("said", "data", "by", "told", "why"),
    [
        ("3.6", "3.6.0", "3.6.6", "FETCHED\n3.6 3.6.6\n", ""),
        ("3.5", "3.5.0", "3.5.9", "FETCHED\n3.5 3.5.9\n", ""),
        ("3.7", "3.7.0", "3.6.6", "", "etcd/cafe/x.db.gz is of etcd 3.7, and etcd 3.6.6 could not"),
        ("3.6", "3.7.0", "3.6.6", "FETCHED\n", "fetched.db is of etcd 3.7, and etcd 3.6.6 could"),
        ("3.6", "3.6.0", "3.7.1", "FETCHED\n", "was written by etcdutl 3.7.1, and etcd 3.6.6"),
        ("3.6", "3.6.0", "", "FETCHED\n", "is not known"),
    ],
    ids=["same", "older", "newer, as it says", "newer", "by a newer etcdutl", "by some etcdutl"],
)
def test_backup_of_a_newer_minor_is_not_restored(
    tmp_path: Path, said: str, data: str, by: str, told: str, why: str
) -> None:
    """Where its description says so it is not even fetched. What is staged says what it is of."""
    program = tmp_path / "etcdutl"
    program.write_text(ETCDUTL_OF.format(by=by, data=data, folder=tmp_path))
    program.chmod(0o755)
    places = {"readonly DATA=/var/lib/etcd": f"readonly DATA={tmp_path}/data"}
    done = bash.run(STAGES.format(folder=tmp_path, said=said), places=places)
    assert (done.returncode, done.stdout) == (4 if why else 0, told), done.stderr
    assert why in done.stderr
    assert (tmp_path / "data/.restore").exists() is (not why)
