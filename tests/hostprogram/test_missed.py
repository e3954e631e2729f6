"""A store in which nothing is left of what this host has seen there."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import on_host
from .test_backup import MADE
from .test_damage import HOURS, stored

SEEN = f"etcd/cafe/{HOURS[3]}.db.gz"


def _run(folder: Path, mode: str, script: str = ":", **memory: str) -> tuple[int, str]:
    """What a run of that kind ends with, and says; the store is a folder that may be empty."""
    told = f"S[backup-to]={folder}/store; WORK={folder}; when() {{ :; }}; {script}"
    told += f"; backup_and_note {mode}"
    done = on_host(folder, told, MADE, **{"formed": "cafe", **memory})
    return done.returncode, done.stderr


def _emptied(folder: Path) -> tuple[int, str]:
    (folder / "store").mkdir()
    seen = {"backup_newest": f"{SEEN} 2026-11-28T03:00:00Z 9 7"}
    return _run(folder, "scheduled", backup_store=str(folder / "store"), **seen)


def test_each_run_says_so_until_it_is_there_again(tmp_path: Path) -> None:
    """Also the second, which finds the backup of the first: it may lie in the mount point."""
    for status, said in (_emptied(tmp_path), _run(tmp_path, "scheduled")):
        assert status == 5
        assert f"this host has seen {SEEN} there" in said
    store = tmp_path / "store/etcd/cafe"
    for ending in (".db.gz", ".json"):
        (store / f"{HOURS[3]}{ending}").write_text("x")
    assert _run(tmp_path, "scheduled")[0] == 0
    assert not (tmp_path / "state/backup-missed").exists()


def test_another_empty_folder_does_not_end_it(tmp_path: Path) -> None:
    """What was missed first is the oldest that is known to have been there."""
    assert _emptied(tmp_path)[0] == 5
    made = tmp_path / "store/etcd"
    made.rename(tmp_path / "below")
    assert SEEN in _run(tmp_path, "scheduled")[1]
    (tmp_path / "store/etcd").rename(tmp_path / "other")
    (tmp_path / "below").rename(made)
    assert SEEN in _run(tmp_path, "scheduled")[1]


@pytest.mark.parametrize("mode", ["scheduled", "now"])
def test_something_as_old_is_enough(tmp_path: Path, mode: str) -> None:
    """Others have deleted that very one, by the rules, before the share was mounted again."""
    assert f"this host has seen {SEEN} there" in _emptied(tmp_path)[1]
    store = tmp_path / "store/etcd/cafe"
    for ending in (".db.gz", ".json"):
        (store / f"{HOURS[2]}{ending}").write_text("x")
    assert _run(tmp_path, mode)[0] == 0
    assert not (tmp_path / "state/backup-missed").exists()


def test_person_accepts_it_in_so_many_words(tmp_path: Path) -> None:
    """A store may be emptied on purpose. Who only tries whether it works by now has not said so."""
    assert "run `sudo etcd-host backup accept` on this host" in _emptied(tmp_path)[1]
    assert _run(tmp_path, "now")[0] == 5
    status, said = _run(tmp_path, "accept")
    assert (status, f"accepted that {SEEN} is gone" in said) == (0, True)
    assert _run(tmp_path, "scheduled")[0] == 0


@pytest.mark.parametrize("due", ["true", "false"])
def test_it_is_accepted_at_once(tmp_path: Path, due: str) -> None:
    """By the run that would have found it out, also where it is to prove the newest first."""
    (tmp_path / "store").mkdir()
    seen = {"backup_newest": f"{SEEN} 2026-11-28T03:00:00Z 9 7"}
    is_due = f"proof_due() {{ {due}; }}"
    assert _run(tmp_path, "accept", is_due, backup_store=str(tmp_path / "store"), **seen)[0] == 0
    assert _run(tmp_path, "scheduled")[0] == 0


@pytest.mark.parametrize("keeps", ["1 0 0 0", "2 0 0 0"])
def test_nothing_is_deleted_while_nothing_can_be_read_back(tmp_path: Path, keeps: str) -> None:
    """What was proved is what is left in the end, if only its like is to be had."""
    store = tmp_path / "store/etcd/cafe"
    store.mkdir(parents=True)
    for name in HOURS[:4]:
        for ending in (".db.gz", ".json"):
            (store / f"{name}{ending}").write_text("x")
    unread = f"S[backup-keep]='{keeps}'; proof_due() {{ true; }}; "
    unread += "prove_newest() { PROOF_FAULT='403 Forbidden'; return 1; }"
    status, said = _run(tmp_path, "scheduled", unread)
    assert (status, "could not be proved: 403 Forbidden" in said) == (5, True)
    assert len(list(store.glob("*.db.gz"))) == 5
    assert _run(tmp_path, "scheduled", f"S[backup-keep]='{keeps}'")[0] == 0
    assert len(list(store.glob("*.db.gz"))) == int(keeps[0])


def test_what_is_made_in_place_of_what_is_missed_goes_by_the_rules(tmp_path: Path) -> None:
    """A share is not mounted, and what lies below fills the disk of the host itself."""
    assert _emptied(tmp_path)[0] == 5
    store = tmp_path / "store/etcd/cafe"
    for name in HOURS[4:8]:
        for ending in (".db.gz", ".json"):
            (store / f"{name}{ending}").write_text("x")
    status, said = _run(tmp_path, "scheduled", "S[backup-keep]='1 0 0 0'")
    assert (status, f"this host has seen {SEEN} there" in said) == (5, True)
    assert len(list(store.glob("*.db.gz"))) == 1


class Share:
    """A share that is mounted at the store's folder, or not: each has something of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = False
        for name in ("store", "share"):
            (folder / name).mkdir()

    def mount(self) -> None:
        """Or the other way round."""
        for name, to in (("store", "aside"), ("share", "store"), ("aside", "share")):
            (self.folder / name).rename(self.folder / to)
        self.mounted = not self.mounted

    def run(self, mode: str, script: str = ":") -> tuple[int, str]:
        """A run, with what is mounted now."""
        store = self.folder / "store"
        at = f"[[ $1 == {store}* ]] && echo {store} || echo /" if self.mounted else "echo /"
        return _run(self.folder, mode, f"store_mount() {{ {at}; }}; {script}")

    def fact(self, name: str) -> str:
        """What the host remembers."""
        file = self.folder / "state" / f"backup-{name}"
        return file.read_text().strip() if file.exists() else ""

    def objects(self) -> list[str]:
        """The backups in the folder, as it is now."""
        return sorted(f"etcd/cafe/{e.name}" for e in self.folder.glob("store/etcd/cafe/*.db.gz"))


