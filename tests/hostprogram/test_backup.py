"""A backup while a restore is at work: two clusters are not mixed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .asking import CLUSTER, on_host

MADE = r"""
S[cluster]=etcd; S[member]=a; image_program() { echo utl; }
proof_due() { false; }
proved_snapshot() {
  head -c 512 /dev/zero >$2; sha256sum <$2 | cut -c1-64 | sed 's/../\\x&/g' >$WORK/sum
  printf "$(<$WORK/sum)" >>$2
  echo '{"revision":7,"totalKey":1,"version":"3.6.0"}' >$WORK/snapshot.json; PROVED_HASH=5-3
  when snapshot
}
whole() { :; }
"""
RESTORES = {
    "fenced": "remember restoring 'r1 data cafe beef 1'",
    "restored": "remember formed beef",
}


def _run(folder: Path, when: str, restore: str, script: str) -> tuple[int, str, str, set[str]]:
    """What it ends with, says and leaves in the store, where a restore comes at that moment."""
    told = f"""
    WORK={folder}; S[backup-to]={folder}/store
    when() {{ if [[ $1 == '{when}' ]]; then {restore}; fi; }}
    {script}
    """
    done = on_host(folder, told, MADE, formed="cafe")
    store = folder / "store"
    left = {str(each.relative_to(store)) for each in store.rglob("*.*")}
    return done.returncode, done.stdout, done.stderr, left


def test_backup_is_stored_under_the_cluster_that_it_is_of(tmp_path: Path) -> None:
    """And says so itself."""
    status, said, wrong, left = _run(tmp_path, "never", ":", "backup_run now")
    assert (status, len(left)) == (0, 2), wrong
    assert said.startswith("backup: etcd/cafe/20")
    (facts,) = (tmp_path / "store/etcd/cafe").glob("*.json")
    assert json.loads(facts.read_text())["clusterId"] == "cafe"


@pytest.mark.parametrize("restore", RESTORES.values(), ids=RESTORES)
def test_nothing_is_stored_of_a_cluster_that_a_restore_ended(tmp_path: Path, restore: str) -> None:
    """Least of all under the name of the one that took its place."""
    status, said, wrong, left = _run(tmp_path, "snapshot", restore, "backup_run now")
    assert (status, said, left) == (5, "", set())
    assert "it may no longer be a member of cluster cafe" in wrong


@pytest.mark.parametrize("restore", RESTORES.values(), ids=RESTORES)
def test_backup_of_the_cluster_that_ended_is_not_the_newest(tmp_path: Path, restore: str) -> None:
    """It was being stored meanwhile, and is where it belongs."""
    script = "is_stored() { when stored; }; backup_run now"
    status, said, _, left = _run(tmp_path, "stored", restore, script)
    assert (status, said) == (5, "")
    assert {each.split("/")[1] for each in left} == {"cafe"}
    assert not (tmp_path / "state/backup-newest").exists()


def test_backups_of_the_cluster_that_ended_stay(tmp_path: Path) -> None:
    """Also where the restore comes just before the old ones would go."""
    old = tmp_path / "store/etcd/cafe"
    old.mkdir(parents=True)
    names = {f"2026-11-28T0{hour}-00-00Z_r7_a" for hour in range(4)}
    for name in names:
        (old / f"{name}.db.gz").write_text("x")
        (old / f"{name}.json").write_text("x")
    script = "S[backup-keep]='0 0 0 0'; BACKUP_OF=cafe; when prune; prune"
    status, _, _, left = _run(tmp_path, "prune", RESTORES["restored"], script)
    assert status == 5
    assert len(left) == 8


def test_no_backup_begins_on_a_fenced_host(tmp_path: Path) -> None:
    """The others may be members of the new cluster already."""
    status, _, wrong, left = _run(
        tmp_path, "begin", RESTORES["fenced"], "when begin; backup_run now"
    )
    assert (status, left) == (5, set())
    assert "a restore is running on this host, or has run" in wrong


@pytest.mark.parametrize("restore", RESTORES.values(), ids=RESTORES)
def test_proof_of_the_cluster_that_ended_is_none(tmp_path: Path, restore: str) -> None:
    """The new cluster's backups are proved anew."""
    script = """
    prove_newest() { when proof; }; refuse_no_cluster; open_store
    mkdir -p $STORE_ROOT/etcd/cafe
    tee <<<x $STORE_ROOT/etcd/cafe/2026-11-28T01-00-00Z_r7_a.{db.gz,json}
    prove_from_store utl
    """
    assert _run(tmp_path, "proof", restore, script)[0] == 5
    assert not (tmp_path / "state/backup-proof").exists()


@pytest.mark.parametrize("restore", RESTORES.values(), ids=RESTORES)
def test_snapshot_before_a_change_is_not_kept_of_a_cluster_that_ended(
    tmp_path: Path, restore: str
) -> None:
    """Where there is no store, neither."""
    script = """
    unset 'S[backup-to]'; own_or_refuse() { :; }; lock() { :; }; read_state() { :; }
    note_formed() { :; }; verb_backup_before
    """
    assert _run(tmp_path, "snapshot", restore, script)[0] == 5
    assert not list((tmp_path / "snapshots").glob("*.db"))


