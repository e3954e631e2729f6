"""When a backup is fetched from the store and restored."""

from __future__ import annotations

import pytest

from .bash import run


@pytest.mark.parametrize(
    ("proved", "due"),
    [
        ("", True),
        ("some day", True),
        ("$(date -u -d '1 hour ago' +%Y-%m-%dT%H:%M:%SZ) etcd/cafe/x.db.gz", False),
        ("$(date -u -d '21 hours ago' +%Y-%m-%dT%H:%M:%SZ) etcd/cafe/x.db.gz", True),
        ("$(date -u -d '1 hour' +%Y-%m-%dT%H:%M:%SZ) etcd/cafe/x.db.gz", True),
    ],
)
def test_backup_is_proved_once_a_day(proved: str, due: bool) -> None:
    """Never proved is not proved at midnight, and a clock that was ahead postpones nothing."""
    script = f'recall() {{ echo "{proved}"; }}; if proof_due; then echo DUE; else echo NOT; fi'
    assert run(script).stdout == ("DUE\n" if due else "NOT\n")
