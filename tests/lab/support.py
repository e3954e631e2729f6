"""The instance on which the lab itself is tested, and what can be seen of it from outside."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from lab.instance import Instance
from lab.lab import Lab
from tests.support.instances import instance

NAMES = ["etcd01", "etcd02"]


def states(lab: Lab) -> dict[str, str]:
    """Return each host's state by its name."""
    return {row.name: row.state.value for row in lab.status()}


def wait_for(what: Callable[[], bool], seconds: float = 20.0) -> None:
    """Poll until it is so."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not come to be in time"
        time.sleep(0.01)


def lab_process(*arguments: str) -> subprocess.Popen[bytes]:
    """Start `python -m lab` on this instance as a person's shell does."""
    return subprocess.Popen(
        [sys.executable, "-m", "lab", *arguments],
        env={**os.environ, "ETCD_LAB_INSTANCE": str(instance().number)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def traces(lab: Instance) -> list[str]:
    """Return every mount, link, namespace, cgroup, process and folder of this lab."""
    found = [
        f"mount {line.split()[1]}"
        for line in Path("/proc/mounts").read_text().splitlines()
        if lab.name in line or f"{lab.folder}/" in line
    ]
    found += [
        f"link {link.name}"
        for link in Path("/sys/class/net").iterdir()
        if link.name == lab.name or link.name.startswith(lab.link(""))
    ]
    namespaces = Path("/run/netns")
    if namespaces.is_dir():
        found += [f"netns {path.name}" for path in namespaces.glob(f"{lab.name}*")]
    # (Not deeper: other labs make and remove folders there at the same time.)
    for pattern in (lab.name, f"*/{lab.name}"):
        found += [f"cgroup {path}" for path in Path("/sys/fs/cgroup").glob(pattern)]
    found += [f"process {pid}: {command}" for pid, command in _processes(lab)]
    nspawn = Path("/run/systemd/nspawn")
    found += [f"nspawn {path}" for path in nspawn.rglob(f"*{lab.name}*")]
    if lab.folder.exists():
        found.append(f"folder {lab.folder}")
    return found


def assert_nothing_is_left() -> None:
    """Look for anything of the lab; what was killed may be a zombie until init has seen to it."""
    deadline = time.monotonic() + 5
    while (left := traces(instance())) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []


def _processes(lab: Instance) -> list[tuple[int, str]]:
    """Return id and command line of what belongs to this lab, by its names and addresses."""
    marks = (f"{lab.name}-", f"{lab.folder}/", f"@{lab.network.network_address}"[:-1])
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            groups = (folder / "cgroup").read_text()
            if any(mark in command for mark in marks) or f"/{lab.name}" in groups:
                found.append((int(folder.name), command))
    return found
