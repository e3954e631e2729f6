"""A stack of the real program, in a project folder of its own, run by the real engine."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml

from lab import TREE, engine
from lab.engine import backend
from lab.errors import LabError
from lab.hosts.images.kind import Kind
from lab.lab import Lab
from lab.mirror import server
from lab.versions import SEED, TODAY

NAME = "lab"


System = Literal["golden", "debian", "debian11", "debian13", "debian14", "el", "vm", "vm-selinux"]
"""What the hosts are made of, and which versions they get (see lab.hosts.images.kind, lab.dev)."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a run of the CLI ended, and all it said."""

    status: int
    text: str


class Stack:
    """One stack on a lab's hosts. Every call is one run of the CLI, as a person would type it."""

    project: ClassVar[Path] = TREE
    """Where the program is that runs."""
    namespace: ClassVar[str] = "etcd-cluster"
    """Of its configuration, and the project's name."""
    seconds = 900.0
    """How long one run of the CLI may take."""

    def __init__(
        self, folder: Path, lab: Lab, members: Sequence[str], system: System = "golden"
    ) -> None:
        self.folder = folder
        self.lab = lab
        self.passphrase = secrets.token_urlsafe(24)
        (folder / "backend").mkdir()
        self._write_project()
        self.config: dict[str, Any] = {
            "members": [{"name": name, "address": lab.address(name)} for name in members],
            "ssh": {
                "user": "root",
                "privateKeyFile": str(lab.identity),
                "knownHostsFile": str(lab.known_hosts),
            },
            "deletionProtection": False,
            "healthTimeoutSeconds": 90,
        }
        _for_system(self.config, system, lab)
        (folder / "backend").chmod(0o700)

    @property
    def env(self) -> dict[str, str]:
        """What the CLI is told beside the engine's own environment."""
        return {
            "PULUMI_BACKEND_URL": backend.url(self.folder / "backend"),
            "PULUMI_CONFIG_PASSPHRASE": self.passphrase,
            "PULUMI_STACK": NAME,
        }

    @property
    def state_file(self) -> Path:
        """Where the file backend keeps this stack."""
        return self.folder / "backend/.pulumi/stacks" / self.namespace / f"{NAME}.json"

    def invocation(self, *arguments: str) -> engine.Invocation:
        """How the CLI is run, after making ready for it as `make` does."""
        self._write_config()
        options = ("--non-interactive", "--color", "never")
        return engine.invocation([*arguments, *options], project=self.folder, env=self.env)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the CLI in a session of its own; stderr is part of stdout, as a person sees it."""
        return self.invocation(*arguments).start(own_session=True)

    def pulumi(self, *arguments: str, check: bool = True) -> Result:
        """Run the CLI to its end."""
        running = self.start(*arguments)
        try:
            text, _ = running.communicate(timeout=self.seconds)
        finally:
            running.kill()
        if check and running.returncode != 0:
            raise LabError(f"pulumi {arguments[0]} ended with {running.returncode}:\n{text}")
        return Result(status=running.returncode, text=text)

    def up(self, *arguments: str) -> str:
        """`pulumi up`, without the preview that other tests look at."""
        return self.pulumi("up", "--yes", "--skip-preview", *arguments).text

    def preview(self, *arguments: str) -> str:
        """`pulumi preview --diff`."""
        return self.pulumi("preview", "--diff", *arguments).text

    def destroy(self, *arguments: str) -> str:
        """`pulumi destroy`."""
        return self.pulumi("destroy", "--yes", "--skip-preview", *arguments).text

    def outputs(self, *arguments: str) -> dict[str, Any]:
        """The stack's outputs, secrets included."""
        text = self.pulumi("stack", "output", "--json", "--show-secrets", *arguments).text
        found: dict[str, Any] = json.loads(text)
        return found

    def private_keys(self) -> dict[str, str]:
        """Every private key of the state, PEM, by its resource's name."""
        return {
            each["urn"].rpartition("::")[2]: json.loads(
                each["outputs"]["privateKeyPem"]["plaintext"]
            )
            for each in self.resources()
            if each["type"] == "tls:index/privateKey:PrivateKey"
        }

    def resources(self) -> list[Mapping[str, Any]]:
        """The state, decrypted."""
        text = self.pulumi("stack", "export", "--show-secrets").text
        found: list[Mapping[str, Any]] = json.loads(text)["deployment"].get("resources", [])
        return found

    def _write_project(self) -> None:
        project = yaml.safe_load((self.project / "Pulumi.yaml").read_text())
        project["main"] = str(self.project)
        (self.folder / "Pulumi.yaml").write_text(yaml.safe_dump(project))

    def _write_config(self) -> None:
        path = self.folder / f"Pulumi.{NAME}.yaml"
        before = yaml.safe_load(path.read_text()) if path.exists() else {}
        config = {f"{self.namespace}:{key}": value for key, value in self.config.items()}
        path.write_text(engine.sections.text({**(before or {}), "config": config}))


def _for_system(config: dict[str, Any], system: System, lab: Lab) -> None:
    """What the stacks dev (debian) and seed (el) say, at this lab's addresses."""
    if Kind(system).machine:
        config["healthTimeoutSeconds"] = 300  # a processor that is emulated, and shared
        config["ssh"] |= {"connectTimeoutSeconds": 30, "loginTimeoutSeconds": 120}
        config["ssh"]["answerTimeoutSeconds"] = 300
    if system in ("vm", "vm-selinux"):
        config |= {"kubernetesVersion": TODAY.kubernetes, "install": "preinstalled"}
        return
    if system == "golden":
        config |= {
            "kubernetesVersion": TODAY.kubernetes,
            "allowCgroupV1": True,
            "cgroupDriver": "cgroupfs",
            "install": "preinstalled",
        }
        return

    def signed(path: str) -> dict[str, str]:
        return {"url": f"{lab.mirror.url}/{path}", "signingKeyFile": str(lab.mirror.signing_key)}

    config["repositories"] = {
        "kubernetes": signed("core:/stable:/v{minor}"),
        "etcd": signed("etcd"),
    }
    config["registry"] = {"caFile": str(lab.mirror.authority)}
    if system in ("debian", "debian13", "debian14"):
        config |= {
            "kubernetesVersion": TODAY.kubernetes,
            "imageRepository": lab.mirror.registry,
        }
        if not Kind(system).machine:
            config["allowCgroupV1"] = True
        return
    config |= {
        "kubernetesVersion": SEED.kubernetes,
        "containerRuntime": "crio",
        "etcd": {"imageTag": SEED.etcd_tag},
        "imageRepository": lab.mirror.private_registry,
    }
    config["repositories"]["crio"] = signed("isv:/cri-o:/stable:/v{minor}")
    config["registry"] |= {"username": server.USER, "password": server.PASSWORD}
    config["ssh"]["user"] = "ops"
