"""Which etcd a database is of, read from the file as etcd has it."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from .bash import run

SAID = Path(__file__).parent / "said"
BACK = "3.6-back-to-3.5"
"""Written by 3.6.16, told to go back, and by 3.5.9 since. Free pages of before still say 3.6."""
STATUS = '{"hash":1,"revision":31,"totalKey":36,"totalSize":24576}'
"""As an etcdutl of 3.5 prints it."""


def printed(script: str) -> str:
    """What it prints, in one line."""
    done = run(script)
    assert done.stderr == ""
    return done.stdout.strip()


def snapshot(folder: Path, name: str) -> Path:
    """One that etcdctl saved. But for BACK, all values in it are storageVersion99.9.0."""
    file = folder / "snapshot.db"
    file.write_bytes(gzip.decompress((SAID / f"snapshot-{name}.db.gz").read_bytes()))
    return file


@pytest.mark.parametrize(
    ("name", "version"), [("3.5.9", "3.5"), ("3.6.16", "3.6"), ("3.7.3", "3.7"), (BACK, "3.5")]
)
def test_database_counts_and_neither_its_values_nor_its_free_pages(
    tmp_path: Path, name: str, version: str
) -> None:
    """One of 3.5 says nothing of its version."""
    file = snapshot(tmp_path, name)
    assert (b"storageVersion3.6" in file.read_bytes()) == (name in ("3.6.16", BACK))
    (tmp_path / "status.json").write_text(STATUS)
    assert printed(f"snapshot_version {tmp_path}/status.json {file}") == version


@pytest.mark.parametrize("kept", [0, 20, 4096, 8192])
def test_what_cannot_be_read_is_not_taken_for_an_old_one(tmp_path: Path, kept: int) -> None:
    """Where the file ends before the page that would say it."""
    file = snapshot(tmp_path, "3.6.16")
    file.write_bytes(file.read_bytes()[:kept])
    assert printed(f"database_version {file} || echo failed") == "failed"


def test_garbled_page_is_not_taken_for_an_old_one(tmp_path: Path) -> None:
    """The file has its length, and its first two pages are whole."""
    file = snapshot(tmp_path, "3.6.16")
    whole = file.read_bytes()
    file.write_bytes(whole[:8192] + b"\xff" * (len(whole) - 8192))
    assert printed(f"database_version {file} || echo failed") == "failed"
