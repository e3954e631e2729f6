"""The last steps of a restore, and what this host keeps in the store until then."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import on_host
from .restoring import CANCEL, FENCE, OLD, SNAPSHOT, STAGE, Host
from .test_damage import HOURS, stored

NEW = "31b9e2"
STARTS = """
set_aside() { rm -rf "$DATA/member"; }; put_guard() { :; }; await_turn() { :; }
apply_manifest() { echo STARTED; }; S[endpoints]=https://10.0.0.2:2379
stage_snapshot() {
  mkdir -p "$(staged_folder)/member"; echo 3.6 3.6.6 >"$(staged_folder)/versions"
  echo "${S[restore-id]}" >"$(staged_folder)/member/restored"
}
"""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """One that a restore has stopped. It knew of backups of the cluster that ends."""
    made = Host(tmp_path)
    for name, text in {
        "backup-newest": f"etcd/{OLD}/x.db.gz 2026-11-28T03:00:00Z 9 7",
        "backup-proof": f"2026-11-28T03:00:00Z etcd/{OLD}/x.db.gz",
        "backup-unproved": "2026-11-28T03:00:00Z no answer",
        "backup-missed": f"etcd/{OLD}/x.db.gz",
        "restore-fetches": f"2026-11-28T03:00:00Z etcd/{OLD}/x.db.gz",
    }.items():
        made.write(made.state / name, text)
    made.do(STARTS + SNAPSHOT + STAGE + FENCE)
    return made


def _left(host: Host) -> set[str]:
    found = {each.name for each in host.state.glob("*-*") if OLD in each.read_text()}
    return found | {each.name for each in host.data.glob(".restore")}


CUT_OFF = {
    "before what it knew is forgotten": "forget_former_backups() { exit 9; }",
    "in the middle of that": "forget() { [[ $1 != backup-proof ]] || exit 9; rm -f $STATE/$1; }",
    "before what was staged goes": "drop_staged() { exit 9; }",
    "in the middle of that, too": 'drop_staged() { rm "$STAGED"/*/versions; exit 9; }',
    "after it": 'rm() { [[ $* != *fenced ]] || exit 9; command rm "$@"; }',
    "at the end": "forget() { [[ $1 != restoring ]] || exit 9; rm -f $STATE/$1; }",
}


@pytest.mark.parametrize("cut", CUT_OFF.values(), ids=CUT_OFF.keys())
def test_restore_that_was_cut_off_in_its_last_steps_does_them_again(host: Host, cut: str) -> None:
    """Or the newest backup that this host knows would be of the cluster that ended."""
    host.do(f"{STARTS}{cut}\nput_restored\n", status=9)
    assert host.restoring == "r1"
    done = host.do(f"{STARTS}put_restored; echo $STARTED_ANEW\n")
    assert done.stdout.splitlines()[-2:] == ["STARTED", "yes"]
    assert (host.restoring, _left(host)) == ("", set())
    assert not host.fenced.exists()
    assert not (host.state / "backup-unproved").exists()


def test_what_the_new_cluster_has_stays_known(host: Host) -> None:
    """Its etcd may have served for long before the run that was cut off is done again."""
    host.do(STARTS + "drop_staged() { exit 9; }; put_restored\n", status=9)
    newest = f"etcd/{NEW}/y.db.gz 2026-11-29T03:00:00Z 9 7"
    host.write(host.state / "backup-newest", newest)
    host.write(host.state / "backup-proof", f"2026-11-29T03:00:00Z etcd/{NEW}/y.db.gz")
    host.do(STARTS + "put_restored\n")
    assert (host.state / "backup-newest").read_text() == newest + "\n"
    assert (host.state / "backup-proof").exists()
    assert _left(host) == set()


def _pruned(folder: Path, script: str = ":", **memory: str) -> list[str]:
    stored(folder, *HOURS[:4])
    told = f"""
    S[cluster]=etcd; S[member]=a; S[backup-to]={folder}/store; S[backup-keep]='1 0 0 0'
    WORK={folder}; {script}; open_store; refuse_no_cluster; prune
    """
    done = on_host(folder, told, formed="cafe", **memory)
    assert done.returncode == 0, done.stderr
    return sorted(each.name[:-6] for each in (folder / "store/etcd/cafe").glob("*.db.gz"))


STAGES = f"""
read_state() {{ :; }}; lock() {{ :; }}; may_be_restored() {{ :; }}; need_user() {{ :; }}
need_image() {{ exit 4; }}; S[restore-object]=etcd/cafe/{HOURS[1]}.db.gz
S[restore-id]=r1; (verb_restore_stage) || true"""


def test_backup_that_a_restore_fetches_is_not_deleted(tmp_path: Path) -> None:
    """The other hosts, or the next run of this one, may not have it yet; also where it refuses."""
    assert _pruned(tmp_path, STAGES) == [HOURS[1], HOURS[3]]


@pytest.mark.parametrize(
    ("when", "name", "kept"),
    [
        ("6 days ago", HOURS[1], True),
        ("8 days ago", HOURS[1], False),
        ("6 days ago", HOURS[1].replace("7", "8"), False),
    ],
    ids=["lately", "nobody restores any more", "another"],
)
def test_backup_is_kept_for_a_restore_for_a_week(
    tmp_path: Path, when: str, name: str, kept: bool
) -> None:
    """Nobody says when a restore was given up."""
    awaited = f"remember restore-fetches \"$(date -u -d '{when}' +%FT%TZ) etcd/cafe/{name}.db.gz\""
    assert (HOURS[1] in _pruned(tmp_path, awaited)) is kept


def test_cancelled_restore_keeps_nothing(host: Host) -> None:
    """Its backup goes by the rules."""
    host.do(CANCEL)
    assert not (host.state / "restore-fetches").exists()
