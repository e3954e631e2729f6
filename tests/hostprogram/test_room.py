"""How much room a host has that is to become a member, and what has taken its own by now."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcd_cluster.plan.probe import parse

from .bash import run
from .test_preflight import PARTS


@pytest.mark.parametrize("path", ["", "/etcd", "/not/there/at/all"])
def test_room_is_that_of_the_nearest_folder_when_the_path_is_not_there_yet(
    tmp_path: Path, path: str
) -> None:
    """In MiB."""
    done = run(f"free_mib {tmp_path}{path}; df -Pm {tmp_path} | awk 'NR == 2 {{ print $4 }}'")
    told, expected = (int(line) for line in done.stdout.splitlines())
    assert abs(told - expected) < 64  # others write to the same disk


def test_room_that_its_own_data_has_taken_is_room_for_it(tmp_path: Path) -> None:
    """A member whose memory is lost, and a bootstrap that was cut off, need no second quota."""
    places = {"readonly DATA=/var/lib/etcd": f"readonly DATA={tmp_path}"}
    free = "free_mib() { echo 1000; }; "
    assert run(free + "data_mib", places=places).stdout == "1000\n"
    (tmp_path / "member/snap").mkdir(parents=True)
    (tmp_path / "member/snap/db").write_bytes(b"x" * 40 * 2**20)
    assert 1040 <= int(run(free + "data_mib", places=places).stdout) <= 1041
    assert run("free_mib() { echo unknown; }; data_mib", places=places).stdout == "unknown\n"
    # du fails where etcd deletes a file meanwhile, and says it all the same.
    fails = "du() { printf '40\\t%s\\n' \"$2\"; return 1; }; "
    assert run(f"{free}{fails}data_mib", places=places).stdout == "1040\n"
    assert run(f"{free}du() {{ return 127; }}; data_mib", places=places).stdout == "unknown\n"


@pytest.mark.parametrize(
    ("stamp", "pid", "told"), [(False, "", True), (True, "", False), (False, "7", False)]
)
def test_room_for_packages_is_told_until_they_are_there(
    tmp_path: Path, stamp: bool, pid: str, told: bool
) -> None:
    """They have taken theirs."""
    if stamp:
        (tmp_path / "packages.stamp").touch()
    places = {"readonly STATE=/var/lib/etcd-host RUN": f"readonly STATE={tmp_path} RUN"}
    script = f"export TMPDIR={tmp_path}; {PARTS} etcd_pid() {{ echo {pid}; }}; check_host 192.0.2.1"
    facts = parse(run(script, places=places).stdout)
    assert ("var-free-mib" in facts) is told
