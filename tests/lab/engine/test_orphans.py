"""Processes that a killed engine left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.engine import backend
from lab.engine.orphans import end_orphans

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def dead() -> str:
    """The address of an engine that is gone: no other process is ever given this port."""
    return "127.0.0.1:1"


@pytest.fixture
def plugin() -> Iterator[Start]:
    """Starts a process that looks like one of Pulumi's, of this PULUMI_HOME and engine."""
    started = []

    def start(
        home: Path, engine: str, *, name: str = "pulumi-resource-tls", script: str = "read -r _"
    ) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [f"/somewhere/{name}", "-c", script, engine],
            executable="/bin/sh",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PULUMI_HOME": str(home), "PATH": os.environ["PATH"]},
            process_group=0,  # as Pulumi starts them
        )
        started.append(process)
        # (A process has begun before the kernel can say what it was called with.)
        while not all(
            Path(f"/proc/{process.pid}/{it}").read_bytes() for it in ("cmdline", "environ")
        ):
            time.sleep(0.001)
        return process

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_plugins_of_a_killed_engine_are_ended(tmp_path: Path, plugin: Start, dead: str) -> None:
    """Those of this PULUMI_HOME alone, and none whose engine listens."""
    with socket.create_server(("127.0.0.1", 0)) as engine_lives:
        alive = f"127.0.0.1:{engine_lives.getsockname()[1]}"
        orphan = plugin(tmp_path, dead)
        others = [plugin(tmp_path, alive), plugin(tmp_path / "elsewhere", dead)]
        assert end_orphans(str(tmp_path)) == [orphan.pid]
        assert orphan.wait(timeout=10) == -signal.SIGKILL
        assert [other.poll() for other in others] == [None, None]


def test_the_program_ends_with_its_language_host(tmp_path: Path, plugin: Start, dead: str) -> None:
    """It bears the name of a Python, and nobody would wait for it any more."""
    script = "sleep 300 & echo $!; read -r _"
    host = plugin(tmp_path, dead, name="pulumi-language-python", script=script)
    assert host.stdout is not None
    program = int(host.stdout.readline())
    end_orphans(str(tmp_path))
    deadline = time.monotonic() + 10
    while _runs(program):
        assert time.monotonic() < deadline, "the program outlives its language host"
        time.sleep(0.01)


def test_the_next_command_ends_what_was_left_before_any_lock(
    tmp_path: Path, plugin: Start, dead: str
) -> None:
    """A language host is started before the stack's lock is taken; killed then, none is there."""
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    state = tmp_path / ".pulumi/stacks/p/dev.json"
    state.parent.mkdir(parents=True)
    state.write_text("{}")
    host = plugin(tmp_path, dead, name="pulumi-language-python")
    env = {"PULUMI_BACKEND_URL": tmp_path.as_uri(), "PULUMI_HOME": str(tmp_path)}
    stack = backend.StoredStack(name="dev", project=tmp_path, pulumi=tmp_path / "none", env=env)
    stack.make_ready(will_write=False)
    assert host.wait(timeout=10) == -signal.SIGKILL


def _runs(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
