"""Processes that a killed engine left behind."""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from lab.engine import backend


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Callable[[str, str], subprocess.Popen[bytes]]]:
    """Starts a process that looks like a plugin of this PULUMI_HOME and engine."""
    started = []

    def start(home: str, engine_address: str) -> subprocess.Popen[bytes]:
        words = ["/somewhere/pulumi-resource-tls", "-c", "read -r _", engine_address]
        process = subprocess.Popen(
            words, executable="/bin/sh", stdin=subprocess.PIPE, env={"PULUMI_HOME": home}
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_plugins_of_a_killed_engine_are_ended(
    tmp_path: Path, plugin: Callable[[str, str], subprocess.Popen[bytes]]
) -> None:
    """Those of this PULUMI_HOME alone, and none whose engine listens."""
    with socket.create_server(("127.0.0.1", 0)) as engine_lives:
        alive = f"127.0.0.1:{engine_lives.getsockname()[1]}"
        with socket.create_server(("127.0.0.1", 0)) as engine_dies:
            dead = f"127.0.0.1:{engine_dies.getsockname()[1]}"
        orphan = plugin(str(tmp_path), dead)
        others = [plugin(str(tmp_path), alive), plugin("/elsewhere", dead)]
        assert backend.end_orphans(str(tmp_path)) == [orphan.pid]
        assert orphan.wait(timeout=10) == -signal.SIGKILL
        assert [other.poll() for other in others] == [None, None]
