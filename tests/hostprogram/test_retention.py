"""Which backups go, and which are whole: tables of names."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .asking import on_host
from .bash import run


def _name(time: str) -> str:
    return f"{time}Z_r7_etcd01.db.gz"


HOURS = [_name(f"2026-11-28T{hour:02}-00-00") for hour in range(24)]
DAYS = [_name(f"2026-11-{day:02}T03-00-00") for day in range(1, 29)]
KEPT = {
    "three hours": ("3 0 0 0", HOURS, HOURS[-3:]),
    "hours that have none do not count": ("2 0 0 0", [HOURS[1], HOURS[9]], [HOURS[1], HOURS[9]]),
    "of an hour the newest": (
        "1 0 0 0",
        [_name("2026-11-28T05-00-00"), _name("2026-11-28T05-30-00")],
        [_name("2026-11-28T05-30-00")],
    ),
    "of a day the newest": ("0 2 0 0", [DAYS[-1], *HOURS, DAYS[-2]], [DAYS[-2], HOURS[-1]]),
    # 2026-11-23 is a Monday, and 2026-11-22 the Sunday before.
    "weeks begin on Monday": (
        "0 0 2 0",
        [_name(f"2026-11-{day}T03-00-00") for day in (15, 16, 22, 23, 28)],
        [_name("2026-11-22T03-00-00"), _name("2026-11-28T03-00-00")],
    ),
    "a week of two years": (
        "0 0 9 0",
        [_name("2024-12-30T00-00-00"), _name("2025-01-05T00-00-00")],
        [_name("2025-01-05T00-00-00")],
    ),
    "months": (
        "0 0 0 2",
        [_name(f"2026-{month}-01T00-00-00") for month in ("09", "10", "11")],
        [_name("2026-10-01T00-00-00"), _name("2026-11-01T00-00-00")],
    ),
    "rules together": ("2 2 0 0", HOURS, HOURS[-2:]),
    "the newest, whatever the rules": ("0 0 0 0", HOURS, HOURS[-1:]),
    "the last three before a change": (
        "1 0 0 0",
        [
            *(each.replace("etcd01", "etcd01_before") for each in HOURS[:5]),
            *HOURS[5:],
        ],
        [*(each.replace("etcd01", "etcd01_before") for each in HOURS[2:5]), HOURS[-1]],
    ),
    **{
        f"one made{suffix} after a mistake": (
            "1 1 0 0",
            [HOURS[22], _name("2026-11-28T22-15-00").replace("01.", f"01{suffix}.")],
            [HOURS[22], _name("2026-11-28T22-15-00").replace("01.", f"01{suffix}.")],
        )
        for suffix in ("_now", "_before")
    },
    "of those made by hand the newest": (
        "1 0 0 0",
        [*(each.replace("01.", "01_now.") for each in HOURS[:3]), *HOURS[3:]],
        [HOURS[2].replace("01.", "01_now."), HOURS[-1]],
    ),
    "one that is left": ("0 0 0 0", HOURS[:1], HOURS[:1]),
    "none": ("3 3 3 3", [], []),
}


@pytest.mark.parametrize(("rules", "names", "kept"), KEPT.values(), ids=KEPT.keys())
def test_rules_keep_the_newest_of_each_of_their_periods(
    rules: str, names: list[str], kept: list[str]
) -> None:
    """Everything else goes."""
    done = run(f"superfluous {rules}", "".join(f"{name}\n" for name in sorted(names)))
    assert done.stderr == ""
    assert sorted(set(names) - set(done.stdout.split())) == sorted(kept)


LISTING = """\
900 2026-11-28T01-00-00Z_r7_etcd01.db.gz
300 2026-11-28T01-00-00Z_r7_etcd01.json
900 2026-11-28T00-00-00Z_r7_etcd-01_before.db.gz
300 2026-11-28T00-00-00Z_r7_etcd-01_before.json
900 2026-11-28T02-00-00Z_r8_etcd02.db.gz
300 2026-11-28T03-00-00Z_r9_etcd02.json
900 2026-11-28T04-00-00Z_r9_etcd02.db.gz.partial
12 notes.txt
700 before-2026.db.gz
300 before-2026.json
"""


def test_backup_is_whole_when_its_description_is_there() -> None:
    """It is stored last. What others have put there is not looked at."""
    assert run("whole_names", LISTING).stdout.split() == [
        "2026-11-28T00-00-00Z_r7_etcd-01_before.db.gz",
        "2026-11-28T01-00-00Z_r7_etcd01.db.gz",
    ]


@pytest.mark.parametrize(
    ("before", "expected"),
    [
        ("2026-11-28T02-30-00Z", ["2026-11-28T02-00-00Z_r8_etcd02.db.gz"]),
        ("2026-11-28T00-00-00Z", []),
        (
            "2026-11-29T00-00-00Z",
            ["2026-11-28T02-00-00Z_r8_etcd02.db.gz", "2026-11-28T03-00-00Z_r9_etcd02.json"],
        ),
    ],
)
def test_halves_go_when_nobody_can_be_at_work_on_them(before: str, expected: list[str]) -> None:
    """A younger one may be on its way."""
    assert run(f"unfinished_names {before}", LISTING).stdout.split() == expected


def test_damaged_backup_is_neither_deleted_nor_counted() -> None:
    """What becomes of it is for people to say."""
    script = f"""
    recall() {{ echo "etcd/cafe/{HOURS[23]} 2026-11-28T23:30:00Z it is damaged"; }}
    not_damaged | superfluous 2 0 0 0
    """
    gone = run(script, "".join(f"{name}\n" for name in HOURS)).stdout.split()
    assert gone == HOURS[:21]


@pytest.mark.parametrize(
    ("interval", "seconds"), [("3600", "600"), ("20", "10"), ("900", "151"), ("", "600")]
)
def test_others_wait_a_sixth_of_the_schedule_for_the_leader(interval: str, seconds: str) -> None:
    """Ten minutes at most."""
    assert run(f"fallback_seconds '{interval}'").stdout.strip() == seconds


def test_time_in_a_name_is_read_back() -> None:
    """Colons are not for file names."""
    done = run('of_name "etcd/cafe/$(in_name 2026-11-28T22:03:09Z)_r7_etcd01.db.gz"')
    assert done.stdout == "2026-11-28T22:03:09Z\n"


AHEAD = _name("9999-01-01T00-00-00")


def _pairs(*names: str) -> str:
    return "".join(f"9 {name}\n9 {name.replace('.db.gz', '.json')}\n" for name in names)


def test_backup_from_a_time_that_has_not_come_does_not_count() -> None:
    """As the newest it would hide that none is made, and keep others' places in every rule."""
    assert run("counting_names", _pairs(HOURS[3], AHEAD)).stdout == f"{HOURS[3]}\n"


