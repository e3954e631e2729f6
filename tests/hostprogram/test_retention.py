"""Which backups go, and which are whole: tables of names."""

from __future__ import annotations

import pytest

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
    ("interval", "seconds"), [("3600", "600"), ("20", "4"), ("900", "151"), ("", "600")]
)
def test_others_wait_a_sixth_of_the_schedule_for_the_leader(interval: str, seconds: str) -> None:
    """Ten minutes at most."""
    assert run(f"fallback_seconds '{interval}'").stdout.strip() == seconds


def test_time_in_a_name_is_read_back() -> None:
    """Colons are not for file names."""
    done = run('of_name "etcd/cafe/$(in_name 2026-11-28T22:03:09Z)_r7_etcd01.db.gz"')
    assert done.stdout == "2026-11-28T22:03:09Z\n"