def test_timers_run_does_not_keep_a_change_waiting(tmp_path: Path) -> None:
    """It may take long, and what it would make is older."""
    script = """
    own_or_refuse() { :; }; read_state() { :; }; has_store() { true; }
    systemctl() { echo "$*"; }; lock() { echo "lock $*"; }; backup_and_note() { echo "makes one"; }
    verb_backup_before
    """
    done = ["stop etcd-host-backup.service", "lock backup", "makes one"]
    assert on_host(tmp_path, script, formed=CLUSTER).stdout.splitlines() == done
    # Nor does a cluster that formed after the run that began it was killed.
    (tmp_path / "state/formed").unlink()
    assert on_host(tmp_path, script).stdout.splitlines() == done
    assert (tmp_path / "state/formed").read_text() == f"{CLUSTER}\n"


def test_fence_ends_a_backup_that_is_being_made(tmp_path: Path) -> None:
    """It is of the cluster that ends here, and would fail in the middle."""
    staged = tmp_path / "staged"
    staged.mkdir()
    (staged / "ready").write_text("data\n")
    script = f"""
    read_state() {{ S[restore-id]=r1; }}; lock() {{ :; }}; may_be_restored() {{ :; }}
    staged_folder() {{ echo {staged}; }}; restored_cluster() {{ echo beef; }}
    restored_member() {{ echo 1; }}; put_folder() {{ :; }}; sync() {{ :; }}
    systemctl() {{ echo "$*: $(recall restoring)" >>{tmp_path}/told; return 5; }}
    verb_restore_fence
    """
    done = on_host(tmp_path, script, formed="cafe")
    assert done.stdout == "STOPPED\nfenced: r1\n", done.stderr
    told = (tmp_path / "told").read_text()
    assert "stop etcd-host-backup.service: r1 data none beef 1\n" in told


@pytest.mark.parametrize(
    ("time", "shown"),
    [("1 hour ago", True), ("3 minutes", True), ("10 minutes", False), ("2 years", False)],
)
def test_metrics_have_no_time_that_has_not_come(tmp_path: Path, time: str, shown: bool) -> None:
    """What a clock that was ahead has left would keep every alert silent until then."""
    script = f"""
    WORK={tmp_path}; S[cluster]=etcd; S[member]=a; S[backup-metrics]={tmp_path}
    put_file() {{ cp "$3" "$1"; }}
    when=$(date -u -d '{time}' +%Y-%m-%dT%H:%M:%SZ)
    remember backup-newest "o $when 9 7"; remember backup-proof "$when o"
    put_metrics
    """
    done = on_host(tmp_path, script)
    assert (done.returncode, done.stderr) == (0, "")
    text = (tmp_path / "etcd_backup.prom").read_text()
    assert ("last_success_timestamp_seconds{" in text) is shown
    assert ("last_proof_timestamp_seconds{" in text) is shown
    assert 'last_size_bytes{cluster="etcd"} 9' in text


def test_metrics_are_written_where_a_time_cannot_be_read(tmp_path: Path) -> None:
    """Without that time."""
    done = on_host(
        tmp_path, "seconds_of yesterdays; seconds_of ''; seconds_of 1970-01-01T00:00:09Z"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "9\n", "")


@pytest.mark.parametrize(
    ("restored", "status"),
    [("cafd cafe r1", 0), ("cafd cafe r0", 5), ("cafd beef r1", 5), ("", 5)],
    ids=["this one, cut off in its last step", "another", "of another cluster", "none yet"],
)
def test_backup_is_made_of_what_a_restore_has_brought(
    tmp_path: Path, restored: str, status: int
) -> None:
    """What is left of that restore is done after the backup before this change."""
    script = f"remember restored '{restored}'; refuse_no_cluster; echo OPEN"
    if not restored:
        script = script.replace("remember restored ''; ", "")
    done = on_host(tmp_path, script, MADE, formed="cafe", restoring="r1 data cafd cafe 1")
    assert (done.returncode, done.stdout) == (status, "" if status else "OPEN\n")


def test_settings_that_change_while_a_run_waits_are_the_ones_that_count(tmp_path: Path) -> None:
    """What it proved would be said of a store in which it was never seen."""
    script = """
    mkdir -p "$STATE/backup"; in_store() { echo "backup-to: $1" >"$BACKUP_SETTINGS"; }
    in_store former; lock() { in_store present; }
    read_state() { S[backup-to]=$(sed -n 's/^backup-to: //p'); }
    backup_and_note() { echo "IN ${S[backup-to]}"; }; verb_backup
    lock() { rm "$BACKUP_SETTINGS"; }; verb_backup
    """
    done = on_host(tmp_path, script)
    assert done.stdout == "IN present\n", done.stderr
    assert "no backups are set up on this host" in done.stderr