def _pruned(folder: Path, rules: str, script: str = "prune") -> set[str]:
    """What is left in a folder after that."""
    done = on_host(
        folder,
        f"S[cluster]=etcd; S[member]=a; S[backup-to]={folder}/store; S[backup-keep]='{rules}'\n"
        f"WORK={folder}; open_store; refuse_no_cluster\n{script}\n",
        formed="cafe",
    )
    assert done.returncode == 0, done.stderr
    return {each.name for each in (folder / "store/etcd/cafe").iterdir()}


def test_what_is_no_backup_of_now_is_left_alone(tmp_path: Path) -> None:
    """Others' files, and those of a clock that is ahead: they go when their time has come."""
    store = tmp_path / "store/etcd/cafe"
    store.mkdir(parents=True)
    names = [each.split()[1] for each in _pairs(HOURS[1], HOURS[2], AHEAD).splitlines()]
    for name in [*names, "notes.txt"]:
        (store / name).write_text("x")
    left = _pruned(tmp_path, "1 0 0 0")
    assert left == {*names, "notes.txt"} - {HOURS[1], HOURS[1].replace(".db.gz", ".json")}


FRESH = "made_by_another $(($(date -d 2026-11-28T02:00:00Z +%s) - 300)) && echo MADE || echo NOT"


@pytest.mark.parametrize(
    ("facts", "size", "said"),
    [("", 9, "MADE"), ("{", 9, "NOT"), ("", 8, "NOT"), ("-", 9, "NOT")],
    ids=["whole", "half a description", "half an object", "no description"],
)
def test_others_take_no_half_backup_for_the_leaders(
    tmp_path: Path, facts: str, size: int, said: str
) -> None:
    """Unknown is no: then they make one themselves."""
    sums = dict.fromkeys(("sum", "sha256", "gzSha256"), "0" * 64)
    whole = {
        **{"cluster": "etcd", "clusterId": "cafe", "member": "b", "time": "t", "hash": ""},
        **{"revision": 7, "keys": 1, "size": 99, "gzSize": 9, "etcdVersion": "3.6"},
        **sums,
    }
    store = tmp_path / "store/etcd/cafe"
    store.mkdir(parents=True)
    (store / HOURS[2]).write_text("x" * size)
    if facts != "-":
        text = facts or json.dumps(whole, separators=(",", ":"))
        (store / HOURS[2].replace(".db.gz", ".json")).write_text(text)
    done = on_host(
        tmp_path,
        f"S[cluster]=etcd; S[member]=a; S[backup-to]={tmp_path}/store; WORK={tmp_path}\n{FRESH}",
        formed="cafe",
    )
    assert done.stdout.split()[-1:] == [said], done.stderr


