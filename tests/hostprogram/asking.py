"""A host whose etcd, and the others', answer as a test has them: stubs in place of the network."""

from __future__ import annotations

import subprocess
from pathlib import Path

from .bash import run
from .quorums import said

STATE = "readonly STATE=/var/lib/etcd-host RUN=/run/etcd-host"
SELF = "c42767f57a4f1412"
"""Member a of the list in `said` for 3.5; b and c are the others."""
OTHERS = {"b": "26cf982b1142b2", "c": "9b6754a97470ec48"}
CLUSTER = "b30752330bc37e58"

# Everything is well: this host's etcd serves, and so do the others. A stub that a test defines
# behind these takes its place.
WELL = r"""
WORK=$STATE/work; mkdir -p "$WORK"
S[member]=a; S[image-tag]=3.5.9-0; S[cluster]=etcd; S[token]=cafe; S[health-timeout-seconds]=1
S[image-repository]=registry.k8s.io; S[cri-socket]=unix:///run/c.sock; need_image() { :; }
need_writable() { :; }; covered_fault() { :; }
S[endpoints]=http://127.0.0.1:42200,http://127.0.0.1:42202,http://127.0.0.1:42204
S[arg.advertise-client-urls]=http://127.0.0.1:42200
S[arg.initial-advertise-peer-urls]=http://127.0.0.1:42201
serves_peers() { true; }
etcd_pid() { echo 7; }
has_data() { true; }
stop_member() { echo "STOPPED"; }
answering() { echo "$1"; }
http_get() {
  case $1 in
    /health*) echo '{"health":"true","reason":""}' ;;
    *) printf '%s\n' 'etcd_server_id{server_id="c42767f57a4f1412"} 1' 'etcd_server_is_leader 0' \
      'etcd_server_is_learner 0' 'etcd_server_version{server_version="3.5.9"} 1' ;;
  esac
}
list() { cat "$SAID/etcdctl-3.5-list.txt"; }
status() { cat "$SAID/etcdctl-3.5-status.txt"; }
health() {
  for port in 42200 42202 42204; do
    echo "http://127.0.0.1:$port is healthy: successfully committed proposal: took = 8.3ms"
  done
}
other() { echo "ASKED: $*" >&2; }
etcd_ctl() {
  local word words=()
  for word in "$@"; do [[ $word == --* ]] || words+=("$word"); done
  case "${words[*]}" in
    'member list'*) list "$@" ;;
    'endpoint status'*) status "$@" ;;
    'endpoint health'*) health "$@" ;;
    *) other "${words[@]}" ;;
  esac
}
"""


def on_host(
    folder: Path, script: str, stubs: str = "", **memory: str
) -> subprocess.CompletedProcess[str]:
    """Runs a script on a host that remembers this; guards wait for a second at most.

    A script that goes beyond a guard says OPEN.
    """
    state = folder / "state"
    state.mkdir(exist_ok=True)
    for name, value in memory.items():
        (state / name.replace("_", "-")).write_text(value + "\n")
    place = {
        STATE: f"readonly STATE={state} RUN={folder}/run",
        "readonly GUARD_SECONDS=30": "readonly GUARD_SECONDS=1",
        "readonly LEADERLESS_SECONDS=10": "readonly LEADERLESS_SECONDS=1",
        "readonly LED_SECONDS=10": "readonly LED_SECONDS=1",
        "VERSION_SECONDS=60": "VERSION_SECONDS=1",
        "readonly ADD_SECONDS=60": "readonly ADD_SECONDS=1",
        "readonly ASK_SECONDS=10": "readonly ASK_SECONDS=1",
        "ROOM_SECONDS=40": "ROOM_SECONDS=2",
        "SNAPSHOTS=/var/lib/etcd-snapshots": f"SNAPSHOTS={folder}/snapshots",
        "readonly MANIFEST=$MANIFESTS/etcd.yaml": f"readonly MANIFEST={folder}/etcd.yaml",
    }
    where = f"SAID={Path(__file__).parent / 'said'}\n"
    assert said("3.5", "list")
    return run(f"{where}{WELL}\n{stubs}\n{script}", places=place)
