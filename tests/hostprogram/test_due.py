"""When a backup is fetched from the store and restored."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from .asking import on_host
from .bash import run
from .test_backup import MADE
from .test_damage import HOURS, stored


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
    script = f'recall() {{ [[ $1 != backup-proof ]] || echo "{proved}"; }}\n'
    script += "if proof_due; then echo DUE; else echo NOT; fi"
    assert run(script).stdout == ("DUE\n" if due else "NOT\n")


REAL = MADE.replace("proof_due() { false; }\n", "")
UNREAD = "prove_newest() { PROOF_FAULT='403 Forbidden'; return 1; }"
READ = "prove_newest() { true; }"


def _run(folder: Path, run: str, proves: str, **memory: str) -> tuple[int, str]:
    """What a run ends with, and says; proved an hour ago, and the rules keep one backup."""
    script = f"""
    WORK={folder}; S[backup-to]={folder}/store; S[backup-keep]='1 0 0 0'; when() {{ :; }}
    S[backup-metrics]={folder}; put_file() {{ cp "$3" "$1"; }}
    {proves}; {run}
    """
    done = on_host(folder, script, REAL, **{"formed": "cafe", **memory})
    return done.returncode, done.stderr


def _fact(folder: Path, name: str) -> str:
    file = folder / "state" / f"backup-{name}"
    return file.read_text().strip() if file.exists() else ""


@pytest.fixture
def unproved(tmp_path: Path) -> Path:
    """A host that has proved one lately, and then could not."""
    stored(tmp_path, *HOURS[:4])
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    status, said = _run(tmp_path, "backup_and_note prove", UNREAD, backup_proof=f"{now} x")
    assert (status, "403 Forbidden" in said) == (4, True)
    return tmp_path


def _backups(folder: Path) -> int:
    return len(list(folder.glob("store/etcd/cafe/*.db.gz")))


def test_nothing_is_deleted_before_a_proof_that_failed_went_well(unproved: Path) -> None:
    """By whom it was begun, and when the last good one was, is all the same."""
    status, said = _run(unproved, "backup_and_note scheduled", UNREAD)
    assert (status, "could not be proved: 403 Forbidden" in said) == (5, True)
    assert _backups(unproved) == 5
    assert _run(unproved, "backup_and_note scheduled", READ)[0] == 0
    assert (_backups(unproved), _fact(unproved, "unproved")) == (1, "")


def test_nothing_is_deleted_either_where_an_older_one_is_missed(unproved: Path) -> None:
    """Its share was away for longer than the rules reach back, and is there again."""
    missed = {"backup_missed": "etcd/cafe/2020-01-01T00-00-00Z_r1_a.db.gz"}
    assert _run(unproved, "backup_and_note scheduled", UNREAD, **missed)[0] == 5
    assert _backups(unproved) == 5
    assert _run(unproved, "backup_and_note scheduled", READ, **missed)[0] == 5
    assert _backups(unproved) == 1


@pytest.mark.parametrize(("damaged", "proved"), [(HOURS[3:4], HOURS[2]), (HOURS[:4], HOURS[3])])
def test_what_was_found_damaged_is_not_proved_in_place_of_what_counts(
    tmp_path: Path, damaged: list[str], proved: str
) -> None:
    """Unless there is nothing else. (Whoever asks for a proof has the newest proved.)"""
    stored(tmp_path, *HOURS[:4])
    found = "\n".join(f"etcd/cafe/{each}.db.gz 2026-11-28T23:30:00Z damaged" for each in damaged)
    says = 'prove_newest() { echo "PROVES $1." >&2; }'
    status, said = _run(tmp_path, "backup_and_note scheduled", says, backup_damage=found)
    assert (status, f"PROVES etcd/cafe/{proved}.db.gz." in said) == (0, True)


def test_proof_that_was_cut_off_is_begun_again(unproved: Path) -> None:
    """It may have been about to fail."""
    _run(unproved, "backup_and_note prove", READ)
    assert _fact(unproved, "unproved") == ""
    _run(unproved, "backup_and_note prove", "prove_newest() { kill -9 $$ $BASHPID; }")
    assert _fact(unproved, "unproved").endswith("Z was interrupted")
    assert _run(unproved, "proof_due || exit 9", READ)[0] == 0


def test_run_that_could_not_prove_leaves_that_to_be_said(unproved: Path) -> None:
    """A change goes on all the same: what it was made before is stored, and was proved as such."""
    assert _run(unproved, "backup_and_note before", UNREAD)[0] == 0
    assert _fact(unproved, "fault").endswith("Z backup prove: 403 Forbidden")
    metrics = (unproved / "etcd_backup.prom").read_text()
    assert 'last_attempt_failed{cluster="etcd"} 1' in metrics
    assert _run(unproved, "backup_and_note before", READ)[0] == 0
    assert _fact(unproved, "fault") == ""


@pytest.mark.parametrize(("proves", "status"), [(UNREAD, 4), (READ, 0)], ids=["fails", "proves"])
def test_other_member_proves_what_it_could_not(unproved: Path, proves: str, status: int) -> None:
    """That the leader made a backup says nothing of that."""
    settings = unproved / "state/backup/settings"
    settings.parent.mkdir()
    settings.write_text("cluster: etcd\nmember: a\ntoken: cafe\n")
    script = """
    read_state() { :; }; metric() { echo 0; }; sleep() { :; }; lock() { :; }
    made_by_another() { forget backup-fault; }; verb_backup scheduled
    """
    assert _run(unproved, script, proves)[0] == status
    assert bool(_fact(unproved, "fault")) is bool(status)
    assert _backups(unproved) == 4