@pytest.fixture
def share(tmp_path: Path) -> Share:
    """One that was not mounted when backups were set up, and is now."""
    made = Share(tmp_path)
    assert made.run("scheduled")[0] == 0
    made.mount()
    stored(tmp_path, *HOURS[:2])
    assert made.run("scheduled")[0] == 0
    assert made.fact("mount") == f"{tmp_path}/store"
    return made


@pytest.mark.parametrize("due", ["true", "false"])
def test_share_that_is_not_mounted_is_said_whatever_lies_below_it(share: Share, due: str) -> None:
    """From the second time on there is something: what was stored there the first time."""
    seen = share.objects()[-1]
    share.mount()
    proves = f"proof_due() {{ {due}; }}; prove_newest() {{ true; }}"
    for _ in range(2):
        status, said = share.run("scheduled", proves)
        assert status == 5
        assert f"nothing is mounted at {share.folder}/store" in said
        assert f"this host has seen {seen} there. Mount it" in said
        assert share.fact("missed") == seen
        assert share.fact("proof") == ""
    assert share.objects()
    share.mount()
    assert share.run("scheduled")[0] == 0
    assert share.fact("missed") == ""


@pytest.mark.parametrize("script", ["made_by_another 9", "backup_and_note prove"])
def test_what_lies_below_a_share_stands_for_nothing_in_it(share: Share, script: str) -> None:
    """Neither for another member's backup, nor for the newest, nor for what is damaged."""
    damaged = share.objects()[0]
    (share.folder / "state/backup-damage").write_text(f"{damaged} 2026-11-28T23:30:00Z damaged\n")
    share.mount()
    ends = "prove_newest() { true; }; fetch_facts() { true; }"
    ends += f"; ({script}) || echo FAILED >&2; note_what_is_there; exit 7"
    newest = share.fact("newest")
    status, said = share.run(
        "now", f"prove_newest() {{ true; }}; fetch_facts() {{ true; }}; {ends}"
    )
    assert (status, "FAILED" in said) == (7, True)
    assert (share.fact("newest"), share.fact("proof")) == (newest, "")
    assert damaged in share.fact("damage")


def test_store_that_was_moved_on_purpose_is_accepted(share: Share) -> None:
    """From then on it is where it is."""
    share.mount()
    assert share.run("scheduled")[0] == 5
    status, said = share.run("accept")
    assert (status, "accepted that etcd/cafe/20" in said) == (0, True)
    assert share.fact("mount") == "/"
    assert share.run("scheduled")[0] == 0


def test_mount_point_is_where_the_folder_lies(tmp_path: Path) -> None:
    """As the system has it. A folder on the disk of the system is never missed."""
    store = tmp_path / "store"
    store.mkdir()
    assert _run(tmp_path, "scheduled")[0] == 0
    known = (tmp_path / "state/backup-mount").read_text().strip()
    assert known == str(next(each for each in (store, *store.parents) if each.is_mount()))
    assert _run(tmp_path, "scheduled")[0] == 0
    for elsewhere, status in (("/dev/shm", 0), (str(store), 5)):
        (tmp_path / "state/backup-mount").write_text(f"{elsewhere}\n")
        assert _run(tmp_path, "scheduled")[0] == status
