"""Makes a stack in a file backend ready for the next command, after whatever ended the last one.

A `pulumi up` that was killed leaves its lock, which stops every later command, in the state the
operations that it had begun, of which every later command warns, and processes of its own. All is
dealt with here, and only here, and never while the process that holds the lock is alive. Backends
other than `file://` are left alone: several people share those, and nothing here can tell who is at
work.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import yaml

from lab.engine.orphans import end_orphans
from lab.errors import LabError
from lab.locks import locked
from lab.progress import say

_PROC = Path("/proc")


def url(folder: Path) -> str:
    """The URL of a file backend in this folder.

    Without the side file that the storage library writes beside each state, with its MD5: the
    state is written at every step, and for seven members that was a quarter of the engine's time.
    """
    return f"{folder.as_uri()}?metadata=skip"


class StackError(LabError):
    """Pulumi refused a step that makes a stack ready; the text holds what it said."""


@dataclass(frozen=True, kw_only=True)
class Lock:
    """Who holds the lock of a stack, as Pulumi's file backend records it."""

    pid: int
    hostname: str

    @classmethod
    def read(cls, path: Path) -> Lock | None:
        """Return the lock in this file, or None if the file is gone or no lock of this form."""
        try:
            told = json.loads(path.read_bytes())
            return cls(pid=int(told["pid"]), hostname=str(told["hostname"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def is_stale(self, *, hostname: str | None = None, proc: Path = _PROC) -> bool:
        """Say whether the process that took this lock is surely gone.

        In doubt it is not: the lock is of another host, or the process cannot be looked at. A
        process of the same number that is not Pulumi took the number over. One that is Pulumi
        counts as alive even if it may be another: telling the two apart by the clock would fail
        after the clock was set, and clear the lock of one that is at work.
        """
        if self.hostname != (hostname or socket.gethostname()):
            return False
        if not (proc / "self").exists():  # no such file system, as on macOS
            return not _answers(self.pid)
        try:
            text = (proc / str(self.pid) / "status").read_text(errors="replace")
        except FileNotFoundError:
            return True
        except OSError:
            return False
        status = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        if status.get("State", "").strip()[:1] in {"Z", "X"}:  # killed, not yet waited for
            return True
        return "pulumi" not in status.get("Name", "pulumi")


@dataclass(frozen=True, kw_only=True)
class StoredStack:
    """A stack of a project, and what it takes to run `pulumi` on it."""

    name: str
    project: Path
    """Folder of Pulumi.yaml."""
    pulumi: Path
    env: Mapping[str, str]
    """Whole environment, with PULUMI_BACKEND_URL and what unlocks the stack's secrets."""

    def make_ready(self, *, will_write: bool = True) -> None:
        """Clear what a killed command left, and create the stack if it is new."""
        if home := self.env.get("PULUMI_HOME"):
            end_orphans(home)  # whatever the lock says: a host is started before it is taken
        folder = self._backend()
        if folder is None:
            return
        # One at a time: `pulumi cancel` takes away every lock, also one that another process took
        # after this one had looked.
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(folder / ".ready.lock", f"another command makes {self.name} ready"):
            self.clear_stale_locks()
            if not self._state(folder).exists():
                say(f"• create the stack {self.name}")
                self._run("stack", "init", "--no-select", "--stack", self.name)
            elif will_write and not self._locks(folder):
                self.forget_interrupted_operations()

    def clear_stale_locks(self) -> bool:
        """Clear the stack's lock if all who hold it are gone; return whether it did."""
        folder = self._backend()
        locks = self._locks(folder) if folder else []
        if not locks or not all(lock is not None and lock.is_stale() for lock in locks):
            return False  # Pulumi itself says best who holds it
        pids = ", ".join(str(lock.pid) for lock in locks if lock)
        say(f"• clear the lock of {self.name}: process {pids}, which took it, is gone")
        self._run("cancel", "--yes", "--stack", self.name)
        return True

    def interrupted_operations(self) -> list[str]:
        """Return what a killed `up` had begun, such as `creating urn:…`."""
        folder = self._backend()
        try:
            state = json.loads(self._state(folder).read_bytes()) if folder else {}
        except (OSError, ValueError):  # not there, or compressed: nothing to say
            return []
        latest = state.get("checkpoint", {}).get("latest") or {}
        return [
            f"{op['type']} {op['resource']['urn']}" for op in latest.get("pending_operations") or []
        ]

    def forget_interrupted_operations(self) -> bool:
        """Take interrupted operations out of the state; return whether there were any.

        Pulumi 3.259 only warns of them, on every `up` until they are gone. They are there because
        something may have been created that the state does not know. Here nothing is lost by
        forgetting: certificates and ids live in the state alone, and every command on a host
        compares first, so the next `up` runs it again and it finds its own work. `stack export`
        into `stack import` drops them and touches nothing else, while `refresh
        --clear-pending-creates` would also read every resource anew and may write what it read.
        """
        operations = self.interrupted_operations()
        if not operations:
            return False
        say(f"• forget what was interrupted, it is done again: {'; '.join(operations)}")
        # Secrets stay as they are in the state, encrypted, on their way through the pipe.
        exported = self._run("stack", "export", "--stack", self.name)
        self._run("stack", "import", "--stack", self.name, stdin=exported)
        return True

    def _backend(self) -> Path | None:
        return file_backend(self.env.get("PULUMI_BACKEND_URL", ""), self.project)

    def _state(self, folder: Path) -> Path:
        return folder / ".pulumi/stacks" / self._project_name() / f"{self.name}.json"

    def _locks(self, folder: Path) -> list[Lock | None]:
        held = folder / ".pulumi/locks/organization" / self._project_name() / self.name
        return [Lock.read(path) for path in held.glob("*.json")]

    def _project_name(self) -> str:
        return str(yaml.safe_load((self.project / "Pulumi.yaml").read_text())["name"])

    def _run(self, *arguments: str, stdin: str = "") -> str:
        ran = subprocess.run(
            [str(self.pulumi), *arguments, "--non-interactive"],
            cwd=self.project, env=self.env, input=stdin, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        if ran.returncode != 0:
            said = (ran.stderr or ran.stdout).strip()
            raise StackError(f"pulumi {' '.join(arguments)}: {said}")
        return ran.stdout


def file_backend(url: str, base: Path) -> Path | None:
    """Return the folder of a `file://` backend, or None for one of another kind."""
    parts = urlsplit(url)
    if parts.scheme != "file":
        return None
    # Pulumi also takes file://~ and file://./folder, where the first part looks like a host.
    return base / Path(unquote(parts.netloc + parts.path)).expanduser()


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
