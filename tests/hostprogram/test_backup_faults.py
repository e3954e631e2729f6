"""What is left of a backup that did not go well: in the store, and in what its host says of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from etcd_cluster.plan import backup
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation, parse
from tests.plan.decided import CLUSTER, known
from tests.plan.test_backup import STORE
from tests.support.samples import settings

from .asking import on_host
from .bash import run
from .test_backup import MADE

NAMES = [f"2026-11-28T0{hour}-00-00Z_r7_a" for hour in range(4)]


@pytest.mark.parametrize(
    ("data", "told", "whole", "gone"),
    [
        ("9", "9", True, False),
        ("0", "9", False, True),
        ("9", "0", False, True),
        ("-1", "9", True, False),
    ],
    ids=["whole", "no data", "no description", "unknown"],
)
def test_empty_object_is_half_a_backup(data: str, told: str, whole: bool, gone: bool) -> None:
    """A host that lost its power has left it, and nobody can restore it."""
    listing = f"{data} {NAMES[0]}.db.gz\n{told} {NAMES[0]}.json\n"
    script = "whole_names <<<$LIST; echo -; unfinished_names 2026-11-29T00-00-00Z <<<$LIST"
    found = run(f"LIST='{listing.strip()}'\n{script}").stdout.split()
    left, right = found[: found.index("-")], found[found.index("-") + 1 :]
    assert left == ([f"{NAMES[0]}.db.gz"] if whole else [])
    assert right == ([f"{NAMES[0]}.db.gz", f"{NAMES[0]}.json"] if gone else [])


HALVES = [
    *(f".{NAMES[2]}.{each}" for each in ("db.gz", "db.gz.bin", "json", "damaged")),
    *(f"{NAMES[2]}.{each}.a1b2c3d4.partial" for each in ("db.gz", "json", "damaged")),
    *(f".{NAMES[2]}.db.gz.xefujiv0.partial{each}" for each in ("", ".bin")),
]
OTHERS = [
    *(f".{NAMES[2]}.tar", f"{NAMES[2]}.db.gz.partial", f"{NAMES[2]}.db.gz.old", ".2026_r7.partial"),
    *("notes.txt.a1b2c3d4.partial", f"my-{NAMES[2]}.db.gz.a1b2c3d4.partial", ".hidden"),
    *(f"{NAMES[1]}.db.gz.bin", f"{NAMES[1]}.json.bin"),
]


def test_what_was_half_written_goes_after_a_day(tmp_path: Path) -> None:
    """A run that was killed has left it, or rclone. Nobody else's file goes, whatever its name."""
    store = tmp_path / "store/etcd/cafe"
    store.mkdir(parents=True)
    today = [each.replace("2026", "2999") for each in HALVES]
    whole = [f"{name}.{each}" for name in NAMES[2:] for each in ("db.gz", "json")]
    for name in (*HALVES, *today, *whole, *OTHERS):
        (store / name).write_text("x")
    script = f"""
    S[cluster]=etcd; S[member]=a; S[backup-to]={tmp_path}/store; S[backup-keep]='9 9 9 9'
    WORK={tmp_path}; open_store; refuse_no_cluster; prune
    """
    done = on_host(tmp_path, script, formed="cafe")
    assert done.returncode == 0, done.stderr
    assert {each.name for each in store.iterdir()} == {*today, *whole, *OTHERS}


# rclone, of a store in a folder. Its credentials may do all but delete.
RCLONE = """#!/bin/sh
while :; do case $1 in lsf | copyto | deletefile) break ;; esac; shift; done
verb=$1; shift
while :; do case $1 in --format | --separator) shift 2 ;; --*) shift ;; *) break ;; esac; done
case $verb in
  lsf) [ -d "{folder}/${1#store:}" ] || exit 3
    find "{folder}/${1#store:}" -type f -printf '%s %f\\n' ;;
  copyto) from={folder}/${1#store:} to=$2
    case $2 in store:*) from=$1 to={folder}/${2#store:} ;; esac
    mkdir -p "${to%/*}"; cp "$from" "$to" ;;
  *) echo 'Failed to deletefile: AccessDenied: Access Denied' >&2
    echo '  status code: 403, request id: J5IJ' >&2; exit 1 ;;
esac
"""


