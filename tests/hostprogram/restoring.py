"""A host that a restore is to stop: a folder for its disk, stubs for its etcd and its kubelet."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .bash import OWN_TIME, run

REFUSED, LATER = 4, 5
OLD = "c0ffee"
# etcd02, whose etcd runs while there is a file `runs`; the kubelet makes it where the manifest is.
# `word` is what etcd says of the quorum; VERSIONS are those of the snapshot, and of its etcdutl.
HOST = """
WORK=$STATE/work; mkdir -p "$WORK" "$DATA/member/wal" "$OWN" "$MANIFESTS"
read_state() { :; }; lock() { :; }; own_or_refuse() { :; }; need_user() { :; }
need_image() { :; }; need_address() { :; }; note_formed() { :; }; owner_of() { echo 0:0; }
need_writable() { :; }; covered_fault() { :; }
put_folder() { mkdir -p "$1"; }
own_word() { cat "$STATE/word"; }
metric() { if [[ -e $STATE/runs ]]; then cat "$STATE/applied"; fi; }
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
  mkdir -p "$(staged_folder)/member"; note_applied "$(staged_folder)"
  log_mark "$DATA/member" >"$(staged_folder)/log" || true
  echo "${VERSIONS-3.6 3.6.6}" >"$(staged_folder)/versions"
  cp "$DATA/member/wal/0.wal" "$(staged_folder)/member/held"
}
stage_snapshot() {
  [[ $1 != broken ]] || refuse_restore "$1 is damaged"
  refuse_newer "${VERSIONS-3.6}" "$1"
  mkdir -p "$(staged_folder)/member"; echo "$1" >"$(staged_folder)/member/held"
  [[ -z ${VERSIONS-x} ]] || echo "${VERSIONS-3.6 3.6.6}" >"$(staged_folder)/versions"
}
S=([member]=etcd02 [token]=cafe [restore-id]=r1 [image-tag]=3.6.6-0 [restore-replaces]=c0ffee
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
        self.write(self.state / "applied", "999999")
        self.write(self.state / "formed", OLD)
        self.holds("first")

    @staticmethod
    def write(file: Path, text: str) -> None:
        """A line."""
        file.write_text(text + "\n")

    def holds(self, text: str) -> None:
        """This is what its etcd has been given to keep."""
        self.write(self.data / "member/wal/0.wal", text)

    def applied(self, index: str) -> None:
        """The last of what it was given, as its metrics have it."""
        self.write(self.state / "applied", index)

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
        done = run(f"{OWN_TIME}{HOST}\n{script}", places=places)
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
