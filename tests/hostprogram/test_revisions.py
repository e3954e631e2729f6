"""What a restore makes is above every revision that a client of the former cluster has seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from .bash import run
from .restoring import SNAPSHOT, STAGE, Host

BILLION = 10**9


@pytest.mark.parametrize(
    ("revision", "seen", "begins"),
    [
        (4711, 0, BILLION + 4711),
        (0, 0, BILLION),
        (4711, BILLION, 3 * BILLION),  # of before the first restore; clients have 1,000,014,711
        (BILLION + 4711, BILLION, 3 * BILLION),
        (2 * BILLION + 5, BILLION, 3 * BILLION + 5),
        (4711, 5 * BILLION, 7 * BILLION),
    ],
)
def test_restored_data_begins_above_what_was_seen(revision: int, seen: int, begins: int) -> None:
    """`seen` is rounded down: less than a billion more may have been."""
    done = run(f"restore_bump {revision} {seen}")
    assert int(done.stdout) + revision == begins
    assert begins >= revision + BILLION
    assert not seen or begins >= seen + 2 * BILLION


@pytest.mark.parametrize(("revision", "seen"), [("", "0"), ("7", ""), ("7", "x"), ("-1", "0")])
def test_what_is_not_known_raises_nothing(revision: str, seen: str) -> None:
    """Neither is taken for 0."""
    assert run(f"restore_bump '{revision}' '{seen}' || echo NO").stdout == "NO\n"


UTL = """
restoring_etcdutl() { echo utl; }
version_of_etcdutl() { echo 3.6.6; }; wanted_version() { echo 3.6.6; }
room_in() { echo 99999999999; }; timeout() { shift; "$@"; }
utl() {
  case $2 in
    status) echo '{"hash":1,"revision":4711,"totalKey":3,"totalSize":4096,"version":"3.6.0"}' ;;
    restore) mkdir -p "$5/member"; echo "$*" >"$STATE/told" ;;
  esac
}
"""


def _stage(host: Host, lines: str = "") -> str:
    """What etcdutl was told."""
    (host.folder / "db").write_text("x" * 544)
    make = UTL + f'mkdir -p "$(staged_folder)"; make_restored utl {host.folder}/db\n'
    host.do(lines + make)
    return (host.state / "told").read_text()


def test_etcdutl_is_told_by_how_much(tmp_path: Path) -> None:
    """And this host remembers what came of it, from then on to the next restore."""
    host = Host(tmp_path)
    assert "--bump-revision 1000000000 --mark-compacted" in _stage(host)
    assert host.do("known_revision").stdout == "0"
    assert "--bump-revision 2999995289 " in _stage(host, "S[restore-seen]=1000000000\n")
    assert host.do("known_revision").stdout == "1000000000"


@pytest.mark.parametrize(
    ("files", "known"),
    [
        ({}, "0"),
        ({"revision": "1000004711"}, "1000004711"),
        ({"backup-newest": "etcd/a/b.db.gz 2026-11-28T22:00:00Z 4096 1000009999"}, "1000009999"),
        ({"revision": "3000000000", "backup-newest": "o t 4096 1000009999"}, "3000000000"),
        ({"revision": "nonsense"}, "0"),
    ],
)
def test_host_knows_a_revision_while_its_etcd_is_stopped(
    tmp_path: Path, files: dict[str, str], known: str
) -> None:
    """As a run that is repeated after a fence finds it."""
    host = Host(tmp_path)
    for name, text in files.items():
        host.write(host.state / name, text)
    assert host.do("known_revision").stdout == known


def test_nothing_goes_on_where_the_old_data_cannot_be_set_aside(tmp_path: Path) -> None:
    """The new is not put into it, and nothing is forgotten: a full disk, and a second try."""
    host = Host(tmp_path)
    host.do(SNAPSHOT + STAGE + "verb_restore_fence\n")
    failing = "set_aside() { echo 'No space left on device' >&2; return 1; }\n"
    begun = (host.state / "restoring").read_text()
    host.do(SNAPSHOT + failing + "verb_converge\n", status=1)
    assert host.staged() == "one"
    assert sorted(each.name for each in (host.data / "member").iterdir()) == ["wal"]
    assert (host.state / "restoring").read_text() == begun
    assert (host.state / "formed").read_text() == "c0ffee\n"