def test_store_that_lets_nothing_be_deleted_has_the_backup(tmp_path: Path) -> None:
    """It counts, and the next preview says what is missing for `keep`, which has numbers."""
    rclone = tmp_path / "bin/rclone"
    rclone.parent.mkdir()
    rclone.write_text(RCLONE.replace("{folder}", f"{tmp_path}/folder"))
    rclone.chmod(0o755)
    old = tmp_path / "folder/b/etcd/cafe"
    old.mkdir(parents=True)
    for name in NAMES:
        for ending in (".db.gz", ".json"):
            (old / f"{name}{ending}").write_text("x")
    script = f"""
    PATH={tmp_path}/bin:$PATH; S[backup-to]=b; S[backup-remote]=$(echo 'type = s3' | base64)
    S[backup-keep]='1 0 0 0'; S[backup-metrics]={tmp_path}; put_file() {{ cp "$3" "$1"; }}
    (backup_and_note now) || echo "ENDS $?"
    observe_backup
    """
    (tmp_path / "state").mkdir()
    (tmp_path / "state/backup.stamp").touch()
    done = on_host(tmp_path, script, MADE, formed="cafe")
    assert "ENDS 4" in done.stdout, done.stderr
    assert len(list(old.glob("*.json"))) == 5
    metrics = (tmp_path / "etcd_backup.prom").read_text()
    assert "last_success_timestamp_seconds{" in metrics
    assert 'last_attempt_failed{cluster="etcd"} 1' in metrics
    facts = {**parse(done.stdout.partition("ENDS 4\n")[2]), "formed": CLUSTER}
    seen = Observation(facts=facts, at=facts["backup-newest"].split()[1])
    memory = StackMemory(cluster_id=CLUSTER, members={"etcd01": known("10.0.0.1", backed_up=True)})
    found = backup.warnings(settings(backup=STORE), {"etcd01": seen}, memory)
    (said,) = [each for each in found if "failed on" in each]
    assert "a: the backup was made, and older ones could not be deleted" in said
    assert "AccessDenied: Access Denied. Allow it, or set backup.keep: bucket" in said
    assert not [each for each in found if "no host knows of one" in each or "newest" in each]


@pytest.mark.parametrize("lists", [0, 1], ids=["nothing", "the description alone"])
@pytest.mark.parametrize("then", ["echo 'no answer' >$WORK/store.log; return 1", "echo -1 $NAME"])
def test_object_is_not_fetched_while_its_size_is_not_known(
    tmp_path: Path, lists: int, then: str
) -> None:
    """It might be of any size, and what it is fetched to is the disk of etcd's data."""
    script = f"""
    WORK={tmp_path}; NAME={NAMES[0]}.db.gz; : >$WORK/asked; whole_facts() {{ true; }}
    store_list() {{
      echo x >>$WORK/asked
      if (($(wc -l <$WORK/asked) <= {lists})); then echo 90 {NAMES[0]}.json; else {then}; fi
    }}
    store_get() {{ echo "GOT $1"; echo '{{"clusterId":"cafe","gzSize":9,"size":99}}' >"$2"; }}
    status=0
    object=etcd/cafe/$NAME facts=$WORK/facts
    {{ fetch_facts $object $facts && fetch_backup $object $facts $WORK/db; }} ||
      status=$?
    echo "$status $PROOF_FAULT"
    """
    *got, said = run(script).stdout.splitlines()
    assert got == ([f"GOT etcd/cafe/{NAMES[0]}.json"] if lists else [])
    name = NAMES[0] + (".db.gz" if lists else ".json")
    why = "no answer" if "answer" in then else "it is not listed, or without its size"
    assert said == f"1 etcd/cafe/{name} could not be fetched: {why}"


PROOF = """
S[cluster]=etcd; S[member]=a; S[backup-metrics]={folder}; WORK={folder}
put_file() {{ cp "$3" "$1"; }}; backup_run() {{ {ends}; }}
backup_and_note {mode}
"""
FULL = "2026-11-28T01:00:00Z a: the backup could not be stored: no space"


@pytest.mark.parametrize(
    ("mode", "ends", "before", "after"),
    [
        ("prove", "true", FULL, FULL),
        ("prove", "die 4 'not proved'", FULL, FULL),
        ("prove", "kill -9 $$", FULL, FULL),
        ("prove", "true", "T was interrupted", "T was interrupted"),
        ("prove", "die 4 'not proved'", "", "backup prove: not proved"),
        ("prove", "kill -9 $$", "", "backup prove: was interrupted"),
        ("prove", "true", "T backup prove: not proved", ""),
        ("prove", "true", "", ""),
        ("now", "true", FULL, ""),
        ("now", "true", "T backup prove: not proved", ""),
        ("now", "die 5 'cut off'", FULL, "cut off"),
        ("now", "kill -9 $$", FULL, "was interrupted"),
    ],
)
def test_backup_that_failed_is_not_made_by_a_proof(
    tmp_path: Path, mode: str, ends: str, before: str, after: str
) -> None:
    """It is remembered until one is made."""
    memory = {"backup_fault": before} if before else {}
    on_host(tmp_path, PROOF.format(folder=tmp_path, ends=ends, mode=mode), **memory)
    fault = tmp_path / "state/backup-fault"
    left = fault.read_text().strip() if fault.exists() else ""
    assert left == after if after in (before, "") else left.endswith(f"Z {after}")
    if "kill" not in ends:
        said = json.loads((tmp_path / "etcd_backup.prom").read_text().split("failed{", 2)[1][16:17])
        assert said == (1 if after else 0)


