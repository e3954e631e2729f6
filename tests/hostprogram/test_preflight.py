"""What a host tells of itself before it becomes a member, asked for on this machine."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from etcd_cluster.plan.probe import parse

from .bash import run
from .facts import fact, free_port, listening, port_of


def ports(*numbers: int) -> dict[str, str]:
    """The program's ports replaced by these, which nobody else listens on."""
    return {"PORTS=(2379 2380 2381)": f"PORTS=({' '.join(map(str, numbers))})"}


def used(*numbers: int, places: dict[str, str] | None = None) -> str:
    """What is told of these ports."""
    return fact("used_ports", "ports-used", ports(*numbers) | (places or {}))


def own_process() -> str:
    """This process, as it is named to people."""
    name = Path("/proc/self/comm").read_text().strip()
    return f"{name} (process {Path('/proc/self').readlink()})"


def test_nothing_is_told_of_ports_when_nobody_listens() -> None:
    """As on nearly every host."""
    assert used(free_port(), free_port()) == ""


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::"])
def test_port_and_program_are_told_when_somebody_listens(address: str) -> None:
    """On whichever address: etcd would listen on the loopback, too."""
    with listening(address) as found:
        assert used(free_port(), port_of(found)) == f"{port_of(found)} by {own_process()}"


def test_every_port_is_told_when_several_are_in_use() -> None:
    """In one line, as facts are."""
    with listening() as one, listening() as other:
        assert used(port_of(one), port_of(other)) == (
            f"{port_of(one)} by {own_process()}, {port_of(other)} by {own_process()}"
        )


def test_port_is_free_when_it_is_only_the_near_end_of_a_connection() -> None:
    """Somebody else's connection may have any number."""
    with listening() as found, socket.create_connection(found.getsockname()) as near:
        assert used(near.getsockname()[1]) == ""


def test_port_is_told_without_a_program_when_it_is_in_another_namespace(tmp_path: Path) -> None:
    """A container on the host's network: it is listed, and no process here has it."""
    with listening() as found:
        hidden = {"owner=$(find /proc/[0-9]*/fd": f"owner=$(find {tmp_path}"}
        text = used(port_of(found), places=hidden)
        assert text == f"{port_of(found)} by a program of another namespace"


