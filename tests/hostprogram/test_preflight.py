"""What a host tells of itself before it becomes a member, asked for on this machine."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from etcd_cluster.plan.probe import parse

from .bash import run

CLIENT_PORTS = "in 2379 2380; do"


def ports(*numbers: int) -> dict[str, str]:
    """The program's ports replaced by these, which nobody else listens on."""
    return {"PORTS=(2379 2380 2381)": f"PORTS=({' '.join(map(str, numbers))})"}


@contextlib.contextmanager
def listening(address: str = "127.0.0.1", backlog: int = 5) -> Iterator[socket.socket]:
    """A socket that listens on a free port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as found:
        found.bind((address, 0))
        found.listen(backlog)
        yield found


def port_of(found: socket.socket) -> int:
    """Its port."""
    number: int = found.getsockname()[1]
    return number


def free_port() -> int:
    """A port that nobody listens on."""
    with listening() as found:
        return port_of(found)


def fact(script: str, name: str, places: dict[str, str] | None = None) -> str:
    """The one fact that some bash tells."""
    done = run(script, places=places)
    assert (done.returncode, done.stderr) == (0, "")
    facts = parse(done.stdout)
    assert set(facts) == {name}
    return facts[name]


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


@contextlib.contextmanager
def dropping() -> Iterator[int]:
    """A port that answers nobody: its queue is full, and Linux drops what comes then."""
    with listening(backlog=0) as found, contextlib.ExitStack() as waiting:
        for _ in range(2):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(found.getsockname())
        yield port_of(found)


def unreachable(*addresses: str, at: tuple[int, int]) -> tuple[str, float]:
    """What is told of these addresses at two ports, and how long it took."""
    begin = time.monotonic()
    places = {CLIENT_PORTS: f"in {at[0]} {at[1]}; do"}
    text = fact(f"unreachable_members {' '.join(addresses)}", "unreachable", places)
    return text, time.monotonic() - begin


def test_member_is_reached_when_it_listens_or_refuses() -> None:
    """Before the bootstrapping, nothing listens there: a refusal is an answer."""
    with listening() as found:
        assert unreachable("127.0.0.1", at=(port_of(found), free_port()))[0] == ""


def test_nothing_is_told_when_there_are_no_others() -> None:
    """Asked of nobody."""
    assert unreachable(at=(1, 2))[0] == ""


def test_member_is_not_reached_when_a_firewall_drops() -> None:
    """Told with address, port and the time that was waited."""
    with dropping() as port, listening() as found:
        text, _ = unreachable("127.0.0.1", at=(port, port_of(found)))
    assert text == f"127.0.0.1:{port} no answer within 1.5 s"


def test_all_are_waited_for_at_once_when_several_drop() -> None:
    """Four that answer nothing take as long as one: the whole look at a host has five seconds."""
    with dropping() as one, dropping() as other:
        text, took = unreachable("127.0.0.1", "127.0.0.2", at=(one, other))
    assert text.count("127.0.0.1:") == 2
    assert took < 4


@pytest.mark.parametrize(
    ("address", "reason"),
    [("192.0.2.1", "Network is unreachable"), ("2001:db8::1", "Cannot assign requested address")],
)
def test_reason_is_told_when_there_is_no_way(address: str, reason: str) -> None:
    """In a network namespace of its own, where not even the loopback is up."""
    alone = f"$(declare -f unreachable_members); set -euo pipefail; unreachable_members {address}"
    text = fact(f'exec unshare --net bash -c "{alone}"', "unreachable")
    assert text == f"{address}:2379 {reason}, {address}:2380 {reason}"


def test_no_file_is_left_behind_when_members_were_asked(tmp_path: Path) -> None:
    """An observation changes nothing."""
    fact(f"export TMPDIR={tmp_path}; unreachable_members 127.0.0.1", "unreachable")
    assert list(tmp_path.iterdir()) == []


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


@pytest.mark.parametrize(("seconds", "least", "most"), [("0.3", 300, 1400), ("30", 1500, 3000)])
def test_time_is_told_when_dns_is_slow(tmp_path: Path, seconds: str, least: int, most: int) -> None:
    """And not waited for longer than it takes to know."""
    slow = f"[[ $2 == dns ]] || exit 2; exec sleep {seconds}"
    took = int(fact(f"{played(tmp_path, slow)} own_name", "own-name-ms"))
    assert least <= took <= most


def test_unknown_name_is_no_failure_when_dns_answers_at_once(tmp_path: Path) -> None:
    """Slow is bad, unknown is not."""
    assert int(fact(f"{played(tmp_path, 'exit 2')} own_name", "own-name-ms")) < 1000


def test_writes_are_timed_where_the_data_will_be(tmp_path: Path) -> None:
    """Also before that folder is there; nothing stays of it."""
    data = tmp_path / "disk" / "etcd"
    data.parent.mkdir()
    took = fact("sync_latency", "sync-us", {"DATA=/var/lib/etcd\n": f"DATA={data}\n"})
    assert 0 < int(took) < 1_000_000
    assert list(data.parent.iterdir()) == []


def test_time_of_a_write_is_unknown_when_nothing_can_be_written() -> None:
    """No guess."""
    assert (
        fact("sync_latency", "sync-us", {"DATA=/var/lib/etcd\n": "DATA=/proc/etcd\n"}) == "unknown"
    )


@pytest.mark.parametrize("path", ["", "/etcd", "/not/there/at/all"])
def test_room_is_that_of_the_nearest_folder_when_the_path_is_not_there_yet(
    tmp_path: Path, path: str
) -> None:
    """In MiB."""
    done = run(f"free_mib {tmp_path}{path}; df -Pm {tmp_path} | awk 'NR == 2 {{ print $4 }}'")
    told, expected = (int(line) for line in done.stdout.splitlines())
    assert abs(told - expected) < 64  # others write to the same disk


# Each check played, and slower than the one before it is told.
PARTS = """
own_name() { sleep 0.6; echo "own-name-ms: 1"; }
unreachable_members() { sleep 0.4; echo "unreachable: $*"; }
sync_latency() { echo "sync-us: 2"; }
used_ports() { echo "ports-used: "; }
free_mib() { echo 3; }
"""
ALL_FACTS = {"own-name-ms", "unreachable", "sync-us", "ports-used", "data-free-mib", "var-free-mib"}


@pytest.mark.alone
def test_every_fact_is_told_when_the_slowest_check_has_ended(tmp_path: Path) -> None:
    """None is lost because another was quicker, and all run at once."""
    begin = time.monotonic()
    done = run(f"export TMPDIR={tmp_path}; {PARTS} check_host 192.0.2.1 192.0.2.2")
    assert (done.returncode, done.stderr) == (0, "")
    facts = parse(done.stdout)
    assert set(facts) - {"selinux"} == ALL_FACTS
    assert facts["unreachable"] == "192.0.2.1 192.0.2.2"
    assert time.monotonic() - begin < 0.6 + 0.4 + 0.5
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("broken", ["own_name", "unreachable_members", "sync_latency"])
def test_other_facts_are_told_when_one_check_fails(tmp_path: Path, broken: str) -> None:
    """A host that lacks a tool can still be looked at."""
    names = {"own_name": "own-name-ms", "unreachable_members": "unreachable"}
    fails = f"{PARTS} {broken}() {{ return 1; }}; "
    done = run(f"export TMPDIR={tmp_path}; {fails} check_host 192.0.2.1")
    assert done.returncode == 0
    assert set(parse(done.stdout)) - {"selinux"} == ALL_FACTS - {names.get(broken, "sync-us")}


# What `observe` asks of a host is played; what it asks, and when, is not.
OBSERVED = """
systemctl() { :; }; versions() { :; }; serial() { echo 7; }
has_data() { false; }; member_healthy() { false; }
check_host() { echo "asked: $*"; }
for area in packages registry host pki member client; do
  eval "${area}_drift() { :; }"
