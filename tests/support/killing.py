"""An `up` that is watched and killed, and what must be true after the next one."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

from lab.hosts import cgroups
from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, up_changes_nothing

MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
REACHED_SECONDS = 120.0
GONE_SECONDS = 30.0


Moment = Callable[["Run"], bool]
Manner = Callable[[int], None]


class Run:
    """An `up` that is watched while it runs."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.lab = stack.lab
        self.process: Popen[str] = stack.start("up", "--yes", "--skip-preview")
        self.started = time.monotonic()
        self.text = ""
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self.text += line

    def wait_until(self, reached: Moment, seconds: float = REACHED_SECONDS) -> None:
        """Return at this moment, which has to come before it ends by itself, within so long."""
        deadline = self.started + seconds
        while not reached(self):
            assert self.process.poll() is None, f"ended before the moment:\n{self.text}"
            assert time.monotonic() < deadline, f"the moment never came:\n{self.text}"
            time.sleep(0.005)

    def kill_when(self, reached: Moment, manner: Manner) -> None:
        """SIGKILL it at this moment."""
        try:
            self.wait_until(reached)
        finally:
            manner(self.process.pid)
            status = self.process.wait(timeout=10)
        assert status == -signal.SIGKILL, f"ended before it could be killed:\n{self.text}"


def session(leader: int) -> dict[int, str]:
    """The living processes of the session that the CLI leads: {process id: command line}."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, _, _, belongs = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
            if int(belongs) == leader and state not in "ZX":
                line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found[int(folder.name)] = line
        except OSError:  # it has ended
            continue
    return found


def the_cli(leader: int) -> None:
    """What `kill -9` of the pulumi process does: plugins and program are left to themselves."""
    os.kill(leader, signal.SIGKILL)


def the_group(leader: int) -> None:
    """What a CI runner or `timeout -s KILL` does."""
    os.killpg(leader, signal.SIGKILL)


def everything(leader: int) -> None:
    """What the death of the machine does: no plugin gets to say a word to its host."""
    for process in [leader, *session(leader)]:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue


def after(seconds: float) -> Moment:
    """Once this much time has passed."""
    return lambda run: time.monotonic() >= run.started + seconds


def shows(pattern: str, times: int = 1) -> Moment:
    """Once this many lines of the CLI's output match."""
    return lambda run: len(re.findall(pattern, run.text, re.MULTILINE)) >= times


def knows(kind: str, times: int = 1) -> Moment:
    """Once the state file holds this many resources of this type."""
    return lambda run: (
        [each["type"] for each in state(run.stack).get("resources") or []].count(kind) >= times
    )


def begins(name: str) -> Moment:
    """Once the state file says that an operation on this resource has begun."""
    return lambda run: any(
        operation["resource"]["urn"].endswith(f"::{name}")
        for operation in state(run.stack).get("pending_operations") or []
    )


def has_manifest(name: str) -> Moment:
    """Once this host has a manifest for etcd, seen from outside."""

    def reached(run: Run) -> bool:
        (kubelet,) = processes(run.lab, name, "kubelet")
        return Path(f"/proc/{kubelet}/root{MANIFEST}").exists()

    return reached


def all_of(moments: Iterable[Moment]) -> Moment:
    """Once each of these is there, or was."""
    waiting = list(moments)

    def reached(run: Run) -> bool:
        waiting[:] = [moment for moment in waiting if not moment(run)]
        return not waiting

    return reached


def etcd_is_down_on(name: str) -> Moment:
    """Once no etcd runs on this host, seen from outside."""
    return lambda run: not processes(run.lab, name, "etcd")


def state(stack: Stack) -> dict[str, Any]:
    """The deployment in the state file, as it is on disk at this moment."""
    try:
        latest = json.loads(stack.state_file.read_bytes())["checkpoint"]["latest"]
    except FileNotFoundError:
        return {}
    return latest or {}


def processes(lab: Lab, name: str, program: str) -> list[int]:
    """The ids, on this machine, of the processes of this name on this host."""
    found = []
    for process in cgroups.processes(f"{lab.instance.name}/{name}"):
        try:
            if Path(f"/proc/{process}/comm").read_text() == f"{program}\n":
                found.append(process)
        except OSError:  # it has ended
            continue
    return found


def send(lab: Lab, program: str, number: signal.Signals) -> None:
    """Signal this program on every host."""
    for name in NAMES:
        (process,) = processes(lab, name, program)
        os.kill(process, number)


def finished(stack: Stack, folder: Path) -> Client:
    """The next `up` ends well, there is one whole cluster, and nothing is left to do."""
    stack.up()
    client = Client(folder, stack.outputs())
    members = client.members()
    assert sorted(members) == sorted(NAMES)
    assert {(row[1], row[5]) for row in members.values()} == {("started", "false")}
    assert client.healthy() == len(NAMES)
    assert len(cluster_ids(stack.lab, client)) == 1
    text = up_changes_nothing(stack)
    assert "pending" not in text
    return client


def cluster_ids(lab: Lab, client: Client) -> set[str]:
    """What members and hosts say the cluster's id is, in hex."""
    told = json.loads(client.run("endpoint", "status", "-w", "json").stdout)
    assert len(told) == len(NAMES)
    running = {f"{status['Status']['header']['cluster_id']:x}" for status in told}
    remembered = {lab.ssh(name, "cat /var/lib/etcd-host/formed").stdout.strip() for name in NAMES}
    return running | remembered


def nothing_is_left(run: Run) -> None:
    """Neither processes of the killed run on this machine, nor its work on the hosts."""
    deadline = time.monotonic() + GONE_SECONDS
    while left := session(run.process.pid):
        assert time.monotonic() < deadline, left
        time.sleep(0.1)
    run.reader.join(timeout=5)  # nobody holds the other end of its pipe
    lab = run.lab
    # Half-written files, work folders, and host programs that still run.
    command = (
        "ls -d /run/etcd-host/work.*; pgrep -fa '[e]tcd-host [a-z]'; "
        "find /etc/kubernetes /etc/systemd/system/kubelet.service.d /var/lib/etcd-host "
        "/var/lib/kubelet/*.yaml /usr/local/sbin -name '.*.etcd-host' -o -name '*.new'"
    )
    for name in NAMES:
        assert lab.ssh(name, command, check=False).stdout == "", name


@contextmanager
def held_back(lab: Lab, name: str | None) -> Iterator[None]:
    """As long as this lasts, no host program changes anything on this host."""
    if name is None:
        yield
        return
    lab.ssh(
        name,
        "mkdir -p /run/etcd-host && systemd-run -q --unit=held flock /run/etcd-host/host.lock "
        "sleep infinity",
    )
    try:
        yield
    finally:
        lab.ssh(name, "systemctl stop held")


@dataclass(frozen=True, kw_only=True)
class Case:
    """When the first `up` is killed, and how."""

    moment: Moment
    manner: Manner = the_cli
    slow: str | None = None
    """A host that does not get beyond its host program's installation before the kill."""
