"""Whether an etcd of ours runs, and takes part: of real processes, also where programs fail."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .bash import run

TOKEN = "--initial-cluster-token=cafe"
# Says so when it listens, where it is to, and goes on until its stdin ends.
ETCD = """
import socket, sys
if "--listen" in sys.argv:
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
else:
    print(0, flush=True)
sys.stdin.read()
"""
FAILING = {
    "pgrep": "pgrep() { return 127; }\n",
    "awk": "awk() { return 127; }\n",
    "find": "find() { return 127; }\n",
}
Start = Callable[..., tuple[int, int]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a process that is called etcd, with these flags: its id, and where it listens."""
    program = tmp_path / "etcd"
    program.symlink_to(Path(sys.executable).resolve())
    running: list[subprocess.Popen[str]] = []

    def started(*flags: str) -> tuple[int, int]:
        command = [str(program), "-I", "-c", ETCD, *flags]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        running.append(process)
        assert process.stdout
        return process.pid, int(process.stdout.readline())

    yield started
    for each in running:
        each.communicate()


def on_host(folder: Path, script: str, port: int = 1) -> str:
    """A script on a host with that data folder, whose members listen for each other there."""
    places = {"readonly DATA=/var/lib/etcd": f"readonly DATA={folder}", "094C": f"{port:04X}"}
    owner = "recall() { echo 'etcd etcd01 cafe stack'; }\n"
    done = run(owner + script, places=places)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


PART = "if serves_peers; then echo PART; else echo NONE; fi"


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING.keys())
def test_etcd_that_runs_is_found_and_asked_about(
    tmp_path: Path, start: Start, failing: str
) -> None:
    """Whatever program is missing: one that passed for stopped would be stopped unasked."""
    pid, port = start(f"--data-dir={tmp_path}", "--listen")
    assert on_host(tmp_path, failing + "etcd_pid") == str(pid)
    assert on_host(tmp_path, failing + PART, port) == "PART"


def test_etcd_is_ours_by_its_data_or_by_its_token(tmp_path: Path, start: Start) -> None:
    """Others run in containers of their own, with a folder of the same name."""
    start(f"--data-dir={tmp_path}/other", TOKEN)
    start(f"--data-dir={tmp_path}/member")
    assert on_host(tmp_path, "etcd_pid") == ""
    gone = tmp_path / "gone"  # as a folder that was unmounted under it
    pid, _ = start(f"--data-dir={gone}", TOKEN)
    assert on_host(gone, "etcd_pid") == str(pid)


@pytest.mark.parametrize("failing", FAILING.values(), ids=FAILING.keys())
def test_etcd_that_may_be_adopted_is_found(tmp_path: Path, start: Start, failing: str) -> None:
    """Also one that has its data elsewhere: then it is said what is wrong with it."""
    pid, _ = start(f"--data-dir={tmp_path}/elsewhere")
    places = {"/proc/[0-9]*/comm": f"/proc/{pid}/comm"}
    done = run(f"recall() {{ :; }}\n{failing}etcd_pid; any_etcd_pid", places=places)
    assert (done.returncode, done.stdout) == (0, f"{pid}\n")


def test_etcd_takes_part_when_it_listens_for_its_peers(tmp_path: Path, start: Start) -> None:
    """Not one that is just starting; not for another program's sake."""
    assert on_host(tmp_path, PART) == "NONE"
    _, own = start(f"--data-dir={tmp_path}", "--listen")
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert on_host(tmp_path, PART, own) == "PART"
        assert on_host(tmp_path, PART, other.getsockname()[1]) == "NONE"
    assert on_host(tmp_path, PART) == "NONE"


@pytest.mark.parametrize("failing", [FAILING["awk"], FAILING["find"]], ids=["awk", "find"])
def test_etcd_may_take_part_when_that_cannot_be_found_out(
    tmp_path: Path, start: Start, failing: str
) -> None:
    """Then the others are asked."""
    start(f"--data-dir={tmp_path}")
    with socket.create_server(("127.0.0.1", 0)) as other:
        assert on_host(tmp_path, failing + PART, other.getsockname()[1]) == "PART"
