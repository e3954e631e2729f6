"""What a restore has staged and fenced: when it is used, when it is made anew, and the way back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .bash import run

REFUSED, LATER = 4, 5
OLD = "c0ffee"
# etcd02, whose etcd runs while there is a file `runs`; the kubelet makes it where the manifest is.
# `word` is what etcd says of the quorum.
HOST = """
WORK=$STATE/work; mkdir -p "$WORK" "$DATA/member/wal" "$OWN" "$MANIFESTS"
read_state() { :; }; lock() { :; }; own_or_refuse() { :; }; need_user() { :; }
need_address() { :; }; note_formed() { :; }; owner_of() { echo 0:0; }
put_folder() { mkdir -p "$1"; }
own_word() { cat "$STATE/word"; }
sleep() { SECONDS=$((SECONDS + 61)); }
etcd_pid() { if [[ -e $STATE/runs ]]; then echo 7; fi; }
serves_peers() { [[ -e $STATE/runs ]]; }
no_pod() { true; }
stop_member() { rm -f "$STATE/runs"; echo STOPPED; }
systemctl() { if [[ $* == 'start kubelet' && -e $MANIFEST ]]; then touch "$STATE/runs"; fi; }
ensure_kubelet() { systemctl start kubelet; }
has_data() { [[ -e $DATA/member/wal/0.wal ]]; }
cluster_id_of() { echo 31b9e2; }; member_id_of() { echo a1; }
stage_survivor() {
  no_quorum_left
  [[ -e $STATE/runs ]] || refuse_restore 'after a fence, first "etcd-host restore-cancel"'
  mkdir -p "$(staged_folder)/member"; cp "$DATA/member/wal/0.wal" "$(staged_folder)/member/held"
}
stage_snapshot() {
  [[ $1 != broken ]] || refuse_restore "$1 is damaged"
  mkdir -p "$(staged_folder)/member"; echo "$1" >"$(staged_folder)/member/held"
}
S=([member]=etcd02 [token]=cafe [restore-id]=r1 [restore-replaces]=c0ffee
  [arg.initial-advertise-peer-urls]=https://10.0.0.2:2380
  [initial-cluster]=etcd01=https://10.0.0.1:2380,etcd02=https://10.0.0.2:2380)
"""
SURVIVOR, OTHER = "S[restore-survivor]=etcd02\n", "S[restore-survivor]=etcd01\n"
SNAPSHOT = "S[restore-snapshot]=one\n"
STAGE, FENCE, CANCEL = "verb_restore_stage\n", "verb_restore_fence\n", "verb_restore_cancel\n"


class Host:
    """One of them, with its disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state, self.data = folder / "state", folder / "data"
        self.manifest = folder / "manifests/etcd.yaml"
        self.fenced = folder / "own/etcd.yaml.fenced"
        for each in (self.state, self.data / "member/wal", self.manifest.parent):
            each.mkdir(parents=True)
        self.write(self.manifest, "etcd")
        self.write(self.state / "runs", "")
        self.write(self.state / "word", "no leader")
        self.write(self.state / "formed", OLD)
        self.holds("first")

    @staticmethod
    def write(file: Path, text: str) -> None:
        """A line."""
        file.write_text(text + "\n")

    def holds(self, text: str) -> None:
        """This is what its etcd has been given to keep."""
        self.write(self.data / "member/wal/0.wal", text)

    def says(self, word: str) -> None:
        """Its etcd, of the quorum."""
        self.write(self.state / "word", word)

    def do(self, script: str, *, status: int = 0) -> subprocess.CompletedProcess[str]:
        """Run verbs on it."""
        places = {
            "readonly STATE=/var/lib/etcd-host RUN=/run/etcd-host": (
                f"readonly STATE={self.state} RUN={self.folder}/run"
            ),
            "readonly DATA=/var/lib/etcd": f"readonly DATA={self.data}",
            "readonly MANIFESTS=/etc/kubernetes/manifests": (
                f"readonly MANIFESTS={self.manifest.parent}"
            ),
            "readonly OWN=/etc/kubernetes/etcd-host": f"readonly OWN={self.folder}/own",
        }
        done = run(f"{HOST}\n{script}", places=places)
        assert done.returncode == status, done.stderr
        return done

    def staged(self, restore: str = "r1") -> str:
        """What the new cluster would begin with, on this host."""
        file = self.data / ".restore" / restore / "member/held"
        return file.read_text().strip() if file.exists() else ""

    @property
    def restoring(self) -> str:
        """The restore that has stopped it."""
        file = self.state / "restoring"
        return file.read_text().split()[0] if file.exists() else ""

    @property
    def runs(self) -> bool:
        """Whether its etcd does."""
        return (self.state / "runs").exists()


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


@pytest.mark.parametrize("lines", [SURVIVOR, OTHER], ids=["the survivor", "another"])
@pytest.mark.parametrize("verb", [STAGE, FENCE])
@pytest.mark.parametrize(
    ("word", "reason"),
    [("healthy", "a quorum of the cluster still answers"), ("unknown", "did not say within 60 s")],
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
