"""A member that was down when it was looked at, and is back when its turn comes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from .asking import CLUSTER, SELF, on_host
from .bash import OWN_TIME, run
from .test_guard import TOO_FEW, UNKNOWN

REFUSED, LATER = 4, 5
# Its host is still booting: the kubelet starts its etcd while others are asked about the version.
BOOTS = """
etcd_pid() { if [[ -e $STATE/up ]]; then echo 7; fi; }
serves_peers() { [[ -e $STATE/up && ! -e $STATE/starting ]]; }
before_new_version() { touch "$STATE/up"; }
as_rendered() { false; }; systemctl() { echo "$*"; }; ensure_kubelet() { echo "start kubelet"; }
need_address() { :; }; render_manifest() { :; }; put_labels() { :; }; update_peer_url() { :; }
need_room_as_user() { :; }
set_aside_foreign_manifests() { :; }; give_keys() { :; }; own_data() { :; }; label_files() { :; }
put_file() { echo "WROTE"; }; dropin_digest() { :; }; hand_over() { echo "MOVED"; }
room_in() { echo 9999999999; }
"""


def boots(folder: Path, stubs: str = "", how: str = "guarded") -> subprocess.CompletedProcess[str]:
    """A member whose manifest is to change, on such a host."""
    (folder / "etcd.yaml").write_text("")
    memory = {"formed": CLUSTER, "member_id": SELF}
    return on_host(folder, f"apply_manifest {how}", f"{BOOTS}{stubs}", **memory)


@pytest.mark.parametrize("stub", [*UNKNOWN.values(), *TOO_FEW.values()], ids=[*UNKNOWN, *TOO_FEW])
def test_member_that_came_meanwhile_is_not_stopped_when_the_guard_is_shut(
    tmp_path: Path, stub: str
) -> None:
    """As the others, which may all be at the same place; its kubelet goes on."""
    done = boots(tmp_path, stub)
    assert done.returncode in (REFUSED, LATER)
    assert "Nothing was changed" in done.stderr
    assert done.stdout == "stop kubelet\nstart kubelet\n"
    assert not (tmp_path / "state/etcd-tag").exists()  # its version is still to change


def test_member_that_came_meanwhile_is_stopped_when_it_can_be_spared(tmp_path: Path) -> None:
    """And hands its leadership over before."""
    done = boots(tmp_path, "dropin_digest() { echo cafe; }; uname() { echo etcd-a; }\n")
    assert done.stdout.startswith("stop kubelet\nMOVED\nSTOPPED\nWROTE\n")
    assert done.returncode == 0
    # By which kubelet, for the time that none runs.
    assert (tmp_path / "state/pod-kubelet").read_text() == "cafe etcd-a\n"


def test_member_that_is_down_gets_no_version_that_cannot_be_had(tmp_path: Path) -> None:
    """The one that it has may bring the quorum back; this one could not start."""
    done = boots(tmp_path, 'need_image() { die $E_REFUSED "no such image"; }\n')
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "no such image" in done.stderr


# A bootstrap that a killed run began, and that has formed since the next one read the hosts.
FORMED = """
running_flags() { echo --initial-cluster-token=cafe; }; render_manifest() { :; }; put_guard() { :; }
as_rendered() { true; }; kubelet_suits() { true; }; foreign_manifests() { :; }
apply_manifest() { echo "APPLIED $1"; }
"""


@pytest.mark.parametrize(
    ("stub", "said"),
    [
        ("", ""),
        ("as_rendered() { false; }", "differ: its etcd's flags or image. It was not restarted"),
        ("kubelet_suits() { false; }", "differ: its kubelet's settings. It was not restarted"),
        ("foreign_manifests() { printf '%s\\n' a b; }", "/manifests (a b). It was not restarted"),
        ("foreign_manifests() { return 127; }", "/manifests (could not be listed). It was not"),
        ("as_rendered() { false; }; kubelet_suits() { false; }", "image, its kubelet's settings."),
    ],
)
def test_members_of_a_cluster_that_formed_meanwhile_do_not_restart_side_by_side(
    tmp_path: Path, stub: str, said: str
) -> None:
    """`bootstrap` runs on all hosts at once: the next `up` changes one after the other."""
    done = on_host(tmp_path, "already_bootstrapped", FORMED + stub, formed=CLUSTER)
    assert (done.returncode, done.stdout) == ((LATER, "") if said else (0, "APPLIED now\n"))
    assert said in done.stderr


@pytest.mark.parametrize("how", ["guarded", "now"])
def test_member_that_takes_no_part_yet_is_stopped_at_once(tmp_path: Path, how: str) -> None:
    """It is missed by nobody, and nobody is asked."""
    asks = 'touch "$STATE/starting"; etcd_ctl() { echo ASKED; }\n'
    assert boots(tmp_path, asks, how).stdout.startswith("stop kubelet\nSTOPPED\nWROTE\n")


STOP = f"{OWN_TIME}systemctl() {{ :; }}; S[member]=etcd02\n"


def test_etcd_that_ends_by_itself_is_stopped() -> None:
    """Just before the signal, or while it is waited for."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    done = run(f"{STOP}etcd_pid() {{ echo {ended.pid}; }}; stop_member; echo DONE")
    assert (done.returncode, done.stdout, done.stderr) == (0, "DONE\n", "")


def test_etcd_that_cannot_be_killed_is_named() -> None:
    """One that waits for its disk; its data may not change hands."""
    stuck = "etcd_pid() { echo 7; }; kill() { :; }; process_gone() { false; }\n"
    done = run(f"{STOP}{stuck}stop_member; echo DONE")
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "etcd02: its etcd (process 7) was killed and does not exit" in done.stderr


def test_address_of_a_host_is_found_among_very_many() -> None:
    """Also where it is the first, and whoever lists them is not done yet."""
    many = "own_addresses() { for n in {1..20000}; do echo 192.0.2.$n; done; }\n"
    told = "S[member]=etcd02; S[advertise-address]=192.0.2.1; need_address; echo DONE"
    done = run(many + told)
    assert (done.returncode, done.stdout, done.stderr) == (0, "DONE\n", "")
