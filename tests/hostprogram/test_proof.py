"""What proves a backup: hashes of living members, its description in the store, the object."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from .bash import run

# As etcdctl and etcdutl of 3.6.6 print them.
TWO = (
    '[{"Endpoint":"https://10.0.0.1:2379","HashKV":{"header":{"cluster_id":13455796455940752355,'
    '"member_id":443629905751424238,"revision":6,"raft_term":2},"hash":3065152303,'
    '"compact_revision":3,"hash_revision":6}},{"Endpoint":"https://10.0.0.2:2379","HashKV":'
    '{"header":{"cluster_id":13455796455940752355,"member_id":9,"revision":6,"raft_term":2},'
    '"hash":7,"compact_revision":-1,"hash_revision":6}}]'
)


def test_each_member_tells_its_hash() -> None:
    """-1: nothing was compacted yet."""
    done = run(f"hash_rows '{TWO}'")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        ["https://10.0.0.1:2379 3065152303 3", "https://10.0.0.2:2379 7 0"],
    )


@pytest.mark.parametrize(
    "said", ["", "[]", TWO[:120], TWO.replace('"hash":7', '"hash":0'), TWO.replace("hash", "x")]
)
def test_half_an_answer_is_no_hash(said: str) -> None:
    """Unknown is not the same."""
    assert run(f"hash_rows '{said}'").returncode != 0


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ('{"hash":3065152303,"hashRevision":6,"compactRevision":3}', "3065152303-3\n"),
        ('{"hash":2814253186,"hashRevision":2,"compactRevision":-1}', "2814253186-0\n"),
        ("", ""),
        ('{"hashRevision":2}', ""),
    ],
)
def test_restored_data_tells_its_hash(tmp_path: Path, said: str, expected: str) -> None:
    """As etcdutl says it; -1 where nothing was compacted yet."""
    fake = tmp_path / "etcdutl"
    fake.write_text(f"#!/bin/sh\necho '{said}'\n")
    fake.chmod(0o755)
    done = run(f"WORK={tmp_path}; hash_of folder 6 {fake} || true")
    assert done.stdout == expected


LEASE = "panic: no lessor to attach lease\n\ngoroutine 1 [running]:\n\tmain.go:23 +0x13"


@pytest.mark.parametrize(
    ("panic", "by_etcd", "expected"),
    [
        (LEASE, TWO.split(",{")[0] + "]", "3065152303-3\n"),
        (LEASE, "", ""),
        (LEASE, "[]", ""),
        ("panic: something else", TWO, ""),
    ],
)
def test_etcd_tells_the_hash_where_a_key_has_a_lease(
    tmp_path: Path, panic: str, by_etcd: str, expected: str
) -> None:
    """As some always have with Kubernetes: etcdutl of 3.6 panics there."""
    fake = tmp_path / "etcdutl"
    fake.write_text(f"#!/bin/sh\nprintf '%s\\n' '{panic}' >&2; exit 2\n")
    fake.chmod(0o755)
    done = run(f"""
    WORK={tmp_path}; image_program() {{ echo "$1"; }}
    etcd_alone() {{ echo '{by_etcd}' >$4/said.log; [[ "$1 $2 $3 ${{*:6}}" == \
      "etcd etcdctl folder/data -1 --command-timeout=900s endpoint hashkv --rev 6 -w json" ]]; }}
    hash_of folder 6 {fake} || true
    """)
    assert done.stdout == expected


A, B = "https://10.0.0.1:2379", "https://10.0.0.2:2379"
COMPARED = {
    "the same": (f"{A} 5 3\n{B} 5 3", "same"),
    "one has compacted further": (f"{A} 5 3\n{B} 6 4", "same"),
    "all have compacted further": (f"{A} 6 4\n{B} 6 4", "compacted"),
    "another one": (f"{A} 5 3\n{B} 6 3", f"{B} has the hash 6, and the restored data has 5"),
    "no member": ("", "compacted"),
    # awk would take them for numbers, and for the same one
    "long numbers": (f"{A} 30651523039999999993 3", "and the restored data has 5"),
}


@pytest.mark.parametrize(("rows", "said"), COMPARED.values(), ids=COMPARED.keys())
def test_restored_data_is_compared_at_the_same_compaction(rows: str, said: str) -> None:
    """A compaction changes what is hashed."""
    assert said in run(f"compared '{rows}' 5 3").stdout


MEMBERS = (
    f"1 started a p {A} false\n2 started b p {B} false\n3 started c p https://10.0.0.3:2379 false"
)


@pytest.mark.parametrize(
    ("how", "serving", "expected"),
    [
        ("one", "1\n2\n3", B),
        ("all", "1\n2\n3", f"{B},https://10.0.0.3:2379,{A}"),
        ("one", "1", A),
        ("all", "1\n3", f"https://10.0.0.3:2379,{A}"),
        ("one", "", ""),
    ],
)
def test_leader_counts_its_keys_last(how: str, serving: str, expected: str) -> None:
    """It stands still while it counts, and everybody with it."""
    script = f"""
    MEMBERS='{MEMBERS}' SERVING='{serving}'; status_rows() {{ echo '{A} 1 9 1 false 3.6.6'; }}
    hash_urls {how}
    """
    assert run(script).stdout == expected


FOLDER = "etcd/cafe"
NAME = "2026-11-28T01-00-00Z_r7_etcd01"
DATA = b"k" * 1024
SNAPSHOT = DATA + hashlib.sha256(DATA).digest()
PACKED = gzip.compress(SNAPSHOT)


def _facts(**other: Any) -> dict[str, Any]:
    return {
        "cluster": "etcd",
        "clusterId": "cafe",
        "member": "etcd01",
        "time": "2026-11-28T01:00:00Z",
        "revision": 7,
        "keys": 5,
        "etcdVersion": "3.6",
        "hash": "5-3",
        "size": len(SNAPSHOT),
        "sum": SNAPSHOT[-32:].hex(),
        "sha256": hashlib.sha256(SNAPSHOT).hexdigest(),
        "gzSize": len(PACKED),
        "gzSha256": hashlib.sha256(PACKED).hexdigest(),
        **other,
    }


def _fetch(tmp_path: Path, data: bytes | None, facts: dict[str, Any] | str) -> tuple[int, str]:
    """What fetching this object ends with, and why."""
    folder = tmp_path / "store" / FOLDER
    folder.mkdir(parents=True)
    text = facts if isinstance(facts, str) else json.dumps(facts, separators=(",", ":"))
    (folder / f"{NAME}.json").write_text(text)
    if data is not None:
        (folder / f"{NAME}.db.gz").write_bytes(data)
    script = f"""
    S[backup-to]={tmp_path}/store; WORK={tmp_path}; open_store
    status=0 object={FOLDER}/{NAME}.db.gz
    {{ fetch_facts $object $WORK/facts && fetch_backup $object $WORK/facts $WORK/db; }} || status=$?
    echo "$status $PROOF_FAULT"
    """
    done = run(script)
    status, _, why = done.stdout.strip().partition(" ")
    left = {each.name for each in tmp_path.iterdir()}
    assert "db.gz" not in left
    assert ("db" in left) == (status == "0"), done.stderr
    return int(status), why


def test_whole_object_is_fetched(tmp_path: Path) -> None:
    """As it was when it was made."""
    assert _fetch(tmp_path, PACKED, _facts())[0] == 0
    assert (tmp_path / "db").read_bytes() == SNAPSHOT


OTHER = gzip.compress(b"x" * 1024 + hashlib.sha256(b"x" * 1024).digest())
DAMAGED = {
    "a flipped bit": (PACKED[:-9] + bytes([PACKED[-9] ^ 1]) + PACKED[-8:], _facts(), "damaged"),
    "truncated": (PACKED[:-5], _facts(), "bytes, and had"),
    "empty": (b"", _facts(), "bytes, and had"),
    "another snapshot": (
        OTHER,
        _facts(gzSize=len(OTHER), gzSha256=hashlib.sha256(OTHER).hexdigest()),
        "another snapshot",
    ),
    "another cluster's": (PACKED, _facts(clusterId="beef"), "cluster beef"),
    "no description": (PACKED, "<html>moved</html>", "not a backup's description"),
    "half a description": (PACKED, json.dumps(_facts())[:80], "not a backup's description"),
    "a size that is none": (PACKED, _facts(size="many"), "not a backup's description"),
    "no sum": (PACKED, _facts(sum=""), "not a backup's description"),
    "no version": (PACKED, _facts(etcdVersion="newest"), "not a backup's description"),
}


@pytest.mark.parametrize(("data", "facts", "why"), DAMAGED.values(), ids=DAMAGED.keys())
def test_damaged_object_is_found(
    tmp_path: Path, data: bytes, facts: dict[str, Any] | str, why: str
) -> None:
    """And told from one that could not be fetched."""
    status, said = _fetch(tmp_path, data, facts)
    assert status == 2
    assert why in said


def test_object_that_cannot_be_had_is_not_called_damaged(tmp_path: Path) -> None:
    """Nothing is known of it."""
    status, said = _fetch(tmp_path, None, _facts())
    assert status == 1
    assert "could not be fetched" in said
    assert "it is not listed" in said


def test_packed_bomb_does_not_fill_the_disk(tmp_path: Path) -> None:
    """The disk is that of etcd's data."""
    bomb = gzip.compress(bytes(16 * 1024 * 1024))
    facts = _facts(gzSize=len(bomb), gzSha256=hashlib.sha256(bomb).hexdigest())
    status, said = _fetch(tmp_path, bomb, facts)
    assert status == 2
    assert "larger than it was" in said


