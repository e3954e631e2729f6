"""An alarm NOSPACE of which something is not known: it stays, and nothing is disturbed for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import CLUSTER, on_host
from .test_guard import OWN

LATER = 5
NOTED = 'other() { echo "$*" >>$STATE/asked; %s; }\n'
# The alarm is raised, and half of the database is free in itself.
RAISED = r"""
room_in() { echo 9999999999; }
http_get() {
  case $1 in
    /health) echo '{"health":"false","reason":"ALARM NOSPACE"}' ;;
    /health*) echo '{"health":"true","reason":""}' ;;
    *) printf '%%s\n' 'etcd_server_id{server_id="c42767f57a4f1412"} 1' 'etcd_server_is_leader 0' \
      'etcd_mvcc_db_total_size_in_bytes 6e+04' %s ;;
  esac
}
"""
WHOLE = "'etcd_mvcc_db_total_size_in_use_in_bytes 100' 'etcd_server_quota_backend_bytes 65536'"
SCRIPT = "find_room() { return 2; }; relieve_space; echo ON"


def asked(folder: Path) -> list[str]:
    """What etcd was told to do."""
    file = folder / "state/asked"
    return file.read_text().splitlines() if file.exists() else []


@pytest.mark.parametrize("stub", OWN.values(), ids=OWN.keys())
def test_nothing_is_done_when_the_alarm_is_not_known(tmp_path: Path, stub: str) -> None:
    """Nor is anybody asked."""
    done = on_host(tmp_path, SCRIPT, stub + "\n" + NOTED % "true", formed=CLUSTER)
    assert (done.returncode, done.stdout, asked(tmp_path)) == (0, "ON\n", [])


@pytest.mark.parametrize(
    "metrics",
    ["", "'etcd_mvcc_db_total_size_in_use_in_bytes '", "'etcd_server_quota_backend_bytes 65536'"],
    ids=["no sizes", "half of them", "the quota alone"],
)
def test_database_is_not_defragmented_when_its_sizes_are_not_known(
    tmp_path: Path, metrics: str
) -> None:
    """The alarm stays, and that is said."""
    done = on_host(tmp_path, SCRIPT, RAISED % metrics + NOTED % "true", formed=CLUSTER)
    assert (done.returncode, done.stdout, asked(tmp_path)) == (0, "ON\n", [])
    assert "the alarm NOSPACE stays" in done.stderr


@pytest.mark.parametrize("answer", ["false", "sleep 1; return 124", "echo Finished; return 1"])
def test_nobody_goes_on_when_the_database_is_not_known_to_be_defragmented(
    tmp_path: Path, answer: str
) -> None:
    """It may be at it still, and serves nobody meanwhile."""
    done = on_host(tmp_path, SCRIPT, RAISED % WHOLE + NOTED % answer, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "could not be defragmented" in done.stderr
    assert asked(tmp_path) == ["defrag"]


SHORT = "has 134217827 bytes free, and etcd defragments into a second file, for which 134217828 are"


@pytest.mark.parametrize(
    ("room", "said"),
    [
        ("134217828", ""),
        ("134217827", SHORT),
        ("", "the room in /var/lib/etcd for a second database could not be determined"),
    ],
)
def test_database_is_not_defragmented_without_room_for_a_second_one(
    tmp_path: Path, room: str, said: str
) -> None:
    """A full disk ends etcd; the alarm stays, and nobody is disturbed."""
    stubs = RAISED % WHOLE + NOTED % "true" + f"room_in() {{ echo {room}; }}\n"
    done = on_host(tmp_path, SCRIPT, stubs, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (0, "ON\n")
    assert asked(tmp_path) == ([] if said else ["defrag"])
    assert said in done.stderr
    assert ("a: not defragmented: " in done.stderr) == bool(said)
    assert "the alarm NOSPACE stays" in done.stderr


def test_database_is_defragmented_when_all_is_known(tmp_path: Path) -> None:
    """The case that the others differ from."""
    done = on_host(tmp_path, SCRIPT, RAISED % WHOLE + NOTED % "true", formed=CLUSTER)
    assert (done.stdout, asked(tmp_path)) == ("ON\n", ["defrag"])
