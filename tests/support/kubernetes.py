"""The example's stack: a control plane on the etcd cluster of another stack."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from lab.stack import NAME, TREE, Stack

MASTER = "master01"
# What the hosts of both stacks have in common, in the same words.
_SHARED = (
    *("kubernetesVersion", "containerRuntime", "install", "repositories", "imageRepository"),
    *("registry", "ssh", "cgroupDriver", "allowCgroupV1", "deletionProtection"),
)


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
            # No image of these is there, and a kubelet of the lab's runs on cgroup v1.
            "skipPhases": ["addon/coredns", "addon/kube-proxy"],
            "ignorePreflightErrors": ["SystemVerification"],
        }