def test_description_is_small(tmp_path: Path) -> None:
    """It is fetched to where systemd and the kubelet have their sockets."""
    status, said = _fetch(tmp_path, PACKED, _facts(member="x" * 100_000))
    assert status == 2
    assert "too large" in said


PROVED = {
    "as it was": ("", "0"),
    "another hash": ("hash_of() { echo 6-3; }", "1 has the hash 6-3; it had 5-3"),
    "its hash cannot be made": ("hash_of() { return 1; }", "1 could not be made"),
    "it cannot be restored here": (
        "restore_to_scratch() { PROOF_FAULT='it cannot be restored'; return 1; }",
        "1 cannot be restored",
    ),
    "etcdutl does not end": ("utl() { return 124; }", "1 could not be read"),
    "of a newer etcd": ("metric() { echo 3.5.9; }", "1 could not start from it"),
    "etcd does not answer": ("metric() { :; }", "1 unknown version"),
    "no room": ("room_in() { echo 5; }", "1 5 bytes free"),
}


@pytest.mark.parametrize(("stub", "expected"), PROVED.values(), ids=PROVED.keys())
def test_backup_that_this_host_cannot_restore_is_not_called_damaged(
    tmp_path: Path, stub: str, expected: str
) -> None:
    """People are told to delete what is damaged. This is, bit for bit, what was proved once."""
    script = f"""
    WORK={tmp_path}; metric() {{ echo 3.6.6; }}; hash_of() {{ echo 5-3; }}
    utl() {{ echo '{{"version":"3.6.0"}}'; }}
    fetch_facts() {{ cp {tmp_path}/facts "$2"; }}; fetch_backup() {{ true; }}
    restore_to_scratch() {{ true; }}; gently() {{ utl; }}; fake() {{ true; }}
    {stub}
    status=0; prove_newest o {tmp_path} fake || status=$?
    echo "$status $PROOF_FAULT"
    """
    (tmp_path / "facts").write_text(json.dumps(_facts(), separators=(",", ":")))
    status, _, why = run(script).stdout.strip().partition(" ")
    wanted, _, reason = expected.partition(" ")
    assert status == wanted, why
    assert reason in why


