"""The store of backups: what rclone says, what it is told, and a folder in its place."""

from __future__ import annotations

import base64
import time
from pathlib import Path

import pytest

from .bash import run

SECRET = "kLm0n/Opq'Rst\"Uvw"
# As rclone 1.60.1 says it, with the lab's store.
SAID = {
    "one line": (
        "2026/11/28 22:40:09 Failed to copyto: Forbidden: Forbidden\n"
        "\tstatus code: 403, request id: J5IJJ1KSJLI0M8PH, host id: 7fZkzHNW0=\n",
        "Failed to copyto: Forbidden: Forbidden",
    ),
    "with its cause": (
        "2026/11/28 22:40:08 ERROR : Attempt 1/1 failed with 1 errors and: RequestError\n"
        "2026/11/28 22:40:09 Failed to lsf with 2 errors: last error was: error in ListJSON: "
        "RequestError: send request failed\n"
        'caused by: Get "https://10.0.0.13:7070/x": dial tcp: connect: connection refused\n',
        "Failed to lsf with 2 errors: last error was: error in ListJSON: RequestError: send "
        "request failed: caused by: Get https://10.0.0.13:7070/x: dial tcp: connect: connection "
        "refused",
    ),
    "nothing": ("\n", "no reason given"),
    "a key of ours": (
        f"2026/11/28 22:40:09 ERROR : the key {SECRET} is not known\n",
        "the key *** is not known",
    ),
    "a key at the end of a long line": (f"{'x' * 295}{SECRET}\n", "x" * 295 + "***"),
    "a signature": (
        'Get "https://a.example.com/b?sv=1&sig=abc%3D": dial tcp: refused\n',
        "Get https://a.example.com/b?***: dial tcp: refused",
    ),
    "a user": ("dial https://u:p@a.example.com/b\n", "dial https://***@a.example.com/b"),
    "a place of ours": ("https://s3.example.com is away\n", "https://s3.example.com is away"),
}


@pytest.mark.parametrize(("said", "expected"), SAID.values(), ids=SAID.keys())
def test_reason_is_what_rclone_said_last(tmp_path: Path, said: str, expected: str) -> None:
    """In one line, without quotes, numbers of requests and credentials."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store/rclone.conf").write_text(
        "[store]\ntype = s3\nendpoint = https://s3.example.com\nregion = abcdefgh12345678x\n"
        f"secret_access_key = {SECRET}\n"
    )
    (tmp_path / "store.log").write_text(said)
    assert run(f"WORK={tmp_path}; store_fault").stdout == f"{expected}\n"


def _opened(tmp_path: Path, script: str, **keys: str) -> str:
    rclone = tmp_path / "rclone"
    obscured = "{ head -c 16 /dev/zero; cat; } | base64 -w0 | tr -d ="
    rclone.write_text(f'#!/bin/sh\nif [ "$3" = obscure ]; then {obscured}; fi\n')
    rclone.chmod(0o755)
    told = "".join(f"S[backup-{key}]='{value}'\n" for key, value in keys.items())
    done = run(f"PATH={tmp_path}:$PATH WORK={tmp_path}\n{told}open_store\n{script}")
    assert done.stderr == ""
    return done.stdout


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_rclone_is_told_by_a_file(tmp_path: Path) -> None:
    """That root alone reads; a bucket that is not there is not made."""
    remote = _coded("type = s3\nsecret_access_key = geheim\n")
    script = "stat -c %a $WORK/store/rclone.conf; cat $WORK/store/rclone.conf; store_path etcd/cafe"
    assert _opened(tmp_path, script, to="bucket/lab", remote=remote).splitlines() == [
        "600",
        "[store]",
        "type = s3",
        "secret_access_key = geheim",
        "no_check_bucket = true",
        "store:bucket/lab/etcd/cafe",
    ]


def test_password_encrypts_what_goes_there(tmp_path: Path) -> None:
    """Also into a folder. Names stay readable."""
    script = "cat $WORK/store/rclone.conf; store_path etcd/cafe"
    said = _opened(tmp_path, script, to="/mnt/etcd", password=_coded("abc")).splitlines()
    assert said == [
        "[store]",
        "type = local",
        "",
        "[encrypted]",
        "type = crypt",
        "remote = store:/mnt/etcd",
        f"password = {'A' * 21}GFiYw",
        "filename_encryption = off",
        "directory_name_encryption = false",
        "encrypted:etcd/cafe",
    ]


def test_folder_is_a_store(tmp_path: Path) -> None:
    """Whole files of root's; nothing else is looked at."""
    (tmp_path / "file").write_text("whole")
    script = """
    mkdir $STORE_ROOT; store_list etcd/cafe && echo empty
    store_put $WORK/file etcd/cafe/a.json && store_list etcd/cafe
    : >$STORE_ROOT/etcd/cafe/.b.json; store_list etcd/cafe
    stat -c %a $STORE_ROOT/etcd/cafe $STORE_ROOT/etcd/cafe/a.json
    store_get etcd/cafe/a.json $WORK/back && cat $WORK/back && echo
    store_get etcd/cafe/b.json $WORK/back || store_fault; ls $WORK/back 2>/dev/null || echo gone
    store_delete etcd/cafe/a.json && store_list etcd/cafe
    """
    said = _opened(tmp_path, script, to=f"{tmp_path}/folder").splitlines()
    assert said[:6] == ["empty", "5 a.json", "5 a.json", "700", "600", "whole"]
    assert "No such file or directory" in said[6]
    assert said[7:] == ["gone"]