done
"""


def observed(formed: str, *arguments: str) -> list[str]:
    """What `observe` says, where this cluster is remembered."""
    remembered = f"recall() {{ [[ $1 != formed ]] || printf '%s' '{formed}'; }}; "
    done = run(f"{OBSERVED} {remembered} verb_observe {' '.join(arguments)}")
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_clock_is_told_first_and_last_when_a_host_is_observed() -> None:
    """Whoever hears it knows when it was read, however long all the rest took."""
    facts = observed("", "containerd", "/run/c.sock", "192.0.2.1")
    first, last = facts[0].partition(": "), facts[-1].partition(": ")
    assert (first[0], last[0]) == ("clock-begin", "clock-end")
    assert time.time() - 60 < float(first[2]) <= float(last[2]) <= time.time()


def test_host_is_checked_with_the_others_addresses_when_it_is_no_member_yet() -> None:
    """They come behind the runtime's unit and socket."""
    facts = observed("", "containerd", "/run/c.sock", "192.0.2.1", "2001:db8::2")
    assert "asked: 192.0.2.1 2001:db8::2" in facts


@pytest.mark.parametrize(
    ("formed", "arguments"),
    [("cafe", ("containerd", "/run/c.sock", "192.0.2.1")), ("", ())],
    ids=["a member", "asked by hand"],
)
def test_host_is_not_checked_when_it_is_a_member_or_nothing_is_wanted(
    formed: str, arguments: tuple[str, ...]
) -> None:
    """A member's ports are in use, by itself; and its disk is not written to at each preview."""
    assert not [fact for fact in observed(formed, *arguments) if fact.startswith("asked")]
