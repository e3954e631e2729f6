"""The hosts' cgroups: where a lab's processes are found, and the only place it ends any.

Every mounted hierarchy (v1 controllers, named ones, v2) gets a subtree `<lab>/<host>`; which ones
there are is read from /proc/mounts, because it differs from machine to machine.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LabError

_KILL_SECONDS = 20.0
_CPU_PERIOD = 25_000  # microseconds
_CPUSET = ("cpuset.cpus", "cpuset.mems")
_IN_CGROUPS = """
n=$1; shift
while [ "$n" -gt 0 ]; do echo $$ >"$1/cgroup.procs"; shift; n=$((n - 1)); done
exec "$@"
"""
_KEPT = ("PYTEST_CURRENT_TEST",)  # by which a test run knows what another one left


def hierarchies() -> list[Path]:
    """Return the mount points of all cgroup hierarchies of this machine."""
    rows = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    mounted = [Path(row[1]) for row in rows if row[2] in ("cgroup", "cgroup2")]
    if not mounted:
        raise LabError("No cgroup hierarchy is mounted on this machine; the hosts need one.")
    return mounted


def create(group: str) -> list[Path]:
    """Make `group` (such as etcdlab0/etcd01) in every hierarchy and return its folders."""
    folders = []
    for root in hierarchies():
        folder = root
        for part in Path(group).parts:
            _pass_controllers_on(folder)
            folder = folder / part
            folder.mkdir(exist_ok=True)
            _inherit_cpuset(folder)
        folders.append(folder)
    return folders


def start(
    group: str, command: Sequence[str | Path], log: Path, env: Mapping[str, str] | None = None
) -> None:
    """Start a server in `group`, with an environment of its own: there are options in such.

    In a session of its own, as hosts are: it outlives whoever starts it.
    """
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    groups = create(group)
    words: list[str | Path] = ["setsid", "--fork", "sh", "-c", _IN_CGROUPS, group]
    words += [str(len(groups)), *groups, *command]
    with log.open("ab") as said:
        subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd="/", check=True,
            env={"PATH": os.defpath, **kept, **(env or {})},
        )  # fmt: skip


def processes(group: str) -> set[int]:
    """Return the ids of all processes in `group` and below it, in any hierarchy."""
    found: set[int] = set()
    for root in hierarchies():
        for folder, _, _ in os.walk(root / group):
            with contextlib.suppress(OSError):  # it went away while we looked
                found.update(map(int, (Path(folder) / "cgroup.procs").read_text().split()))
    return found - {0}


def kill(group: str) -> None:
    """End every process in `group` with SIGKILL, as a power cut does, and wait until none is left.

    It repeats, because a process may have forked between the look and the signal.
    """
    deadline = time.monotonic() + _KILL_SECONDS
    while left := processes(group):
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if time.monotonic() > deadline:
            raise LabError(f"Processes of {group} do not end on SIGKILL: {sorted(left)}.")
        time.sleep(0.01)


def remove(group: str) -> None:
    """Remove `group` and all below it from every hierarchy; its processes must be gone."""
    for root in hierarchies():
        for folder, _, _ in os.walk(root / group, topdown=False):
            _remove_one(Path(folder))


def limit_cpu(group: str, cores: float) -> None:
    """Give `group` this much of the machine's processor time at most, as a slower machine has."""
    quota = max(int(_CPU_PERIOD * cores), 1000)  # microseconds; the kernel takes no less
    limits = {"cpu.max": f"{quota} {_CPU_PERIOD}"}
    limits |= {"cpu.cfs_period_us": str(_CPU_PERIOD), "cpu.cfs_quota_us": str(quota)}
    found = [
        (file, limit)
        for root in hierarchies()
        for name, limit in limits.items()
        if (file := root / group / name).exists()
    ]
    if not found:
        raise LabError(f"Nothing limits the processor time of {group}: this kernel has no way to.")
    for file, limit in found:
        file.write_text(limit)


def memory(group: str) -> int | None:
    """Return the bytes of memory that `group` uses, or None where no controller counts them."""
    for root in hierarchies():
        for name in ("memory.usage_in_bytes", "memory.current"):
            with contextlib.suppress(OSError):
                return int((root / group / name).read_text())
    return None


def _remove_one(folder: Path) -> None:
    deadline = time.monotonic() + 5
    while True:
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError as busy:  # a process that is ending still counts for a moment
            if time.monotonic() > deadline:
                raise LabError(f"{folder} cannot be removed: {busy.strerror}.") from busy
            time.sleep(0.01)
        else:
            return


def _inherit_cpuset(folder: Path) -> None:
    """Copy CPUs and memory nodes from above: a new v1 cpuset has none and takes no process."""
    for name in _CPUSET:
        file = folder / name
        if file.exists() and not file.read_text().strip():
            file.write_text((folder.parent / name).read_text())


def _pass_controllers_on(folder: Path) -> None:
    """Let groups below a v2 `folder` have its controllers; v1 has no such switch."""
    switch = folder / "cgroup.subtree_control"
    if switch.exists():
        for controller in (folder / "cgroup.controllers").read_text().split():
            with contextlib.suppress(OSError):  # some cannot be passed on here: not our concern
                switch.write_text(f"+{controller}")
