"""What tests write down about a system, and the page that shows it."""

from __future__ import annotations

from pathlib import Path

from tests.support import record

ROW = {
    "system": "debian 13", "cgroup": "v2", "kernel": "6.12, its own", "runtime": "containerd 1.7",
    "kubernetes": "v1.35.4", "etcd": "3.6.6", "passed": "first up", "plugin": "stand-in",
    "when": "2026-11-29",
}  # fmt: skip


def test_the_page_shows_the_rows_that_are_there() -> None:
    """After a new row: `.venv/bin/python -m tests.support.record`."""
    assert record.PAGE.read_text() == record.page()


def test_a_row_takes_the_place_of_the_one_before_it(tmp_path: Path) -> None:
    """Of the same system, runtime and story; another runtime has a row of its own."""
    record.write(tmp_path, {**ROW, "when": "2026-01-01"})
    record.write(tmp_path, ROW)
    record.write(tmp_path, {**ROW, "runtime": "CRI-O 1.27.1"})
    lines = record.table(tmp_path).splitlines()
    assert len(lines) == 4
    assert "2026-01-01" not in record.table(tmp_path)
    assert lines[2].count("|") == len(record.COLUMNS) + 1
