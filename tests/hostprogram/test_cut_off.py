"""Joining and leaving that were cut off: what the next run makes of what is left."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import CLUSTER, SELF, on_host
from .bash import run
from .test_asking import LEAVE, SILENT
from .test_joining import CONVERGE

LATER = 5
FORMED = {"formed": CLUSTER, "member_id": SELF}
JOINS = CONVERGE + "join() { echo JOINS; }; give_up_lost_members() { :; }; stamp() { :; }\n"
DOWN = "http_get() { false; }\n"
ALONE = f"{DOWN}list() {{ false; }}\n"


@pytest.mark.parametrize(
    ("joining", "stubs", "done"),
    [
        ("yes", "", "KEPT"),
        ("yes", DOWN, "JOINS"),
        ("yes", ALONE, "JOINS"),
        ("yes", "has_data() { false; }\n", "JOINS"),
        ("empty", "", "KEPT"),
        ("empty", DOWN, "KEPT"),
        ("empty", ALONE, "KEPT"),
        ("empty", "has_data() { false; }\n", "JOINS"),
    ],
    ids=[
        "its etcd serves",
        "a former member's",
        "a former member's, and nobody answers",
        "no data",
        "mounted again, and its etcd serves",
        "mounted again",
        "mounted again, and nobody answers",
        "not mounted yet",
    ],
)
def test_data_that_is_back_is_kept(tmp_path: Path, joining: str, stubs: str, done: str) -> None:
    """It would be moved aside, and the cluster would lose a good voter."""
    found = on_host(tmp_path, "verb_converge", JOINS + stubs, joining=joining, **FORMED)
    assert found.stdout.split()[0] == done, found.stderr
    assert (tmp_path / "state/joining").exists() == (done == "JOINS")


@pytest.mark.parametrize(
    ("stub", "reads"),
    [
        ("ls() { echo 'ls: reading directory: Input/output error' >&2; return 2; }\n", False),
        ("ls() { return 127; }\n", False),
        ("ls() { echo 'ls: cannot access: No such file or directory' >&2; return 2; }\n", True),
        ("ls() { :; }\n", True),
    ],
    ids=["the disk fails", "ls fails", "no such folder", "no data in it"],
)
def test_data_that_cannot_be_read_is_not_taken_for_none(
    tmp_path: Path, stub: str, reads: bool
) -> None:
    """Its entry would be removed, and the cluster would lose a good voter."""
    stubs = f"{JOINS}{DOWN}has_data() {{ false; }}\n{stub}"
    done = on_host(tmp_path, "verb_converge", stubs, **FORMED)
    assert (done.returncode, "JOINS" in done.stdout) == (0 if reads else LATER, reads)
    assert reads or "holds a member's data is not known" in done.stderr


def test_folder_that_is_none_cannot_be_read(tmp_path: Path) -> None:
    """The kind that can be made here; a folder that is there, or is not, can be."""
    data = tmp_path / "etcd"
    script = 'if data_can_be_read; then echo READ; else echo "$WHY"; fi'
    places = {"readonly DATA=/var/lib/etcd": f"readonly DATA={data}"}
    for path in (data, data / "member", data / "member/wal"):
        assert run(script, places=places).stdout == "READ\n"
        path.mkdir()
    assert run(script, places=places).stdout == "READ\n"
    (data / "member/wal").rmdir()
    (data / "member").rmdir()
    (data / "member").touch()
    assert "Not a directory" in run(script, places=places).stdout


def test_data_that_is_back_is_not_kept_when_the_others_have_let_it_go(tmp_path: Path) -> None:
    """Its entry was removed before the disk was mounted again."""
    memory = {**FORMED, "member_id": "beef", "joining": "empty"}
    assert "JOINS" in on_host(tmp_path, "verb_converge", JOINS + DOWN, **memory).stdout


@pytest.mark.parametrize(("data", "known"), [("true", "yes"), ("false", "empty")])
def test_join_remembers_whether_it_found_data(tmp_path: Path, data: str, known: str) -> None:
    """And that a leave before it is over."""
    stops = "remove_stale_entries() { exit 9; }; give_up_lost_members() { :; }\n"
    stubs = f"{DOWN}{stops}has_data() {{ {data}; }}\n"
    assert on_host(tmp_path, "join", stubs, leaving="yes", **FORMED).returncode == 9
    assert (tmp_path / "state/joining").read_text() == f"{known}\n"
    assert not (tmp_path / "state/leaving").exists()


def test_member_that_serves_by_its_turn_does_not_join(tmp_path: Path) -> None:
    """It is not told to stop a good etcd."""
    done = on_host(tmp_path, "join", **FORMED)
    assert done.returncode == LATER
    assert "its etcd is now healthy. Nothing was changed. Run it again" in done.stderr
    assert "stop that etcd" not in done.stderr


GONE = """
forget_backup() { :; }; remove_file() { :; }; ensure_kubelet() { :; }; no_pod() { true; }
set_aside() { :; }; rmdir() { :; }; rm() { if [[ $1 == -f ]]; then command rm "$@"; fi; }
drop_staged() { :; }
"""


def test_leave_of_the_last_member_is_finished_when_it_was_cut_off(tmp_path: Path) -> None:
    """There is nobody left to ask."""
    cut = GONE + "remove_file() { exit 9; }; other() { :; }\n"
    memory = {**FORMED, "data_mount": "/disk"}
    assert on_host(tmp_path, "leave_or_refuse", cut, **memory).returncode == 9
    assert on_host(tmp_path, LEAVE, ALONE).stdout == "OUT\n"
    done = on_host(tmp_path, "leave_or_refuse; echo GONE", GONE + ALONE)
    assert (done.returncode, done.stdout) == (0, "GONE\n")
    left = {each.name for each in (tmp_path / "state").iterdir() if each.is_file()}
    assert left == {"leaving"}


def test_host_that_was_being_abandoned_is_not_asked_for_a_quorum(tmp_path: Path) -> None:
    """Its disk hung, or the power went."""
    cut = "lock() { :; }; give_up_member() { exit 9; }"
    assert on_host(tmp_path, "verb_abandon", cut, **FORMED).returncode == 9
    assert on_host(tmp_path, LEAVE, ALONE).stdout == "OUT\n"


def test_member_that_came_back_does_not_leave_unasked(tmp_path: Path) -> None:
    """A leave was cut off, and an `up` has had it join again."""
    done = on_host(tmp_path, "stamp() { :; }; stamp_member", leaving="yes", **FORMED)
    assert done.returncode == 0, done.stderr
    assert on_host(tmp_path, LEAVE, SILENT + ALONE).stdout.startswith("STAYS ")


STEPS = """
follow_data_link() { :; }; remember_endpoints() { :; }; remove_stale_entries() { :; }
etcd_pid() { :; }; http_get() { false; }; add_learner() { echo a=http://127.0.0.1:42201; }
set_aside() { echo "ASIDE with $(ls $MANIFEST)"; }; put_guard() { echo "GUARD"; }
"""
OLD = "    - --initial-cluster-state=new\n"


def test_no_former_manifest_is_left_beside_what_is_made_for_a_new_member(tmp_path: Path) -> None:
    """A kubelet would start it on empty data: that may be a second cluster, all of its own."""
    (tmp_path / "etcd.yaml").write_text(OLD)
    stubs = f"{STEPS}render_manifest() {{ die 1 'no space left'; }}\n"
    script = "verb=join; has_data() { false; }; put_guard() { ls $MANIFEST; }; join"
    done = on_host(tmp_path, script, stubs, **FORMED)
    assert done.returncode != 0
    assert "ASIDE" in done.stdout, done.stderr
    assert not (tmp_path / "etcd.yaml").exists()


@pytest.mark.parametrize("data", ["true", "false"], ids=["data", "none"])
def test_bootstrap_with_other_addresses_leaves_no_former_manifest_either(
    tmp_path: Path, data: str
) -> None:
    """Where there is no data yet, the kubelet may still start it, and there would be some then."""
    (tmp_path / "etcd.yaml").write_text(OLD)
    stubs = f"{STEPS}has_data() {{ {data}; }}; apply_manifest() {{ die 1 'no space left'; }}\n"
    script = "S[initial-cluster]=a=http://127.0.0.1:42201; bootstrap_or_resume"
    done = on_host(tmp_path, script, stubs, bootstrapping="cafe a=http://10.0.0.9:2380")
    assert "GUARD" in done.stdout, done.stderr
    assert not (tmp_path / "etcd.yaml").exists()


@pytest.mark.parametrize(("learner", "again"), [("1", True), ("0", False), ("", False)])
def test_learner_that_a_cut_off_join_has_left_is_started_once_more(
    tmp_path: Path, learner: str, again: bool
) -> None:
    """It gets stuck as any other, and nobody else starts it."""
    script = f"""
    put_guard() {{ :; }}; apply_manifest() {{ :; }}; become_voter() {{ exit 0; }}
    metric() {{ echo {learner}; }}; start_learner() {{ echo AGAIN; }}
    keep
    """
    assert ("AGAIN" in on_host(tmp_path, script, **FORMED).stdout) is again