@pytest.mark.parametrize(
    ("ends", "kept"),
    [((0,), True), ((2, 0), True), ((2, 2, 2), True), ((1,), False), ((2, 1), False)],
)
def test_snapshot_that_is_not_what_the_members_hold_is_not_kept(
    tmp_path: Path, ends: tuple[int, ...], kept: bool
) -> None:
    """One that could not be compared, for each time a compaction came in between, is."""
    script = f"""
    WORK={tmp_path}; S[member]=a; STATUS_TEXT=x
    look() {{ true; }}; serving_url() {{ echo url; }}; largest_database() {{ echo 1; }}
    backup_room_fault() {{ :; }}; save_snapshot() {{ true; }}; all_urls() {{ :; }}
    ends=({" ".join(map(str, ends))}); n=0
    prove_snapshot() {{ PROVED_HASH=5-3; n=$((n + 1)); return "${{ends[n - 1]}}"; }}
    proved_snapshot utl {tmp_path}/db one
    echo "KEPT after $n: $PROVED_HASH"
    """
    done = run(script)
    assert (done.returncode == 0) is kept, done.stderr
    expected = f"KEPT after {len(ends)}: {'5-3' if ends[-1] == 0 else ''}".strip()
    assert done.stdout.strip() == (expected if kept else "")
