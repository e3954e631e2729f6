"""A backup that is fetched: a fault of this host, or of the way, does not make it a damaged one."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import pytest

from .bash import run

OBJECT = "etcd/cafe/2026-11-28T01-00-00Z_r7_etcd01.db.gz"
DATA = b"k" * 1024
SNAPSHOT = DATA + hashlib.sha256(DATA).digest()
PACKED = gzip.compress(SNAPSHOT)
FACTS = {
    "size": len(SNAPSHOT),
    "sum": SNAPSHOT[-32:].hex(),
    "gzSize": len(PACKED),
    "gzSha256": hashlib.sha256(PACKED).hexdigest(),
}
NAMES = ("cluster", "member", "time")
FULL = """head() {
  [[ $1 == -c ]] || { command head "$@"; return; }
  echo "head: error writing 'standard output': No space left on device" >&2; return 1
}"""


def _fetched(tmp_path: Path, stubs: str) -> tuple[str, str]:
    """What fetching a backup ends with, that is as it was when it was made."""
    stored = tmp_path / "store" / OBJECT
    stored.parent.mkdir(parents=True)
    stored.write_bytes(PACKED)
    (tmp_path / "facts").write_text(json.dumps(FACTS, separators=(",", ":")))
    done = run(f"""
    S[backup-to]={tmp_path}/store; WORK={tmp_path}; open_store
    {stubs}
    status=0; fetch_backup {OBJECT} {tmp_path}/facts {tmp_path}/db || status=$?
    echo "$status $PROOF_FAULT"
    """)
    status, _, why = done.stdout.strip().partition(" ")
    left = {each.name for each in tmp_path.iterdir()}
    assert "db.gz" not in left
    assert ("db" in left) == (status == "0"), done.stderr
    return status, why


LOCAL = {
    "the disk is full": (FULL, "No space left on device"),
    "the disk is full, as a service of systemd": (
        f"trap '' PIPE; {FULL}",
        "No space left on device",
    ),
    "it cannot be read back": (
        "gzip() { echo 'gzip: stdin: Input/output error' >&2; return 1; }; gently() { \"$@\"; }",
        "Input/output error",
    ),
    "its sum cannot be made": (
        'sha256sum() { return 1; }; gently() { "$@"; }',
        "could not be read on this host",
    ),
    "what was unpacked cannot be read": ("snapshot_mark() { echo unreadable; }", "unreadable"),
    "nobody says why": ('gently() { [[ $1 != gzip ]] && "$@"; }', "ended with status"),
}


@pytest.mark.parametrize(("stubs", "why"), LOCAL.values(), ids=LOCAL.keys())
def test_fault_of_this_host_does_not_make_a_backup_a_damaged_one(
    tmp_path: Path, stubs: str, why: str
) -> None:
    """It would no longer count, and people are told to delete it."""
    status, said = _fetched(tmp_path, stubs)
    assert status == "1"
    assert why in said


def _arrives(*times: str) -> str:
    """The store gives these in turn: cut, other or whole."""
    return f"""
    turn=0; how=({" ".join(times)})
    store_get() {{
      cp $STORE_ROOT/$1 $2
      case ${{how[turn]}} in
        cut) truncate -s -3 $2 ;;
        other) printf x | dd of=$2 conv=notrunc ;;
      esac
      turn=$((turn + 1))
    }} 2>/dev/null
    """


@pytest.mark.parametrize(
    ("times", "expected", "why"),
    [
        (("whole",), "0", ""),
        (("cut", "whole"), "0", ""),
        (("other", "whole"), "0", ""),
        (("cut", "cut"), "2", "bytes, and had"),
        (("other", "other"), "2", "is damaged"),
    ],
)
def test_backup_that_arrives_otherwise_is_fetched_once_more(
    tmp_path: Path, times: tuple[str, ...], expected: str, why: str
) -> None:
    """Before it is called damaged."""
    status, said = _fetched(tmp_path, _arrives(*times))
    assert status == expected
    assert expected == "0" or why in said


@pytest.mark.parametrize(("reads", "status"), [(1, "0"), (2, "2")])
@pytest.mark.parametrize("said", ["cut", "corrupted on transfer"])
def test_description_is_read_twice_before_it_is_called_damaged(
    tmp_path: Path, said: str, reads: int, status: str
) -> None:
    """A backup that is whole would no longer count, on any host."""
    text = {**dict.fromkeys(NAMES, "x"), **FACTS, "clusterId": "cafe", "hash": "", "revision": 7}
    text |= {"keys": 1, "etcdVersion": "3.6", "sha256": "0" * 64}
    (tmp_path / "whole").write_text(json.dumps(text, separators=(",", ":")))
    done = run(f"""
    WORK={tmp_path}; stored_size() {{ echo 300; }}; turn=0
    store_get() {{
      cp {tmp_path}/whole $2; turn=$((turn + 1)); ((turn <= {reads})) || return 0
      if [[ '{said}' == cut ]]; then truncate -s 40 $2; return 0; fi
      echo 'Failed to copy: {said}' >$WORK/store.log; return 1
    }}
    status=0; fetch_facts {OBJECT} {tmp_path}/facts || status=$?; echo "$status $turn"
    """)
    assert done.stdout == f"{status} 2\n", done.stderr
    assert "It is fetched once more" in done.stderr


CRYPT = {
    "a flipped byte": ("failed to authenticate decrypted block - bad password?", "2"),
    "another file": ("not an encrypted file - bad magic string", "2"),
    "its end": ("file has truncated block header", "2"),
    "nearly nothing": ("file is too short to be encrypted", "2"),
    "the network": ("dial tcp: connection refused", "1"),
}


@pytest.mark.parametrize(("said", "expected"), CRYPT.values(), ids=CRYPT.keys())
def test_encrypted_backup_that_cannot_be_decrypted_is_damaged(
    tmp_path: Path, said: str, expected: str
) -> None:
    """Its description could, with the same password; in rclone's words (backend/crypt)."""
    line = f"2026/11/28 22:00:00 ERROR : x.db.gz: Failed to copy: {said}"
    status, why = _fetched(tmp_path, f"store_get() {{ echo '{line}' >$WORK/store.log; return 1; }}")
    assert status == expected
    assert said.partition(" - ")[0] in why


@pytest.mark.parametrize("said", [each for each, _ in CRYPT.values()])
def test_description_that_cannot_be_decrypted_is_not_called_damaged(
    tmp_path: Path, said: str
) -> None:
    """It may be the password that is another one."""
    done = run(f"""
    WORK={tmp_path}; stored_size() {{ echo 300; }}
    store_get() {{ echo 'Failed to copy: {said}' >$WORK/store.log; return 1; }}
    fetch_facts {OBJECT} {tmp_path}/facts || echo $?
    """)
    assert done.stdout == "1\n"


@pytest.mark.parametrize("pipe", ["", "trap '' PIPE"])
def test_what_is_larger_than_its_description_says_is_damaged(tmp_path: Path, pipe: str) -> None:
    """Also where a program that nobody reads is not killed: systemd's services ignore SIGPIPE."""
    bomb = gzip.compress(bytes(16 * 1024 * 1024))
    (tmp_path / "x.gz").write_bytes(bomb)
    done = run(f"WORK={tmp_path}; {pipe}\nunpack {tmp_path}/x 100 o || echo $? $PROOF_FAULT")
    assert done.stdout == "2 o cannot be unpacked: it is larger than it was\n"