# As rclone puts an object into an encrypted folder, by the name that crypt gives it.
CRYPT = """#!/bin/sh
while [ "$1" != copyto ]; do shift; done
{ printf 'RCLONE\\0\\0'; cat "$2"; } >"$TO/${3#encrypted:}.bin" || exit 1
echo "stored ${3#encrypted:}" >>"$TO/said"
"""


def _encrypted(tmp_path: Path, script: str) -> list[str]:
    """What it says in a store that is a folder with a password; `said`: what was done there."""
    rclone = tmp_path / "bin/rclone"
    rclone.parent.mkdir()
    rclone.write_text(CRYPT.replace("$TO", f"{tmp_path}/folder"))
    rclone.chmod(0o755)
    (tmp_path / "file").write_text("whole")
    (tmp_path / "folder").mkdir()
    done = run(
        f"PATH={tmp_path}/bin:$PATH WORK={tmp_path}; mkdir $WORK/store\n"
        f"S[backup-to]={tmp_path}/folder; S[backup-password]=x; STORE_ROOT=encrypted:\n"
        f'sync() {{ echo "synced ${{*##*/}}" >>{tmp_path}/folder/said; command sync "$@"; }}\n'
        f'timeout() {{ shift 3; "$@"; }}\n{script}',
        places={"readonly DATA=/var/lib/etcd": f"readonly DATA={tmp_path}"},
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_encrypted_folder_gets_whole_files_that_are_on_its_disk(tmp_path: Path) -> None:
    """A host that loses its power meanwhile leaves none of the right name, and of no content."""
    script = """
    store_put $WORK/file etcd/cafe/a.json && cat $WORK/folder/said
    cd $WORK/folder; stat -c %a etcd/cafe etcd/cafe/a.json.bin; find . -name '*.bin'
    """
    assert _encrypted(tmp_path, script) == [
        *("stored etcd/cafe/.a.json", "synced -d .a.json.bin"),
        *("700", "600", "./etcd/cafe/a.json.bin"),
    ]


def test_encrypted_folder_leaves_room_for_etcd_where_no_share_is_mounted(tmp_path: Path) -> None:
    """As one that is not."""
    script = """
    folder_room() { echo 1000; }
    store_put $WORK/file etcd/cafe/a.json || store_fault; find $WORK/folder -type f
    """
    (said,) = _encrypted(tmp_path, script)
    assert "1000 bytes free" in said


@pytest.mark.parametrize("fault", ["sync", "mv", "store_rclone"])
def test_encrypted_object_that_cannot_be_stored_leaves_no_half(tmp_path: Path, fault: str) -> None:
    """Under no name."""
    script = f"""
    {fault}() {{ echo "no, says {fault}" >&2; return 1; }}
    store_put $WORK/file etcd/cafe/a.json || echo FAILED; find $WORK/folder -name '*.bin'
    """
    if fault == "store_rclone":
        script = script.replace(">&2", ">$WORK/store.log")
    assert _encrypted(tmp_path, script) == ["FAILED"]


def test_file_that_cannot_be_stored_leaves_no_half(tmp_path: Path) -> None:
    """Under no name."""
    (tmp_path / "folder/etcd/cafe/a.json").mkdir(parents=True)
    script = """
    store_put $WORK/nowhere etcd/cafe/a.db.gz || store_fault
    find $STORE_ROOT -type f
    """
    said = _opened(tmp_path, script, to=f"{tmp_path}/folder").splitlines()
    assert len(said) == 1
    assert "No such file" in said[0]


def test_object_that_rclone_does_not_find_is_not_had(tmp_path: Path) -> None:
    """Rclone ends well then, and writes nothing."""
    remote = _coded("type = s3\n")
    script = "store_get etcd/cafe/a.json $WORK/back || { echo refused; store_fault; }"
    assert _opened(tmp_path, script, to="bucket", remote=remote).splitlines() == [
        "refused",
        "it is not there",
    ]


@pytest.mark.parametrize(
    ("taken", "opened"), [("cat", True), ("{ cat >/dev/null; printf -- -; }", False)]
)
def test_rclone_that_takes_the_hyphen_for_the_password_is_refused(
    tmp_path: Path, taken: str, opened: bool
) -> None:
    """As before 1.53: backups would be encrypted with a password that everybody knows."""
    fake = tmp_path / "rclone"
    fake.write_text(
        f"#!/bin/sh\n{{ head -c 16 /dev/zero; {taken}; }} | base64 -w0 | tr -d = | tr +/ -_\n"
    )
    fake.chmod(0o755)
    password = base64.b64encode(b"correct horse").decode()
    done = run(
        f"PATH={tmp_path}:$PATH; WORK={tmp_path}; S[backup-to]=/b; S[backup-password]={password}\n"
        "open_store; echo OPENED"
    )
    assert ("OPENED" in done.stdout) is opened, done.stderr
    assert opened or "1.53" in done.stderr


# What waits for the server, and in which call.
SILENT = {
    "look": ("ls", "store_list etcd/cafe"),
    "look below": ("stat", "store_list etcd/cafe"),
    "list": ("find", "store_list etcd/cafe"),
    "make": ("mkdir", "store_put $WORK/file etcd/cafe/a.json"),
    "whose disk": ("stat", "store_put $WORK/file etcd/cafe/a.json"),
    "put": ("install", "store_put $WORK/file etcd/cafe/a.json"),
    "sync": ("sync", "store_put $WORK/file etcd/cafe/a.json"),
    "name": ("mv", "store_put $WORK/file etcd/cafe/a.json"),
    "get": ("cp", "store_get etcd/cafe/a.json $WORK/back"),
    "delete": ("rm", "store_delete etcd/cafe/a.json"),
    "a new folder": ("mkdir", "recall() { :; }; make_folder"),
    "room": ("df", "folder_room /"),
}


@pytest.mark.parametrize("case", [*SILENT, "list, deaf"])
def test_share_whose_server_is_gone_is_not_waited_for_without_end(
    tmp_path: Path, case: str
) -> None:
    """A hard mount makes every program wait that touches it, and `up` with it."""
    name, _, deaf = case.partition(", ")
    program, call = SILENT[name]
    (tmp_path / "store/etcd/cafe").mkdir(parents=True)
    (tmp_path / "file").write_text("x")
    silent = tmp_path / "bin" / program
    silent.parent.mkdir()
    trap = "trap '' TERM\n" if deaf else ""
    silent.write_text(f"#!/bin/sh\n{trap}sleep 60\n")
    silent.chmod(0o755)
    begin = time.monotonic()
    done = run(
        f"S[backup-to]={tmp_path}/store; WORK={tmp_path}; open_store; PATH={tmp_path}/bin:$PATH\n"
        f"{call} || {{ echo FAILED; store_fault; }}",
        places={
            "STORE_SECONDS=3600 LIST_SECONDS=60": "STORE_SECONDS=1 LIST_SECONDS=1",
            "timeout -k 5": "timeout -k 1",
        },
    )
    assert done.stdout.splitlines()[-2:] == ["FAILED", "no answer within 1 s"], done.stderr
    assert time.monotonic() - begin < 20