@pytest.mark.parametrize(
    ("fault", "lock", "told"),
    [("T was interrupted", "", "1"), ("", "", "0"), ("T was interrupted", "flock 7", None)],
    ids=["killed", "well", "another run has begun"],
)
def test_run_that_was_killed_is_told_by_metrics(
    tmp_path: Path, fault: str, lock: str, told: str | None
) -> None:
    """By its unit, when it has ended. Before that nothing has failed."""
    former = tmp_path / "state/backup/settings"
    former.parent.mkdir(parents=True)
    lines = f"backup-metrics: {tmp_path}\nbackup-to: /a\ncluster: etcd\nmember: a\ntoken: cafe\n"
    former.write_text(lines)
    script = f"""
    put_file() {{ cp "$3" "$1"; }}; S=(); mkdir -p $RUN; exec 7>$RUN/backup.lock; {lock}
    verb_backup_metrics
    """
    memory = {"backup_fault": fault} if fault else {}
    done = on_host(tmp_path, script, "", **memory)
    assert done.returncode == 0, done.stderr
    file = tmp_path / "etcd_backup.prom"
    text = file.read_text() if file.exists() else ""
    assert (f'last_attempt_failed{{cluster="etcd"}} {told}\n' in text) is (told is not None)


@pytest.mark.parametrize("folder", ["", "/metrics"])
def test_unit_tells_metrics_in_its_end_where_there_are_any(folder: str) -> None:
    """However it ends: what was killed says nothing any more."""
    unit = run(f"S[backup-metrics]={folder}; render_backup_service").stdout
    line = "ExecStopPost=-/usr/local/sbin/etcd-host backup-metrics"
    assert unit.splitlines().count(line) == bool(folder)
    assert "ExecStart=/usr/local/sbin/etcd-host backup scheduled\n" in unit
    assert "\nNice=19\n" in unit


@pytest.mark.parametrize(
    ("changed", "kept"),
    [
        ({}, True),
        ({"backup-schedule": "daily"}, True),
        ({"backup-keep": "1 1 1 1"}, True),
        ({"backup-to": "{folder}/b"}, False),
        ({"backup-remote": "dHlwZQ=="}, False),
        ({"backup-password": "another"}, False),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, dict) else None,
)
def test_proof_in_another_store_is_none(
    tmp_path: Path, changed: dict[str, str], kept: bool
) -> None:
    """Nor is what was seen there the newest of this one."""
    former = tmp_path / "state/backup/settings"
    former.parent.mkdir(parents=True)
    lines = {
        "backup-to": f"{tmp_path}/a",
        "backup-remote": "cmVtb3Rl",
        "backup-password": "one",
        "backup-schedule": "hourly",
        "cluster": "etcd",
        "member": "a",
        "token": "cafe",
    }
    former.write_text("".join(f"{k}: {v}\n" for k, v in sorted(lines.items())))
    lines |= {key: text.format(folder=tmp_path) for key, text in changed.items()}
    script = """
    systemctl() { :; }; lock() { :; }; claim_fault() { :; }; schedule_seconds() { echo 3600; }
    open_store() { :; }; make_folder() { :; }; store_usable() { :; }; note_what_is_there() { :; }
    render_backup_service() { :; }; render_backup_timer() { :; }; put_file() { :; }; stamp() { :; }
    put_folder() { :; }; back_up_now() { :; }; S=()
    """
    told = "\\n".join(f"{key}: {value}" for key, value in lines.items())
    script += f"verb_backup_setup <<<$'{told}'\n"
    memory = {"backup_newest": "etcd/cafe/x.db.gz T 9 7", "backup_proof": "T x"}
    done = on_host(tmp_path, script, "", formed="cafe", **memory)
    assert done.returncode == 0, done.stderr
    for name in ("backup-newest", "backup-proof"):
        assert (tmp_path / "state" / name).exists() == kept


@pytest.mark.parametrize("same", [True, False])
def test_run_with_the_former_settings_does_not_keep_the_new_ones_waiting(
    tmp_path: Path, same: bool
) -> None:
    """It may be at a store that trickles, for hours; with the same settings it goes on."""
    former = tmp_path / "state/backup/settings"
    former.parent.mkdir(parents=True)
    former.write_text(
        f"backup-to: /{'b' if same else 'a'}\ncluster: etcd\nmember: a\ntoken: cafe\n"
    )
    script = """
    systemctl() { echo "$*"; }; lock() { echo "lock $*"; exit 0; }; S=()
    verb_backup_setup <<<$'token: cafe\ncluster: etcd\nmember: a\nbackup-to: /b'
    """
    mine = "claim_fault() { :; }\n"
    said = on_host(tmp_path, script, mine).stdout.splitlines()
    assert said == [*([] if same else ["stop etcd-host-backup.service"]), "lock backup"]
    other = on_host(tmp_path, script, "claim_fault() { echo another stack; }\n")
    assert (other.returncode, other.stdout) == (4, "")