@pytest.mark.parametrize(
    ("there", "said"), [("echo 9 other", "GONE"), (f"echo 9 {HOURS[1]}", "LEFT"), ("false", "LEFT")]
)
def test_two_members_may_delete_the_same(tmp_path: Path, there: str, said: str) -> None:
    """Whoever is second finds it gone, and nothing is wrong; unknown is not gone."""
    script = f"""
    S[backup-remote]=x; STORE_ROOT=store:b; WORK={tmp_path}
    store_rclone() {{ false; }}; store_list() {{ {there}; }}
    store_delete etcd/cafe/{HOURS[1]} && echo GONE || echo LEFT
    """
    assert run(script).stdout.strip() == said


def test_room_is_left_for_etcd_where_no_share_is_mounted(tmp_path: Path) -> None:
    """The folder is then on the disk of etcd's data."""
    (tmp_path / "new").write_text("x")
    script = f"""
    S[backup-to]={tmp_path}/store; WORK={tmp_path}; open_store; folder_room() {{ echo 1000; }}
    store_put {tmp_path}/new etcd/cafe/x || store_fault
    """
    places = {"readonly DATA=/var/lib/etcd": f"readonly DATA={tmp_path}"}
    assert "1000 bytes free" in run(script, places=places).stdout
    assert not (tmp_path / "store/etcd/cafe/x").exists()


CALENDAR = """#!/bin/sh
[ "$2" = {taken} ] || {{ echo "unrecognized option" >&2; exit 1; }}
echo '  Original form: x'
echo 'Normalized form: x'
echo '    Next elapse: {next}'
{more}
"""


@pytest.mark.parametrize(
    ("taken", "next_", "more", "said"),
    [
        ("--iterations=2", "Sat 2026-11-28 23:00:00 +03", "Sun 2026-11-29 00:00:00 +03", "3600\n0"),
        ("hourly", "Sat 2026-11-28 23:00:00 CET", "", "0"),
        ("hourly", "never", "", "1"),
        ("--iterations=2", "never", "", "1"),
        ("nothing", "", "", "1"),
    ],
    ids=["two", "systemd before 242", "never, before 242", "never", "invalid"],
)
def test_schedule_is_read_from_systemds_of_all_ages(
    tmp_path: Path, taken: str, next_: str, more: str, said: str
) -> None:
    """Before 242 it tells one time alone; it prints them in the host's time zone."""
    fake = tmp_path / "systemd-analyze"
    second = f"echo '       Iter. #2: {more}'" if more else ""
    fake.write_text(CALENDAR.format(taken=taken, next=next_, more=second))
    fake.chmod(0o755)
    done = run(f"PATH={tmp_path}:$PATH; schedule_seconds hourly && echo 0 || echo 1")
    assert done.stdout.strip() == said


@pytest.mark.parametrize(
    ("another", "noted"), [("true", False), ("false", True), ("die 4 'no rclone'", True)]
)
def test_other_member_leaves_nothing_of_a_killed_run_and_says_what_ends_it(
    tmp_path: Path, another: str, noted: bool
) -> None:
    """Its scratch is on the disk of etcd's data. It led when it was killed, and does no more."""
    settings = tmp_path / "state/backup/settings"
    settings.parent.mkdir(parents=True)
    settings.write_text("backup-to: /b\ncluster: etcd\nmember: a\ntoken: cafe\n")
    scratch = tmp_path / "snapshots/.backup"
    scratch.mkdir(parents=True)
    (scratch / "snapshot.db").write_text("x")
    script = f"""
    S=(); metric() {{ echo 0; }}; sleep() {{ true; }}; made_by_another() {{ {another}; }}
    backup_and_note() {{ echo NOTED; }}
    verb_backup scheduled
    """
    done = on_host(tmp_path, script)
    assert ("NOTED" in done.stdout) is noted, done.stderr
    assert not scratch.exists()
