"""The example's stack: a control plane on the etcd cluster of another stack."""

from __future__ import annotations

import base64
import contextlib
import http.client
import itertools
import json
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import yaml

from lab import TREE, builds
from lab.lab import Lab
from lab.mirror.content import MirrorSet
from lab.stack import NAME, Stack, System
from tests.support.hosts import NAMES, wait_until

MASTER = "master01"
# What the hosts of both stacks have in common, in the same words.
_SHARED = (
    *("kubernetesVersion", "containerRuntime", "install", "repositories", "imageRepository"),
    *("registry", "ssh", "cgroupDriver", "allowCgroupV1", "deletionProtection"),
)


def beside_a_control_plane(
    lab: Lab, system: System, mirror: MirrorSet | None = None
) -> Iterator[Lab]:
    """Three hosts for etcd and one for the control plane, made anew, and gone afterwards."""
    lab.up((*NAMES, MASTER), image=system, mirror=mirror, control_plane=True, fresh=True)
    yield lab
    lab.down()


class KubernetesStack(Stack):
    """The example on one host of the lab, beside an etcd stack whose backend it shares."""

    project: ClassVar[Path] = TREE / "examples/kubernetes"
    namespace: ClassVar[str] = "kubernetes"

    def __init__(self, folder: Path, etcd: Stack) -> None:
        self.folder = folder
        self.lab = etcd.lab
        self.passphrase = etcd.passphrase
        (folder / "backend").symlink_to(etcd.folder / "backend")
        self._write_project()
        self.config: dict[str, Any] = {
            **{key: etcd.config[key] for key in _SHARED if key in etcd.config},
            "etcdStack": f"organization/etcd-cluster/{NAME}",
            "controlPlane": {"name": MASTER, "address": etcd.lab.address(MASTER)},
            # As in Pulumi.dev.yaml and Pulumi.seed.yaml, and for their reasons.
            "skipPhases": ["addon/coredns", "addon/kube-proxy"],
            "ignorePreflightErrors": ["SystemVerification", "ImagePull", "HTTPProxyCIDR"],
        }


class ControlPlane:
    """The API server, as a client outside the hosts sees it who has the kubeconfig alone."""

    def __init__(self, folder: Path, kubeconfig: str) -> None:
        folder.mkdir(exist_ok=True)
        self._file = folder / "kubeconfig"
        self._file.touch(mode=0o600)
        self._file.write_text(kubeconfig)
        told = yaml.safe_load(kubeconfig)
        (cluster,), (user,) = told["clusters"], told["users"]
        self.address = urlsplit(cluster["cluster"]["server"])
        pair = folder / "client.pem"
        pair.touch(mode=0o600)
        for key in ("client-certificate-data", "client-key-data"):
            with pair.open("ab") as file:
                file.write(base64.b64decode(user["user"][key]))
        authority = base64.b64decode(cluster["cluster"]["certificate-authority-data"]).decode()
        self._context = ssl.create_default_context(cadata=authority)
        self._context.load_cert_chain(pair)

    def ready(self) -> bool:
        """Whether the API server says that it is ready; it asks etcd for that."""
        return "readyz check passed" in self.kubectl("get", "--raw=/readyz?verbose", check=False)

    def kubectl(self, *arguments: str, check: bool = True) -> str:
        """Run kubectl with the kubeconfig; returns what it printed."""
        done = subprocess.run(
            [builds.kubernetes() / "kubectl", f"--kubeconfig={self._file}", *arguments],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def connect(self, timeout: float = 5) -> http.client.HTTPSConnection:
        """A connection with the kubeconfig's client certificate."""
        host, port = self.address.hostname or "", self.address.port
        return http.client.HTTPSConnection(host, port, timeout=timeout, context=self._context)


class Writer:
    """Begins a write every 200 ms while the block runs, whether or not those before have ended.

    Each makes a config map by the API server, over a connection of its own.
    acknowledged: the names of those that it answered for. failed: what became of the others.
    longest_gap: seconds between two acknowledgements, at most.
    """

    def __init__(self, api: ControlPlane, namespace: str, every: float = 0.2) -> None:
        self._api = api
        self._namespace = namespace
        self._every = every
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._begin, name="writer")
        self._told: list[float] = []
        self.acknowledged: list[str] = []
        self.failed: list[str] = []

    def __enter__(self) -> Writer:
        self._told.append(time.monotonic())
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self._told.append(time.monotonic())

    @property
    def longest_gap(self) -> float:
        """In seconds."""
        return max(later - one for one, later in itertools.pairwise(sorted(self._told)))

    def wait_for_more(self, count: int, seconds: float = 90) -> None:
        """Return when so many more are acknowledged than at the call; fail if that takes longer."""
        wanted = len(self.acknowledged) + count
        wait_until(lambda: len(self.acknowledged) >= wanted, seconds)

    def lost(self) -> list[str]:
        """The acknowledged ones that are not there."""
        told = self._api.kubectl("get", "configmaps", "--namespace", self._namespace, "-o", "name")
        there = {line.rpartition("/")[2] for line in told.splitlines()}
        return sorted(set(self.acknowledged) - there)

    def _begin(self) -> None:
        with ThreadPoolExecutor(max_workers=200) as pool:
            for number in itertools.count():
                pool.submit(self._write, f"written-{number}")
                if self._stop.wait(self._every):
                    break

    def _write(self, name: str) -> None:
        path = f"/api/v1/namespaces/{self._namespace}/configmaps"
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}}
        try:
            with contextlib.closing(self._api.connect(timeout=60)) as connection:
                headers = {"Content-Type": "application/json"}
                connection.request("POST", path, json.dumps(body), headers)
                answer = connection.getresponse()
                answer.read()
        except (OSError, http.client.HTTPException) as error:
            self.failed.append(f"{name}: {error!r}")
            return
        if answer.status == 201:
            self.acknowledged.append(name)
            self._told.append(time.monotonic())
        else:
            self.failed.append(f"{name}: {answer.status}")
