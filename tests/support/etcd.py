"""An etcd client outside the hosts, that has the stack's outputs and nothing else."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab import builds


class Client:
    """etcdctl of this machine with caCertificate, clientCertificate and clientKey."""

    def __init__(self, folder: Path, outputs: Mapping[str, Any]) -> None:
        folder.mkdir(exist_ok=True)
        self.endpoints: list[str] = outputs["endpoints"]
        self.files: dict[str, Path] = {}
        for option, output in (
            ("cacert", "caCertificate"),
            ("cert", "clientCertificate"),
            ("key", "clientKey"),
        ):
            path = folder / f"{option}.pem"
            path.touch(mode=0o600)
            path.write_text(outputs[output])
            self.files[option] = path
        self._etcdctl = builds.etcd() / "etcdctl"

    def run(
        self,
        *arguments: str,
        endpoints: str = "",
        check: bool = True,
        timeout: float = 5,
        stdin: str = "",
    ) -> subprocess.CompletedProcess[str]:
        """Run etcdctl against these endpoints, all of them by default."""
        done = subprocess.run(
            [
                str(self._etcdctl),
                f"--endpoints={endpoints or ','.join(self.endpoints)}",
                f"--command-timeout={timeout}s",
                *(f"--{option}={path}" for option, path in self.files.items()),
                *arguments,
            ],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def members(self) -> dict[str, list[str]]:
        """{name: [id, status, name, peer URL, client URL, is learner]}."""
        lines = self.run("member", "list", "-w", "simple").stdout.splitlines()
        rows = [line.split(", ") for line in lines]
        return {row[2]: row for row in rows}

    def ids(self) -> dict[str, str]:
        """Each member's id, in hex, by its name."""
        return {name: row[0] for name, row in self.members().items()}

    def all_healthy(self, seconds: float = 120) -> bool:
        """Whether every endpoint comes to answer through a quorum within this time."""
        end = time.monotonic() + seconds
        while self.healthy() != len(self.endpoints):
            if time.monotonic() > end:
                return False
            time.sleep(1)
        return True

    def healthy(self) -> int:
        """How many endpoints answer through a quorum."""
        done = self.run("endpoint", "health", check=False)
        return (done.stdout + done.stderr).count("is healthy")

    def term(self) -> int:
        """Raft's term: it rises whenever the leadership moves."""
        told = json.loads(self.run("endpoint", "status", "-w", "json").stdout)
        return max(int(each["Status"]["raftTerm"]) for each in told)

    def alarms(self) -> str:
        """The alarms that are raised, as etcdctl prints them."""
        return self.run("alarm", "list").stdout.strip()
