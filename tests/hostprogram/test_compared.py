"""Whether all members hold what a backup holds: asked once a day, and again until it is so."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import on_host
from .test_backup import MADE

A, B, C = (f"https://10.0.0.{number}:2379" for number in (1, 2, 3))
SAME = f"{A} 5 3\n{B} 5 3\n{C} 5 3"
C_DIFFERS = f"{A} 5 3\n{B} 5 3\n{C} 7 3"
VOTERS = "\n".join(f"{n} m{n} started p {url} false" for n, url in enumerate((A, B, C), 1))

# Rows of all members; how many of them hold hash 5, compacted at 3.
MOST = {
    "all": (SAME, True),
    "two of three": (C_DIFFERS, True),
    "one of two": (f"{A} 5 3\n{B} 7 3", False),
    "one of three": (f"{A} 5 3\n{B} 7 3\n{C} 8 3", False),
    "two of four": (f"{A} 5 3\n{B} 5 3\n{C} 7 3\nd 7 3", False),
    "three of five": (f"{A} 5 3\n{B} 5 3\n{C} 5 3\nd 7 3\ne 7 3", True),
    "one alone": (f"{A} 5 3", False),
    "nobody": ("", False),
    "compacted further": (f"{A} 5 3\n{B} 5 4\n{C} 5 4", False),
}


@pytest.mark.parametrize(("rows", "most"), MOST.values(), ids=MOST)
def test_most_members_are_more_than_half(tmp_path: Path, rows: str, most: bool) -> None:
    """What is not known to be the same does not count."""
    done = on_host(tmp_path, f"held_by_most '{rows}' 5 3 && echo MOST || echo NOT")
    assert done.stdout == ("MOST\n" if most else "NOT\n")


def _proved(folder: Path, how: str, hashes: str, **memory: str) -> subprocess.CompletedProcess[str]:
    """A snapshot that holds hash 5 at revision 7; `hashes`: what members say, by what is asked."""
    script = f"""
    WORK={folder}; echo '{{"revision":7}}' >$WORK/snapshot.json; MEMBERS='{VOTERS}'
    hash_urls() {{ echo $1; }}; living_hashes() {{ {hashes}; }}
    restore_to_scratch() {{ :; }}; hash_of() {{ echo 5-3; }}
    status=0; prove_snapshot db folder utl {how} || status=$?
    echo "$status|$DIFFER|$PROOF_FAULT"
    """
    return on_host(folder, script, **memory)


def test_member_that_holds_something_else_is_named_and_the_backup_is_made(tmp_path: Path) -> None:
    """It is what most of them hold. Which one is wrong is asked of all once more by the next."""
    done = _proved(tmp_path, "all", f"echo '{C_DIFFERS}'", backup_asked="2999-01-01T00:00:00Z")
    status, differ, _ = done.stdout.strip().split("|")
    assert status == "0", done.stderr
    assert "not all members hold it: at revision 7 " in differ
    assert f"{C} has the hash 7" in differ
    assert not (tmp_path / "state/backup-asked").exists()
    assert differ in (tmp_path / "state/backup-differ").read_text()


def test_comparison_with_all_is_remembered(tmp_path: Path) -> None:
    """Where all hold the same."""
    done = _proved(tmp_path, "all", f"echo '{SAME}'", backup_differ="2026-11-28T23:00:00Z c")
    assert done.stdout.startswith("0||"), done.stderr
    for fact in ("asked", "compared"):
        assert (tmp_path / f"state/backup-{fact}").read_text().startswith("20")
    assert not (tmp_path / "state/backup-differ").exists()


@pytest.mark.parametrize("rows", [f"{A} 5 3\n{B} 5 3", f"{B} 5 3"], ids=["two", "one"])
def test_member_that_differed_does_not_count_as_well_where_it_was_not_asked(
    tmp_path: Path, rows: str
) -> None:
    """It does not serve just now. The others hold the same, and that is asked once a day."""
    done = _proved(tmp_path, "all", f"echo '{rows}'", backup_differ="2026-11-28T23:00:00Z c")
    assert done.stdout.startswith("0||"), done.stderr
    assert (tmp_path / "state/backup-differ").exists()
    assert (tmp_path / "state/backup-asked").exists()
    assert not (tmp_path / "state/backup-compared").exists()


def test_all_are_compared_only_where_all_have_compacted_as_far(tmp_path: Path) -> None:
    """Of the others nothing is known: then a compaction came in between."""
    done = _proved(tmp_path, "all", f"echo '{A} 5 3\n{B} 5 4\n{C} 5 4'")
    assert done.stdout.startswith("2||"), done.stderr
    assert not (tmp_path / "state/backup-compared").exists()


def _tried(folder: Path, proof: str) -> subprocess.CompletedProcess[str]:
    """A large snapshot that is to be compared with all; `proof`: what each try does."""
    script = f"""
    WORK={folder}; STATUS_TEXT=x; look() {{ :; }}; serving_url() {{ echo url; }}
    largest_database() {{ echo 99999999; }}; backup_room_fault() {{ :; }}; all_urls() {{ :; }}
    BACKGROUND=yes; save_snapshot() {{ :; }}
    prove_snapshot() {{ DIFFER=''; {proof}; }}
    proved_snapshot utl {folder}/db all; echo "${{STEADY:-fast}}|$DIFFER"
    """
    return on_host(folder, script)


UNTOLD = "whether all members hold it is not known: c: no answer"


@pytest.mark.parametrize(
    ("proof", "differ"),
    [
        (f'DIFFER="{UNTOLD}"; [[ $4 == one ]] && DIFFER="" || return 2', UNTOLD),
        (f'DIFFER="{UNTOLD}"; return 2', UNTOLD),
        (f'[[ -e {{0}}/tried ]] || {{{{ : >{{0}}/tried; DIFFER="{UNTOLD}"; return 2; }}}}', ""),
    ],
    ids=["then one alone", "then none", "then all"],
)
def test_member_that_does_not_tell_its_hash_is_not_forgotten_for_a_compaction(
    tmp_path: Path, proof: str, differ: str
) -> None:
    """A change would begin, although nobody knows what it holds; and it is asked again soon."""
    done = _tried(tmp_path, proof.format(tmp_path))
    assert done.stdout.splitlines()[-1] == f"yes|{differ}", done.stderr
    assert not (tmp_path / "state/backup-asked").exists()


def test_comparison_that_compactions_prevent_is_not_tried_again_at_once(tmp_path: Path) -> None:
    """The third try is with one alone, without pauses: large databases would have none at all."""
    done = _tried(tmp_path, 'echo "$4 ${STEADY:-fast}"; [[ $4 == one ]] || return 2')
    assert done.stdout.splitlines() == ["all yes", "all yes", "one fast", "yes|"], done.stderr
    assert (tmp_path / "state/backup-asked").exists()
    assert not (tmp_path / "state/backup-compared").exists()


def test_compaction_is_no_answer_of_a_member_that_does_not_tell(tmp_path: Path) -> None:
    """All are asked once more, at the next revision."""
    hashes = 'echo "the members did not tell: required revision has been compacted"; false'
    done = _proved(tmp_path, "all", hashes)
    assert done.stdout.startswith("2||the members did not tell"), done.stderr


def test_comparison_with_one_says_nothing_of_all(tmp_path: Path) -> None:
    """It is due as before."""
    assert _proved(tmp_path, "one", f"echo '{B} 5 3'").stdout.startswith("0||")
    assert not (tmp_path / "state/backup-compared").exists()


def test_snapshot_that_one_member_alone_holds_is_refused(tmp_path: Path) -> None:
    """And the next one is compared with all, whoever is right."""
    done = _proved(tmp_path, "one", f"echo '{B} 7 3'", backup_asked="2999-01-01T00:00:00Z")
    assert done.stdout.startswith("1||"), done.stderr
    assert not (tmp_path / "state/backup-asked").exists()


def test_member_that_does_not_tell_its_hash_does_not_keep_a_backup_from_being_made(
    tmp_path: Path,
) -> None:
    """What it holds is not known, and said so."""
    hashes = f'if [[ $2 == all ]]; then echo "b: no answer"; false; else echo "{B} 5 3"; fi'
    done = _proved(tmp_path, "all", hashes)
    assert done.stdout.startswith("0|whether all members hold it is not known: b: no answer|")
    assert not (tmp_path / "state/backup-compared").exists()


@pytest.mark.parametrize(
    ("mode", "compared", "how"),
    [
        ("scheduled", "", "all"),
        ("scheduled", "2020-01-01T00:00:00Z", "all"),
        ("scheduled", "now", "one"),
        ("before", "now", "all"),
        ("now; remember backup-differ x", "now", "all"),
    ],
    ids=["never", "long ago", "today", "before a change", "while one differs"],
)
def test_once_a_day_and_before_a_change_all_are_compared(
    tmp_path: Path, mode: str, compared: str, how: str
) -> None:
    """Whatever the proof from the store says."""
    known = f"remember backup-asked $({'now' if compared == 'now' else f'echo {compared}'})"
    script = f"""
    S[backup-to]={tmp_path}/store; WORK={tmp_path}; image_program() {{ echo utl; }}
    proof_due() {{ false; }}; {known if compared else ":"}; {mode.partition("; ")[2]}
    proved_snapshot() {{ echo "COMPARED $3"; exit; }}
    backup_run {mode.partition(";")[0]}
    """
    assert f"COMPARED {how}" in on_host(tmp_path, script, formed="cafe").stdout


DIFFERS = 'when() { :; }; eval "as_made_$(declare -f proved_snapshot)"; ' + (
    'proved_snapshot() { as_made_proved_snapshot "$@"; DIFFER="not all members hold it: c"; }'
)


@pytest.mark.parametrize("mode", ["scheduled", "now", "before"])
def test_run_fails_while_a_member_differs(tmp_path: Path, mode: str) -> None:
    """The backup is there, the reason in each preview. Before a change that is a refusal."""
    script = f"S[backup-to]={tmp_path}/store; WORK={tmp_path}; {DIFFERS}; backup_and_note {mode}"
    done = on_host(tmp_path, script, MADE, formed="cafe")
    assert done.returncode == 4, done.stderr
    fault = (tmp_path / "state/backup-fault").read_text()
    assert "the backup was made, and not all members hold it: c. See docs/runbooks/" in fault
    assert len(list((tmp_path / "store/etcd/cafe").glob("*.db.gz"))) == 1
    assert "set backup.to to a store that works" not in done.stderr


def test_no_change_begins_on_a_snapshot_that_not_all_hold(tmp_path: Path) -> None:
    """Nor where there is no store."""
    script = f"""
    own_or_refuse() {{ :; }}; lock() {{ :; }}; read_state() {{ :; }}; note_formed() {{ :; }}
    WORK={tmp_path}; {DIFFERS}; verb_backup_before
    """
    done = on_host(tmp_path, script, MADE, formed="cafe")
    assert done.returncode == 4
    assert "not all members hold it: c. Nothing was changed" in done.stderr


@pytest.mark.parametrize("store", ["a store", "no store"])
def test_no_change_begins_while_one_that_differed_was_not_compared_since(
    tmp_path: Path, store: str
) -> None:
    """It does not serve just now, or compactions came in between."""
    script = f"""
    own_or_refuse() {{ :; }}; lock() {{ :; }}; read_state() {{ :; }}; note_formed() {{ :; }}
    WORK={tmp_path}; when() {{ :; }}; systemctl() {{ :; }}
    {f"S[backup-to]={tmp_path}/store" if store == "a store" else ":"}; verb_backup_before
    """
    differs = "2026-11-28T23:00:00Z not all members hold it: c"
    done = on_host(tmp_path, script, MADE, formed="cafe", backup_differ=differs)
    assert done.returncode == 4
    told = "at 2026-11-28T23:00:00Z not all members hold it: c; not all could be compared again"
    assert told in done.stderr