@pytest.mark.parametrize(
    ("name", "manifest", "told"),
    [("etcd", True, False), ("etcd", False, True), ("java", True, True)],
)
def test_port_is_free_when_our_own_etcd_has_it(
    tmp_path: Path, name: str, manifest: bool, told: bool
) -> None:
    """A bootstrapping that was interrupted goes on; another program's port is another's."""
    program = tmp_path / name
    program.symlink_to(Path(sys.executable).resolve())
    script = (
        "import socket, time; s = socket.socket(); s.bind(('127.0.0.1', 0)); s.listen(); "
        "print(s.getsockname()[1], flush=True); time.sleep(60)"
    )
    if manifest:
        (tmp_path / "etcd.yaml").touch()
    places = {"MANIFEST=$MANIFESTS/etcd.yaml": f"MANIFEST={tmp_path}/etcd.yaml"}
    with subprocess.Popen([program, "-c", script], stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout
            port = int(other.stdout.readline())
            expected = f"{port} by {name} (process {other.pid})" if told else ""
            assert used(port, places=places) == expected
        finally:
            other.kill()


@pytest.mark.parametrize(
    ("family", "said", "status", "told"),
    [
        ("apt", "installed 1.7.24-1", 0, "1.7.24-1"),
        ("apt", "config-files 1.7.24-1", 0, "absent"),
        ("apt", "", 1, "absent"),
        ("apt", "", 2, "unknown"),
        ("dnf", "installed 1.7.24-3.1.el9", 0, "1.7.24-3.1.el9"),
        ("dnf", "package containerd.io is not installed", 1, "absent"),
        ("dnf", "", 127, "unknown"),
        ("none", "", 0, "absent"),
    ],
)
def test_docker_s_containerd_is_told_with_its_version_when_it_is_installed(
    family: str, said: str, status: int, told: str
) -> None:
    """The distribution's cannot be installed beside it. What could not be asked is not absent."""
    answers = f"{{ echo '{said}'; return {status}; }}; "
    played = f"family() {{ echo {family}; }}; dpkg-query() {answers} rpm() {answers}"
    assert fact(played + "docker_containerd", "containerd-io") == told


def played(folder: Path, script: str, *arguments: str) -> str:
    """A `getent` in front of the system's, that does this, as bash that puts it there."""
    program = folder / "getent"
    program.write_text(f'#!/bin/bash\necho "$*" >>{folder}/asked\n{script}\n')
    program.chmod(0o755)
    return f"PATH={folder}:$PATH; {' '.join(arguments)} "


def test_dns_is_not_asked_when_the_hosts_file_has_the_name(tmp_path: Path) -> None:
    """As the kubelet looks it up: files first."""
    took = fact(f"{played(tmp_path, 'exit 0')} own_name", "own-name-ms")
    assert int(took) < 1000
    assert [line.split()[1] for line in (tmp_path / "asked").read_text().splitlines()] == ["files"]


@pytest.mark.parametrize(("seconds", "least", "most"), [("0.3", 250, 1400), ("30", 500, 500)])
def test_time_is_told_when_dns_is_slow(tmp_path: Path, seconds: str, least: int, most: int) -> None:
    """And not waited for longer than it takes to know."""
    slow = f"[[ $2 == dns ]] || exit 2; exec sleep {seconds}"
    places = {"NAME_MS=3000": "NAME_MS=500"} if seconds == "30" else {}
    took = int(fact(f"{played(tmp_path, slow)} own_name", "own-name-ms", places))
    assert least <= took <= most


@pytest.mark.parametrize("found", ["files", "dns"])
def test_resolver_is_not_blamed_when_the_machine_is_slow(tmp_path: Path, found: str) -> None:
    """A program that takes a second to start takes it for the files, too."""
    slow = f"sleep 1; [[ $2 == {found} ]] || exit 2"
    took = int(fact(f"{played(tmp_path, slow)} own_name", "own-name-ms"))
    assert took < 500


def test_resolver_is_not_blamed_when_the_machine_is_slow_once(tmp_path: Path) -> None:
    """Of two times the shorter one counts."""
    once = (
        f"[[ $2 == dns ]] || exit 2; [[ ! -e {tmp_path}/once ]] || exit 0; "
        f": >{tmp_path}/once; sleep 1.5"
    )
    took = int(fact(f"{played(tmp_path, once)} own_name", "own-name-ms"))
    assert took < 500


def test_unknown_name_is_no_failure_when_dns_answers_at_once(tmp_path: Path) -> None:
    """Slow is bad, unknown is not."""
    assert int(fact(f"{played(tmp_path, 'exit 2')} own_name", "own-name-ms")) < 1000


def test_writes_are_timed_where_the_data_will_be(tmp_path: Path) -> None:
    """Also before that folder is there; nothing stays of it."""
    data = tmp_path / "disk" / "etcd"
    data.parent.mkdir()
    took = fact("sync_latency", "sync-us", {"DATA=/var/lib/etcd\n": f"DATA={data}\n"})
    assert 0 <= int(took) < 1_000_000
    assert list(data.parent.iterdir()) == []


def test_start_of_a_program_is_no_part_of_a_write(tmp_path: Path) -> None:
    """A disk is not slow because the machine is."""
    slow = 'dd() { sleep 0.5; }; timeout() { shift; "$@"; }; '
    took = fact(f"{slow} sync_latency", "sync-us", {"DATA=/var/lib/etcd\n": f"DATA={tmp_path}\n"})
    assert int(took) < 10_000


def test_time_of_a_write_is_unknown_when_nothing_can_be_written() -> None:
    """No guess."""
    assert (
        fact("sync_latency", "sync-us", {"DATA=/var/lib/etcd\n": "DATA=/proc/etcd\n"}) == "unknown"
    )


# Each check played, and slower than the one before it is told.
PARTS = """
own_name() { sleep 0.6; echo "own-name-ms: 1"; }
unreachable_members() { sleep 0.4; echo "unreachable: $*"; }
sync_latency() { echo "sync-us: 2"; }
dialed_round_trips() { sleep 0.5; echo "round-trips: 192.0.2.1=4"; }
used_ports() { echo "ports-used: "; }
used_kubelet() { echo "kubelet-user: "; }
docker_containerd() { echo "containerd-io: absent"; }
free_mib() { echo 3; }
"""
ALL_FACTS = {
    "own-name-ms",
    "unreachable",
    "sync-us",
    "round-trips",
    "ports-used",
    "kubelet-user",
    "containerd-io",
    "var-free-mib",
}


@pytest.mark.alone
def test_every_fact_is_told_when_the_slowest_check_has_ended(tmp_path: Path) -> None:
    """None is lost because another was quicker, and all run at once."""
    begin = time.monotonic()
    done = run(f"export TMPDIR={tmp_path}; {PARTS} check_host 192.0.2.1 192.0.2.2")
    assert (done.returncode, done.stderr) == (0, "")
    facts = parse(done.stdout)
    assert set(facts) == ALL_FACTS
    assert facts["unreachable"] == "192.0.2.1 192.0.2.2"
    assert time.monotonic() - begin < 0.6 + 0.4 + 0.5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "broken", ["own_name", "unreachable_members", "sync_latency", "dialed_round_trips"]
)
def test_other_facts_are_told_when_one_check_fails(tmp_path: Path, broken: str) -> None:
    """A host that lacks a tool can still be looked at."""
    names = {
        "own_name": "own-name-ms",
        "unreachable_members": "unreachable",
        "dialed_round_trips": "round-trips",
    }
    fails = f"{PARTS} {broken}() {{ return 1; }}; "
    done = run(f"export TMPDIR={tmp_path}; {fails} check_host 192.0.2.1")
    assert done.returncode == 0
    assert set(parse(done.stdout)) == ALL_FACTS - {names.get(broken, "sync-us")}
