"""What hosts know of backups that are not what they were, and of a store that is away."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import on_host

HOURS = [f"2026-11-28T{hour:02}-00-00Z_r7_etcd01" for hour in range(24)]
FOUND = "2026-11-28T23:30:00Z it is damaged"


def stored(folder: Path, *names: str) -> Path:
    """A store with these backups, whole as far as a list shows."""
    store = folder / "store/etcd/cafe"
    store.mkdir(parents=True, exist_ok=True)
    for name in names:
        for ending in (".db.gz", ".json"):
            (store / f"{name}{ending}").write_text("x")
    return store


def _here(
    folder: Path, script: str, host: str = "a", **memory: str
) -> subprocess.CompletedProcess[str]:
    """Runs it on one of several hosts that have the same store."""
    own = folder / host
    own.mkdir(exist_ok=True)
    told = f"S[cluster]=etcd; S[member]={host}; S[backup-to]={folder}/store; WORK={own}; open_store"
    told += "; refuse_no_cluster"
    return on_host(own, f"{told}\n{script}", **{"formed": "cafe", **memory})


def _damage(folder: Path, host: str = "a") -> str:
    known = folder / host / "state/backup-damage"
    return known.read_text() if known.exists() else ""


AWAY = {
    "not mounted where its folder is not there": ("rmdir {store}", "is not there. Mount it"),
    "no folder": ("rmdir {store}; : >{store}", "Not a directory"),
    "stale": ("says ls 'ls: Stale file handle'", "Stale file handle"),
    "stale below": ("says stat 'stat: Stale file handle'", "Stale file handle"),
    "not allowed": ("says stat 'stat: Permission denied'", "denied"),
}


@pytest.mark.parametrize(("away", "why"), AWAY.values(), ids=AWAY.keys())
def test_folder_that_cannot_be_looked_at_is_not_an_empty_one(
    tmp_path: Path, away: str, why: str
) -> None:
    """What is in it is not known."""
    (tmp_path / "store").mkdir()
    script = f"""
    PATH={tmp_path}:$PATH
    says() {{ printf '#!/bin/sh\\necho "%s" >&2; exit 2\\n' "$2" >{tmp_path}/$1
      chmod +x {tmp_path}/$1; }}
    {away.format(store=tmp_path / "store")}
    store_list etcd/cafe || store_fault
    """
    assert why in _here(tmp_path, script).stdout


def test_encrypted_folder_that_is_not_there_is_not_an_empty_one(tmp_path: Path) -> None:
    """rclone tells a folder that is not mounted and a cluster without backups alike."""
    script = f"""
    S[backup-password]=x STORE_ROOT=encrypted: S[backup-to]={tmp_path}/store
    store_rclone() {{ return 3; }}
    store_list etcd/cafe && echo EMPTY || store_fault
    mkdir {tmp_path}/store; store_list etcd/cafe && echo EMPTY
    """
    first, second = _here(tmp_path, script).stdout.splitlines()
    assert "is not there" in first
    assert second == "EMPTY"


def test_folder_of_a_new_store_is_made(tmp_path: Path) -> None:
    """Once: when a backup was seen in it, it is not mounted where it is not there."""
    script = "{ make_folder && store_list etcd/cafe && echo EMPTY; } || store_fault"
    assert _here(tmp_path, script).stdout == "EMPTY\n"
    (tmp_path / "store").rmdir()
    known = str(tmp_path / "store")
    assert "Mount it" in _here(tmp_path, script, backup_store=known).stdout
    assert not (tmp_path / "store").exists()
    assert _here(tmp_path, script, backup_store="/another").stdout == "EMPTY\n"


@pytest.mark.parametrize("script", ["prune", "prove_from_store utl", "learn_damage ''"])
def test_damage_is_not_forgotten_where_the_store_is_empty(tmp_path: Path, script: str) -> None:
    """It may be a mount point without its share."""
    (tmp_path / "store").mkdir()
    damage = f"etcd/cafe/{HOURS[3]}.db.gz {FOUND}"
    _here(tmp_path, f"S[backup-keep]='1 1 1 1'; {script} || true", backup_damage=damage)
    assert _damage(tmp_path) == damage + "\n"


@pytest.mark.parametrize(
    ("seen", "status"), [("{store}", 1), ("/another", 3), ("", 3)], ids=["here", "elsewhere", "no"]
)
def test_store_that_lost_what_this_host_has_seen_is_said(
    tmp_path: Path, seen: str, status: int
) -> None:
    """And is not one that has none yet."""
    (tmp_path / "store").mkdir()
    done = _here(
        tmp_path,
        'prove_from_store utl || echo "$? $PROOF_FAULT"',
        backup_newest=f"etcd/cafe/{HOURS[3]}.db.gz 2026-11-28T03:00:00Z 9 7",
        backup_store=seen.format(store=tmp_path / "store"),
    )
    assert done.stdout.startswith(f"{status} ")
    assert ("that it is mounted" in done.stdout) == (status == 1)


@pytest.mark.parametrize(
    ("there", "seen", "status"),
    [((), "{store}", 5), ((), "/another", 0), ((HOURS[5],), "{store}", 0)],
    ids=["emptied", "another store", "it has others"],
)
def test_emptied_store_is_said_by_each_run(
    tmp_path: Path, there: tuple[str, ...], seen: str, status: int
) -> None:
    """And not only by the one that proves: what it stores itself looks whole from then on."""
    stored(tmp_path, *there)
    script = f"""
    WORK={tmp_path}/a; image_program() {{ echo utl; }}; proof_due() {{ false; }}
    make_backup() {{ echo made >{tmp_path}/made; }}
    backup_run now
    """
    done = _here(
        tmp_path,
        script,
        backup_newest=f"etcd/cafe/{HOURS[3]}.db.gz 2026-11-28T03:00:00Z 9 7",
        backup_store=seen.format(store=tmp_path / "store"),
    )
    assert done.returncode == status, done.stderr
    assert ("that it is mounted" in done.stderr) == bool(status)
    assert (tmp_path / "made").exists()


def _prune(folder: Path, host: str, rules: str) -> list[str]:
    done = _here(folder, f"S[backup-keep]='{rules}'; prune", host)
    assert done.returncode == 0, done.stderr
    return sorted(each.name[:-6] for each in (folder / "store/etcd/cafe").glob("*.db.gz"))


def test_what_one_host_finds_damaged_counts_for_none(tmp_path: Path) -> None:
    """Whoever leads later would delete good ones for its sake."""
    store = stored(tmp_path, *HOURS[:4])
    _here(tmp_path, f"note_damage etcd/cafe/{HOURS[3]}.db.gz '{FOUND}'", "a")
    assert (store / f"{HOURS[3]}.damaged").read_text() == f"damaged {FOUND}\n"
    assert _prune(tmp_path, "b", "1 0 0 0") == [HOURS[2], HOURS[3]]
    assert _damage(tmp_path, "b") == f"etcd/cafe/{HOURS[3]}.db.gz {FOUND}\n"
    assert (store / f"{HOURS[3]}.damaged").exists()


def test_what_was_found_before_there_were_notes_is_noted(tmp_path: Path) -> None:
    """Or while the store did not take one."""
    store = stored(tmp_path, HOURS[3])
    damage = f"etcd/cafe/{HOURS[3]}.db.gz {FOUND}"
    _here(tmp_path, 'learn_damage "$(store_list etcd/cafe)"', backup_damage=damage)
    assert (store / f"{HOURS[3]}.damaged").read_text() == f"damaged {FOUND}\n"


def test_damage_is_taken_back_for_all(tmp_path: Path) -> None:
    """By a proof that goes well; notes are written over, for hosts may not be allowed to delete."""
    store = stored(tmp_path, *HOURS[:4])
    listing = 'learn_damage "$(store_list etcd/cafe)"'
    _here(tmp_path, f"note_damage etcd/cafe/{HOURS[3]}.db.gz '{FOUND}'", "a")
    whole = "prove_newest() { true; }; store_delete() { false; }; prove_from_store utl"
    assert _here(tmp_path, whole, "b").returncode == 0
    assert (store / f"{HOURS[3]}.damaged").read_text().startswith("whole 20")
    assert _damage(tmp_path, "b") == ""
    _here(tmp_path, listing, "a")
    assert _damage(tmp_path, "a") == ""
    assert _prune(tmp_path, "a", "1 0 0 0") == [HOURS[3]]


@pytest.mark.parametrize(
    ("note", "known", "counts"),
    [
        ("<html>moved</html>", "", False),
        ("", "", False),
        ("x" * 9000, "", False),
        ("whole 2026-11-28T23:31:00Z", FOUND, True),
        ("whole 2026-11-28T23:29:00Z", FOUND, False),
        ("whole 2026-11-28T23:29:00Z", "", True),
    ],
    ids=["another text", "nothing", "large", "whole since", "damaged since", "whole"],
)
def test_note_that_cannot_be_read_was_left_for_a_reason(
    tmp_path: Path, note: str, known: str, counts: bool
) -> None:
    """What is not known to be whole is not counted, and nothing is deleted for its sake."""
    store = stored(tmp_path, *HOURS[:4])
    (store / f"{HOURS[3]}.damaged").write_text(note)
    memory = {"backup_damage": f"etcd/cafe/{HOURS[3]}.db.gz {known}"} if known else {}
    _here(tmp_path, 'learn_damage "$(store_list etcd/cafe)"', **memory)
    assert (_damage(tmp_path) == "") is counts


def test_note_that_could_not_be_had_is_read_later(tmp_path: Path) -> None:
    """This host has found nothing itself."""
    store = stored(tmp_path, HOURS[3])
    (store / f"{HOURS[3]}.damaged").write_text("whole 2026-11-28T23:29:00Z\n")
    learn = 'learn_damage "$(store_list etcd/cafe)"'
    _here(tmp_path, f"store_get() {{ false; }}; {learn}")
    assert "could not be read" in _damage(tmp_path)
    _here(tmp_path, learn)
    assert _damage(tmp_path) == ""


def test_note_goes_after_its_backup(tmp_path: Path) -> None:
    """Where it may be deleted."""
    store = stored(tmp_path, *HOURS[:2])
    gone = store / f"{HOURS[5]}.damaged"
    gone.write_text(f"damaged {FOUND}\n")
    (store / "notes.damaged").write_text("somebody's")
    assert _prune(tmp_path, "a", "9 9 9 9") == HOURS[:2]
    assert not gone.exists()
    assert (store / "notes.damaged").exists()


def test_no_proof_fails_by_a_note_that_the_store_does_not_take(tmp_path: Path) -> None:
    """This host knows it all the same."""
    stored(tmp_path, HOURS[3])
    script = """
    prove_newest() { PROOF_FAULT=damaged; return 2; }
    store_put() { echo full >$WORK/store.log; false; }
    prove_from_store utl || echo "$?"
    """
    done = _here(tmp_path, script)
    assert done.stdout == "2\n"
    assert "could not be stored: full" in done.stderr
    assert HOURS[3] in _damage(tmp_path)
