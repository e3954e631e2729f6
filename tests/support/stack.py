"""A stack of the real program, in a project folder of its own, run by the real engine."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from lab import engine
from lab.hosts import Lab

TREE = Path(__file__).resolve().parents[2]
NAME = "e2e"


class Stack:
    """One stack on a lab's hosts. Every call is one run of the CLI, as a person would type it."""

    def __init__(self, folder: Path, lab: Lab, members: Sequence[str]) -> None:
        self.folder = folder
        self.lab = lab
        self.passphrase = secrets.token_urlsafe(24)
        self._engine = engine.prepare()
        (folder / "backend").mkdir()
        project = yaml.safe_load((TREE / "Pulumi.yaml").read_text())
        (folder / "Pulumi.yaml").write_text(yaml.safe_dump({**project, "main": str(TREE)}))
        self.config: dict[str, Any] = {
            "members": [{"name": name, "address": lab.address(name)} for name in members],
            "kubernetesVersion": "1.35.4",
            "ssh": {
                "user": "root",
                "privateKeyFile": str(lab.identity),
                "knownHostsFile": str(lab.known_hosts),
            },
            "cgroupDriver": "cgroupfs",
            "allowCgroupV1": True,
            "deletionProtection": False,
            "healthTimeoutSeconds": 90,
        }
        self.pulumi("stack", "init", NAME)

    @property
    def env(self) -> dict[str, str]:
        """What the CLI runs with."""
        return {
            **os.environ,
            **self._engine.env,
            "PULUMI_BACKEND_URL": f"file://{self.folder}/backend",
            "PULUMI_CONFIG_PASSPHRASE": self.passphrase,
        }

    @property
    def state_file(self) -> Path:
        """Where the file backend keeps this stack."""
        return self.folder / "backend/.pulumi/stacks/etcd-cluster" / f"{NAME}.json"

    def command(self, *arguments: str) -> list[str]:
        """The CLI's command line."""
        return [str(self._engine.pulumi), *arguments, "--non-interactive", "--color", "never"]

    def pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the CLI; stderr is part of stdout, in the order a person sees."""
        self._write_config()
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout
        return done

    def up(self, *arguments: str, check: bool = True) -> str:
        """`pulumi up`, without the preview that other tests look at."""
        self.recover()
        return self.pulumi("up", "--yes", "--skip-preview", *arguments, check=check).stdout

    def preview(self, *arguments: str, check: bool = True) -> str:
        """`pulumi preview --diff`."""
        return self.pulumi("preview", "--diff", *arguments, check=check).stdout

    def destroy(self, *arguments: str, check: bool = True) -> str:
        """`pulumi destroy`."""
        self.recover()
        return self.pulumi("destroy", "--yes", "--skip-preview", *arguments, check=check).stdout

    def recover(self) -> None:
        """What `make` does before a run: clear what a killed one left."""
        engine.recover(self.folder, NAME, self.env)

    def outputs(self, *arguments: str) -> dict[str, Any]:
        """The stack's outputs, secrets included."""
        text = self.pulumi("stack", "output", "--json", "--show-secrets", *arguments).stdout
        found: dict[str, Any] = json.loads(text)
        return found

    def resources(self) -> list[Mapping[str, Any]]:
        """The state, decrypted."""
        text = self.pulumi("stack", "export", "--show-secrets").stdout
        found: list[Mapping[str, Any]] = json.loads(text)["deployment"].get("resources", [])
        return found

    def _write_config(self) -> None:
        path = self.folder / f"Pulumi.{NAME}.yaml"
        before = yaml.safe_load(path.read_text()) if path.exists() else {}
        config = {f"etcd-cluster:{key}": value for key, value in self.config.items()}
        path.write_text(yaml.safe_dump({**(before or {}), "config": config}))
