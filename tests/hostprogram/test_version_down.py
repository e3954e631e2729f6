"""A member that is down, and gets another version of etcd: no guard holds it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, SELF, on_host
from .test_guard import ANOTHER, NO_LEADER, UNKNOWN
from .test_version import LATER, WELL, kept

DOWN = "serves_peers() { false; }; etcd_pid() { :; }; http_get() { false; }\n"
NOT_ASKED = {
    **{name: stub for name, stub in UNKNOWN.items() if "connection" not in name},
    "the status fails": "status() { false; }",
    "the status is empty": "status() { :; }",
    "another cluster's etcd has no leader": (
        f"list() {{ false; }}; status() {{ sed '/Leader/s/ : .*/ : 0/;{ANOTHER}' "
        "$SAID/etcdctl-3.5-status.txt; }"
    ),
    "another's etcd here has no leader": f"{NO_LEADER}; list() {{ false; }}; status() {{ :; }}",
}


def changes(folder: Path, stubs: str) -> subprocess.CompletedProcess[str]:
    """A member of 3.5.9 that is to run 3.5.33; OPEN where it goes on."""
    script = "S[image-tag]=3.5.33-0; before_new_version; echo OPEN"
    known = {"formed": CLUSTER, "member_id": SELF, "etcd_tag": "3.5.9-0"}
    return on_host(folder, script, WELL + stubs, **known)


@pytest.mark.parametrize("stub", NOT_ASKED.values(), ids=NOT_ASKED.keys())
def test_member_that_is_down_does_not_change_when_the_versions_are_not_known(
    tmp_path: Path, stub: str
) -> None:
    """No guard holds it, and a snapshot may have to be taken first."""
    done = changes(tmp_path, DOWN + stub)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "could not find out which etcd versions the members run" in done.stderr
    assert "Nothing was changed" in done.stderr


@pytest.mark.parametrize(
    "stub",
    [
        "answering() { :; }",
        "list() { false; }; status() { sed '/Leader/s/ : .*/ : 0/' $SAID/etcdctl-3.5-status.txt; }",
    ],
    ids=["nobody is there", "nobody has a leader"],
)
def test_member_that_is_down_changes_when_there_is_no_quorum(tmp_path: Path, stub: str) -> None:
    """It may be what is missing."""
    done = changes(tmp_path, DOWN + stub)
    assert (done.returncode, done.stdout) == (0, "OPEN\n"), done.stderr
    assert "nothing to take a snapshot of" in done.stderr
    assert kept(tmp_path) == []


MUTE = "list() { false; }; status() { :; }\n"


def test_member_changes_when_its_own_etcd_has_no_leader_and_the_others_answer_nothing(
    tmp_path: Path,
) -> None:
    """An etcd 3.5 that began without a quorum accepts connections, and answers none."""
    done = changes(tmp_path, MUTE + NO_LEADER)
    assert (done.returncode, done.stdout) == (0, "OPEN\n"), done.stderr


def test_version_is_none_that_is_new_when_only_the_memory_of_it_is_lost(tmp_path: Path) -> None:
    """The manifest has it; nobody is asked, and it is remembered again."""
    (tmp_path / "etcd.yaml").write_text("    image: 10.0.0.1:5000/etcd:3.5.33-0\n")
    script = "S[image-tag]=3.5.33-0; before_new_version; note_tag; echo OPEN"
    done = on_host(tmp_path, script, WELL + DOWN + MUTE, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (0, "OPEN\n"), done.stderr
    assert (tmp_path / "state/etcd-tag").read_text() == "3.5.33-0\n"
