"""A program that fails, as where there is no memory for it, is no answer: neither no nor nobody."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, SELF, on_host
from .bash import run
from .facts import fact
from .quorums import rows
from .test_asking import LEAVE, NOT_HEALTHY

REFUSED = 4
NOTED = 'other() { echo "$*" >>$STATE/asked; }\n'
FORMED = {"formed": CLUSTER, "member_id": SELF}


def asked(folder: Path) -> bool:
    """Whether a change of the cluster was asked for."""
    return (folder / "state/asked").exists()


@pytest.mark.parametrize("name", ["own_entries", "voters", "can_remove"])
def test_member_stays_when_its_own_entry_cannot_be_found_out(tmp_path: Path, name: str) -> None:
    """Its data would be moved aside, and its vote would stay."""
    done = on_host(tmp_path, LEAVE, f"{NOTED}{name}() {{ return 127; }}", **FORMED)
    assert done.stdout.startswith("STAYS ")
    assert len(done.stdout) > len("STAYS \n")
    assert not asked(tmp_path)


def test_membership_is_unknown_when_the_list_cannot_be_searched(tmp_path: Path) -> None:
    """Data that nobody lists is moved aside."""
    failing = "member_by_name() { return 127; }\n"
    stubs = f"{NOT_HEALTHY}\n{failing}"
    assert on_host(tmp_path, "listed", stubs, formed=CLUSTER).stdout == "unknown\n"
    after = 'look_at_members() { MEMBERS=$(member_rows "$(list)"); awk() { return 127; }; }\n'
    done = on_host(tmp_path, f"CLUSTER={CLUSTER}; listed", f"{NOT_HEALTHY}\n{after}", **FORMED)
    assert done.stdout == "yes\n"


@pytest.mark.parametrize("name", ["grep", "awk"])
def test_member_that_serves_is_not_lost(tmp_path: Path, name: str) -> None:
    """Whatever the configuration says."""
    read = """MEMBERS=$(member_rows "$(list)"); SERVING=$(cut -d' ' -f1 <<<"$MEMBERS")"""
    after = f"look() {{ {read}; {name}() {{ return 127; }}; }}\nlost_entry() {{ echo {SELF}; }}\n"
    gives_up = "S[lost]=a; give_up_lost_members x; echo GONE"
    done = on_host(tmp_path, gives_up, NOTED + after, **FORMED)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "is healthy, so it is not lost" in done.stderr
    assert not asked(tmp_path)


def test_member_does_not_move_untold_when_it_is_not_known_for_a_learner(tmp_path: Path) -> None:
    """The others would not find it at its new address."""
    (tmp_path / "etcd.yaml").write_text("")
    moves = "S[arg.initial-advertise-peer-urls]=http://10.0.0.9:1; update_peer_url"
    on_host(tmp_path, moves, NOTED + "is_voter() { return 127; }; is_learner() { return 127; }\n")
    assert (tmp_path / "state/asked").read_text() == f"member update {SELF}\n"


@pytest.mark.parametrize("failing", ["not_serving() { return 127; }", "awk() { return 127; }"])
def test_nobody_serves_when_that_cannot_be_found_out(tmp_path: Path, failing: str) -> None:
    """A step of all members' versions needs all of them."""
    script = "if all_serve; then echo ALL; else echo NOT; fi"
    well = f"MEMBERS={shlex.quote(rows(3))}; SERVING=$'a1\\na2\\na3'; "
    assert on_host(tmp_path, well + script).stdout == "ALL\n"
    assert on_host(tmp_path, f"{well}{failing}; {script}").stdout == "NOT\n"


@pytest.mark.parametrize(
    ("fails", "files", "told"),
    [
        ("awk() { return 127; }; ", "tcp", "unknown"),
        ("awk() { echo 0050:1; return 1; }; ", "tcp", "unknown"),
        ("", "gone", "unknown"),
        ("", "tcp6", "free"),
    ],
)
def test_ports_are_not_free_when_that_cannot_be_read(
    tmp_path: Path, fails: str, files: str, told: str
) -> None:
    """Etcd would be told to listen where another program does. IPv6 may be off, though."""
    (tmp_path / files).touch()
    places = {"/proc/net/tcp{,6}": f"{tmp_path}/tcp{{,6}}"}
    assert fact(f"{fails}used_ports", "ports-used", places) == told.replace("free", "")


@pytest.mark.parametrize("failing", ["grep", "cat", "tr", "sed", "find", "pgrep"])
def test_running_kubelet_is_told_when_a_program_fails(tmp_path: Path, failing: str) -> None:
    """Nobody's would be taken over."""
    program = tmp_path / "kubelet"
    program.symlink_to("/bin/sleep")
    places = {"KUBERNETES=/etc/kubernetes": f"KUBERNETES={tmp_path}"}
    with subprocess.Popen([program, "60"], env={}) as running:
        try:
            places["/proc/[0-9]*/comm"] = f"/proc/{running.pid}/comm"
            script = f"{failing}() {{ return 127; }}; used_kubelet"
            told = fact(script, "kubelet-user", places)
        finally:
            running.kill()
    assert told == f"kubelet (process {running.pid})"


@pytest.mark.parametrize("failing", ["own_addresses", "grep"])
def test_member_does_not_start_when_its_host_s_addresses_are_not_known(
    tmp_path: Path, failing: str
) -> None:
    """An etcd that cannot listen there would end again and again."""
    script = "S[advertise-address]=127.0.0.1; need_address; echo OPEN"
    assert on_host(tmp_path, script).stdout == "OPEN\n"
    done = on_host(tmp_path, f"{failing}() {{ return 127; }}; {script}")
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "127.0.0.1 is not an address of this host" in done.stderr


@pytest.mark.parametrize("name", ["find", "sort"])
def test_files_of_others_stay_when_they_cannot_be_listed(tmp_path: Path, name: str) -> None:
    """And no member is stopped for them."""
    (tmp_path / "web.yaml").touch()
    places = {"/etc/kubernetes/manifests": str(tmp_path)}
    done = run(f"{name}() {{ return 127; }}; set_aside_foreign_manifests", places=places)
    assert (done.returncode, done.stdout) == (0, "")
    assert (tmp_path / "web.yaml").exists()


@pytest.mark.parametrize("says", ["return 1", "sleep 1; return 124", "echo Filesystem", ":"])
def test_room_is_unknown_when_df_does_not_say_it(tmp_path: Path, says: str) -> None:
    """The plan holds nothing against a host that it did not say."""
    places = {"readonly DATA=/var/lib/etcd\n": f"readonly DATA={tmp_path}\n"}
    done = run(f'df() {{ {says}; }}; echo "data-free-mib: $(data_mib)"', places=places)
    assert (done.returncode, done.stdout) == (0, "data-free-mib: unknown\n")
