"""Before etcd 3.7: raft snapshots without what a 3.5 wrote into the log, and no restart for it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, SELF, on_host

REFUSED, LATER = 4, 5
# A cluster of 3.6 or 3.7 whose version is lowered and raised, with a raft snapshot for that.
CLUSTER_OF = r"""
image_program() { echo "$1"; }
take_snapshot() { echo "snapshot" >>$STATE/asked; }
list() { sed '/17735246468124541848/,$d' "$SAID/etcdctl-3.5-list.txt"; }
status() { sed 's/3[.]5[.]9/%s/' "$SAID/etcdctl-3.5-status.txt"; told; }
cluster_version() { cat $STATE/speaks; }
raft_snapshot() { cat $STATE/raft; }
told() {
  [[ $(<$STATE/speaks) == 3.6 ]] ||
    printf '"DowngradeTargetVersion" : "3.5.0"\n"DowngradeEnabled" : true\n'
}
other() {
  echo "$*" >>$STATE/asked
  case "$*" in
    'downgrade enable 3.5') echo 3.5 >$STATE/speaks; echo 3-1ee3.snap >$STATE/raft ;;
    'downgrade cancel') echo 3.6 >$STATE/speaks ;;
  esac
}
"""


def goes_to(
    folder: Path, tag: str, running: str, stubs: str = "", speaks: str = "3.6"
) -> subprocess.CompletedProcess[str]:
    """The first member's turn, in a cluster of `running`."""
    known = {"formed": CLUSTER, "member_id": SELF, "etcd_tag": f"{running}-0"}
    script = f"S[image-tag]={tag}; make_spare; echo OPEN"
    return on_host(
        folder, script, CLUSTER_OF % running + stubs, speaks=speaks, raft="3-0776.snap", **known
    )


def asked(folder: Path) -> list[str]:
    """What was done, in order."""
    file = folder / "state/asked"
    return file.read_text().splitlines() if file.exists() else []


def test_raft_snapshots_are_made_before_the_first_member_gets_3_7(tmp_path: Path) -> None:
    """After the snapshot of the data, and taken back at once."""
    done = goes_to(tmp_path, "3.7.3-0", "3.6.16")
    assert "OPEN" in done.stdout, done.stderr
    assert asked(tmp_path) == ["snapshot", "downgrade enable 3.5", "downgrade cancel"]


def test_lowered_version_of_a_run_that_was_cut_off_is_raised_first(tmp_path: Path) -> None:
    """And the raft snapshots are made all the same."""
    done = goes_to(tmp_path, "3.7.3-0", "3.6.16", speaks="3.5")
    assert "OPEN" in done.stdout, done.stderr
    assert asked(tmp_path)[1:] == ["downgrade cancel", "downgrade enable 3.5", "downgrade cancel"]


def test_member_that_joined_by_a_snapshot_need_not_say_the_version_before(tmp_path: Path) -> None:
    """It says it as soon as it changes."""
    done = goes_to(tmp_path, "3.7.3-0", "3.6.16", speaks="")
    assert "OPEN" in done.stdout, done.stderr
    assert asked(tmp_path)[-2:] == ["downgrade enable 3.5", "downgrade cancel"]


@pytest.mark.parametrize(
    ("tag", "running"), [("3.6.16-0", "3.5.35"), ("3.6.16-0", "3.6.6"), ("3.7.3-0", "3.7.1")]
)
def test_no_other_step_needs_them(tmp_path: Path, tag: str, running: str) -> None:
    """Only that from 3.6 to 3.7."""
    done = goes_to(tmp_path, tag, running)
    assert "OPEN" in done.stdout, done.stderr
    assert asked(tmp_path) == ["snapshot"]


@pytest.mark.parametrize(
    ("stub", "status", "said"),
    [
        (
            'other() { echo "$*" >>$STATE/asked; echo "Error: no" >&2; return 1; }',
            REFUSED,
            "rejected the downgrade to 3.5 (enable): no",
        ),
        (
            'other() { echo "$*" >>$STATE/asked; }',
            LATER,
            "the cluster version was not lowered within 1 s (it speaks 3.6)",
        ),
        ("raft_snapshot() { echo 3-0776.snap; }", LATER, "no raft snapshot was made within 1 s"),
        ("health() { false; }", REFUSED, "would leave too few members"),
        ("raft_snapshot() { return 1; }", LATER, "its raft snapshots in"),
        (
            'list() { cat "$SAID/etcdctl-3.5-list.txt"; }',
            REFUSED,
            "Learners: id f62040b288908398 (http://127.0.0.1:42207). Finish the `pulumi up`",
        ),
        (
            "cluster_version() { echo 3.4; }",
            LATER,
            "the cluster does not speak 3.6 within 1 s",
        ),
    ],
)
def test_member_is_not_touched_without_them(
    tmp_path: Path, stub: str, status: int, said: str
) -> None:
    """It would end again at every start. The cluster is left as it was."""
    done = goes_to(tmp_path, "3.7.3-0", "3.6.16", stub)
    assert (done.returncode, "OPEN" in done.stdout) == (status, False)
    assert said in done.stderr
    assert "o member was changed" in done.stderr or "Nothing was changed" in done.stderr
    assert (tmp_path / "state/speaks").read_text() == "3.6\n"
    assert not any("move-leader" in line for line in asked(tmp_path))
