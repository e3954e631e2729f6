"""What a restore has staged and fenced: when it is used, when it is made anew, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest

from .restoring import CANCEL, FENCE, LATER, OLD, OTHER, REFUSED, SNAPSHOT, STAGE, SURVIVOR, Host


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """A member of a cluster that has lost its quorum."""
    return Host(tmp_path)


def test_survivor_that_has_served_since_is_copied_anew(host: Host) -> None:
    """The run failed after it had staged, and the others came back for a while."""
    host.do(SURVIVOR + STAGE)
    host.holds("second")
    host.do(SURVIVOR + STAGE)
    assert host.staged() == "second"


def test_survivor_that_has_served_since_it_was_copied_is_not_fenced(host: Host) -> None:
    """The others came back, were written to and vanished, all while hosts were still staging."""
    host.do(SURVIVOR + STAGE)
    host.applied("1.000001e+06")
    host.holds("second")
    done = host.do(SURVIVOR + FENCE, status=LATER)
    assert "since this member's data was copied, the cluster had, or may have had" in done.stderr
    assert host.runs
    assert not host.restoring
    host.do(SURVIVOR + STAGE + FENCE)
    assert (host.staged(), host.runs) == ("second", False)


@pytest.mark.parametrize("index", ["999999", "9.99999e+05", "0", ""])
def test_survivor_that_was_started_again_has_not_served(host: Host, index: str) -> None:
    """Without a quorum it comes as far as it was, or says nothing of it."""
    host.do(SURVIVOR + STAGE)
    host.applied(index)
    host.do(SURVIVOR + FENCE)
    assert not host.runs


@pytest.mark.parametrize("down", ["", "rm $STATE/runs\n"], ids=["runs", "down"])
@pytest.mark.parametrize("before", ["999999", ""])
@pytest.mark.parametrize("index", ["0", ""])
def test_survivor_that_does_not_say_whether_it_has_served_is_known_by_its_log(
    host: Host, before: str, index: str, down: str
) -> None:
    """Without a quorum etcd writes nothing to it. A copy of before that is not what it holds."""
    host.applied(before)
    host.do(SURVIVOR + STAGE)
    host.applied(index)
    host.holds("second")
    done = host.do(down + SURVIVOR + FENCE, status=LATER)
    assert "the cluster had, or may have had, a quorum, and may have" in done.stderr
    assert "which copies the data again" in done.stderr
    assert not host.restoring
    host.do("touch $STATE/runs\n" + SURVIVOR + STAGE + down + FENCE)
    assert (host.staged(), host.runs) == ("second", False)


@pytest.mark.parametrize("lost", ['rm "$DATA"/member/wal/*\n', 'rm "$(staged_folder)/log"\n'])
def test_survivor_whose_log_is_not_known_is_not_fenced(host: Host, lost: str) -> None:
    """Unknown is not unchanged."""
    host.do(SURVIVOR + STAGE)
    host.applied("")
    host.do(lost + SURVIVOR + FENCE, status=LATER)
    assert host.runs


def test_hosts_beside_the_survivor_have_no_data_that_counts(host: Host) -> None:
    """They join."""
    host.do(OTHER + STAGE)
    host.applied("")
    host.holds("second")
    host.do(OTHER + FENCE)
    assert not host.runs


def test_survivor_that_is_only_starting_is_waited_for(host: Host) -> None:
    """It says how far it was after seconds: until then it asks its peers, who are silent."""
    host.applied("")
    late = f"sleep() {{ echo 7 >{host.state}/applied; HUNDREDTHS=$((HUNDREDTHS + 100)); }}\n"
    host.do(late + SURVIVOR + STAGE)
    host.applied("8")
    assert "Run it again" in host.do(SURVIVOR + FENCE, status=LATER).stderr


def test_survivor_that_did_not_say_how_far_it_was_is_fenced(host: Host) -> None:
    """There is nothing to compare."""
    host.applied("")
    host.do(SURVIVOR + STAGE)
    host.applied("7")
    host.do(SURVIVOR + FENCE)
    assert not host.runs


@pytest.mark.parametrize("lines", [SURVIVOR, OTHER], ids=["the survivor", "another"])
@pytest.mark.parametrize("verb", [STAGE, FENCE])
@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("healthy", "a quorum of the cluster still answers"),
        ("unknown", "did not report within 60 s"),
    ],
)
def test_staged_survivor_does_not_start_anew_while_a_quorum_may_be_there(
    host: Host, lines: str, verb: str, word: str, reason: str
) -> None:
    """Each step asks again, on each host, and stops nothing."""
    host.do(lines + STAGE)
    host.says(word)
    done = host.do(lines + verb, status=REFUSED)
    assert reason in done.stderr
    assert host.runs
    assert host.manifest.exists()
    assert not host.restoring


def test_staged_data_stays_when_a_fence_is_refused(host: Host) -> None:
    """The next one of this run may be let through."""
    host.do(SURVIVOR + STAGE)
    host.says("healthy")
    assert "restore-cancel" in host.do(SURVIVOR + FENCE, status=REFUSED).stderr
    assert host.staged() == "first"


@pytest.mark.parametrize("lines", [SURVIVOR, OTHER, SNAPSHOT])
def test_fenced_host_keeps_what_it_has_staged(host: Host, lines: str) -> None:
    """Its etcd runs no more, so it cannot be copied once more, nor be asked; nor need it be."""
    host.do(lines + STAGE + FENCE)
    assert not host.runs
    assert not host.manifest.exists()
    host.says("unknown")
    staged = host.staged()
    host.do(lines + STAGE + FENCE)
    assert host.staged() == staged
    assert host.restoring == "r1"


def test_etcd_that_a_fence_did_not_stop_is_copied_anew(host: Host) -> None:
    """It was cut off there, or somebody has brought the manifest back."""
    host.do(SURVIVOR + STAGE)
    for moved in (False, True):
        host.write(host.state / "restoring", f"r1 data {OLD} 31b9e2 a1")
        if moved:
            host.manifest.rename(host.fenced)
        host.holds(f"after {moved}")
        host.says("healthy")
        host.do(SURVIVOR + STAGE, status=REFUSED)
        host.says("no leader")
        host.do(SURVIVOR + STAGE)
        assert host.staged() == f"after {moved}"
        assert host.manifest.exists()
        assert not host.restoring
    host.do(SURVIVOR + FENCE)
    assert host.restoring == "r1"
    assert not host.runs


def test_snapshot_is_staged_once(host: Host) -> None:
    """It is the same at any time, and its cluster may serve until all are fenced."""
    host.says("healthy")
    host.do(SNAPSHOT + STAGE)
    host.do("S[restore-snapshot]=broken\n" + STAGE + FENCE)
    assert host.staged() == "one"
    assert not host.runs


def test_nothing_that_was_staged_outlives_a_cancel(host: Host) -> None:
    """The old cluster serves again, and will have more than that."""
    host.do(SURVIVOR + STAGE + FENCE)
    host.do(CANCEL)
    assert host.runs
    assert not host.restoring
    assert not host.fenced.exists()
    assert not host.staged()
    host.holds("second")
    host.do(SURVIVOR + STAGE)
    assert host.staged() == "second"


def test_cancel_that_was_cut_off_is_finished_by_the_next(host: Host) -> None:
    """Whatever it had done by then."""
    host.do(SURVIVOR + STAGE + FENCE)
    host.do("take_fence_back() { exit 9; }\n" + CANCEL, status=9)
    assert not host.staged()
    host.do(CANCEL)
    assert host.runs
    assert "no restore was begun on this host" in host.do(CANCEL, status=REFUSED).stderr


def test_fence_is_taken_back_while_the_old_data_is_in_place(host: Host) -> None:
    """Whatever became of what was staged."""
    host.do(SNAPSHOT + STAGE + FENCE + 'rm -rf "$STAGED"\n')
    host.do(CANCEL)
    assert host.runs
    assert (host.data / "member/wal/0.wal").read_text() == "first\n"


@pytest.mark.parametrize(
    "reached",
    [
        'echo r1 >"$DATA/member/restored"\n',
        f'remember restored "{OLD} 31b9e2 r1"\n',
        'mkdir "$DATA/member/restored"\n',
    ],
    ids=["its data is in place", "it has joined the new cluster", "its data cannot be read"],
)
def test_fence_is_not_taken_back_when(host: Host, reached: str) -> None:
    """An etcd of the old cluster would start on data of the new one, or beside it."""
    host.do(SNAPSHOT + STAGE + FENCE + reached)
    done = host.do(CANCEL, status=1 if "mkdir" in reached else REFUSED)
    assert "mkdir" in reached or "`pulumi up` finish" in done.stderr
    assert host.restoring == "r1"
    assert not host.runs
    assert host.staged() == "one"


ANOTHER = "S[restore-id]=r2\n"


def test_restore_that_has_fenced_keeps_its_data_until_another_has(host: Host) -> None:
    """The lines have changed since: a host was given up, or it was to be another snapshot."""
    host.do(SNAPSHOT + STAGE + FENCE)
    host.do(ANOTHER + "S[restore-snapshot]=broken\n" + STAGE, status=REFUSED)
    assert (host.staged("r1"), host.staged("r2")) == ("one", "")
    host.do(SNAPSHOT + STAGE + FENCE)
    host.do(ANOTHER + "S[restore-snapshot]=two\n" + STAGE)
    assert (host.staged("r1"), host.staged("r2")) == ("one", "two")
    host.do(ANOTHER + "S[restore-snapshot]=two\n" + FENCE)
    assert host.restoring == "r2"
    host.do(CANCEL)
    assert host.runs
    assert not (host.data / ".restore").exists()


def test_restore_that_has_fenced_nothing_makes_room_for_another(host: Host) -> None:
    """Nobody would start from what it has staged."""
    host.do(SNAPSHOT + STAGE)
    host.do(ANOTHER + "S[restore-snapshot]=two\n" + STAGE)
    assert (host.staged("r1"), host.staged("r2")) == ("", "two")


def test_other_lines_for_a_survivor_have_two_ways_out_after_the_fence(host: Host) -> None:
    """Its etcd is needed: both ways are named, and both lead on."""
    real = "stage_survivor() { own_process() { false; }; bring_programs $WORK/bin; }\n"
    host.do(SURVIVOR + STAGE + FENCE)
    text = host.do(real + ANOTHER + SURVIVOR + STAGE, status=REFUSED).stderr
    assert 'run "etcd-host restore-cancel" on this host' in text
    assert "set the lines of the restore r1 again" in text
    host.do(SURVIVOR + STAGE + FENCE)
    assert host.staged("r1") == "first"
    host.do(CANCEL)
    host.holds("second")
    host.do(ANOTHER + SURVIVOR + STAGE + FENCE)
    assert host.staged("r2") == "second"


def test_no_room_beside_a_fence_has_a_way_out(host: Host) -> None:
    """What the other restore has staged takes it, too."""
    host.do(SNAPSHOT + STAGE + FENCE)
    assert not host.do("room_behind_fence").stdout
    assert "give up the restore r1" in host.do(ANOTHER + "room_behind_fence").stdout


def test_restore_that_is_done_is_neither_staged_nor_fenced(host: Host) -> None:
    """Also where it was cut off before the staged folder was removed."""
    host.do(SNAPSHOT + STAGE)
    host.write(host.state / "restored", f"{OLD} 31b9e2 r1")
    host.write(host.state / "formed", "31b9e2")
    host.do("S[restore-snapshot]=broken\n" + STAGE + FENCE)
    assert host.runs


def test_nothing_is_fenced_that_was_not_staged(host: Host) -> None:
    """The next run stages it."""
    assert "is gone from" in host.do(SNAPSHOT + FENCE, status=LATER).stderr
    assert host.runs
