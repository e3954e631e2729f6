"""What rclone says, and what of it is told; and that it knows the password."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from .bash import run

SECRET = "kLm0n/Opq'Rst\"Uvw"
CONFIG = f"[store]\ntype = s3\nsecret_access_key = {SECRET}\nendpoint = https://s3.example.com\n"
AT = "2026/11/28 22:00:00 "
SAID = {
    "level and time": (f"{AT}ERROR : x: no\n", "x: no"),
    "a credential": (f"{AT}Failed to lsf: key {SECRET} is wrong\n", "to lsf: key *** is wrong"),
    "a credential at the end of a long line": (f"{'x' * 295}{SECRET}\n", "x" * 295 + "***"),
    "a signature": (
        'Get "https://a.example.com/b?sv=1&sig=abc%3D": dial tcp: refused\n',
        "Get https://a.example.com/b?***: dial tcp: refused",
    ),
    "a user": ("dial https://u:p@a.example.com/b\n", "dial https://***@a.example.com/b"),
    "the store's address": ("https://s3.example.com: EOF\n", "https://s3.example.com: EOF"),
    "nothing": ("", "no reason given"),
}


@pytest.mark.parametrize(("said", "told"), SAID.values(), ids=SAID.keys())
def test_what_rclone_says_is_told_without_credentials(tmp_path: Path, said: str, told: str) -> None:
    """It is in previews, in the journal and in the state."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store/rclone.conf").write_text(CONFIG)
    assert run(f"WORK={tmp_path}; said_by_rclone", said).stdout == f"{told}\n"


@pytest.mark.parametrize(("taken", "opened"), [("cat", True), ("printf -- -", False)])
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
