"""A cluster that was made by hand: the procedure that this project replaces, as a script, and
what a person has who made one so.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab import TREE
from lab.lab import Lab
from lab.stack import Stack
from lab.versions import TODAY
from tests.support.etcd import Client
from tests.support.hosts import NAMES

PKI = "/etc/kubernetes/pki/etcd"
_END = "-----END CERTIFICATE-----"
_PAGE = {
    r"https://127\.0\.0\.1:2379,https://": "https://",
    r"/var/lib/kubelet/baseline\.yaml": "/etc/systemd/system/kubelet.service.d/kubelet.conf",
}
"""Its etcd takes no clients on loopback, and its kubelet's settings are among the drop-ins."""
_OLD_API = (r"- \{name: ([a-z-]+), value: (\"[^\"]*\"|new)\}", r"  \1: \2")


def made_by_hand(
    lab: Lab,
    folder: Path,
    *,
    page: bool = False,
    kubernetes: str = TODAY.kubernetes,
    etcd_tag: str = TODAY.etcd_tag,
    changes: Mapping[str, str] | None = None,
) -> None:
    """A healthy cluster that no stack knows of.

    page: just as kubeadm's page has it. changes: of the script's text, by regular expressions.
    """
    text = (TREE / "lab/baseline.sh").read_text()
    for pattern, instead in {**(_PAGE if page else {}), **(changes or {})}.items():
        text, found = re.subn(pattern, instead, text)
        assert found, pattern
    script = folder / "by-hand.sh"
    script.write_text(text)
    pairs = [f"{name}={lab.address(name)}" for name in NAMES]
    done = subprocess.run(
        ["bash", script, lab.identity, lab.known_hosts, kubernetes, etcd_tag, *pairs],
        env=os.environ,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    assert healthy_by_hand(lab) == len(NAMES)


SEED = {
    r"containerd/containerd\.sock": "crio/crio.sock",
    r"(?m)^failCgroupV1: false\n": "",
    "kubeadm.k8s.io/v1beta4": "kubeadm.k8s.io/v1beta3",
    _OLD_API[0]: _OLD_API[1],
}
"""What is otherwise in the seed's procedure: CRI-O, and kubeadm's older API."""


def healthy_by_hand(lab: Lab) -> int:
    """How many of its members answer through a quorum."""
    said = etcdctl(lab, "endpoint health --cluster 2>&1", check=False)
    return said.count("is healthy")


def cluster_id(lab: Lab) -> str:
    """Its id, in hex, as the runbook has it found out."""
    decimal = re.search(r'"ClusterID" : ([0-9]+)', etcdctl(lab, "endpoint status -w fields"))
    assert decimal
    return f"{int(decimal[1]):x}"


def etcdctl(lab: Lab, arguments: str, *, check: bool = True) -> str:
    """What etcdctl says on the first host, with the certificates that are there."""
    files = f"--cacert {PKI}/ca.crt --cert {PKI}/peer.crt --key {PKI}/peer.key"
    url = f"https://{lab.address('etcd01')}:2379"
    line = f"ETCDCTL_API=3 etcdctl {files} --endpoints {url} {arguments}"
    return lab.ssh("etcd01", line, check=check).stdout


def first_client(lab: Lab, folder: Path) -> Client:
    """A client that keeps what the procedure once gave it."""
    pki = "/etc/kubernetes/pki"
    files = {
        "caCertificate": f"{pki}/etcd/ca.crt",
        "clientCertificate": f"{pki}/apiserver-etcd-client.crt",
        "clientKey": f"{pki}/apiserver-etcd-client.key",
    }
    found: dict[str, Any] = {
        name: lab.ssh("etcd01", f"cat {path}").stdout for name, path in files.items()
    }
    return Client(
        folder, {**found, "endpoints": [f"https://{lab.address(name)}:2379" for name in NAMES]}
    )


def adopting(stack: Stack, folder: Path, *, key: bool = True) -> None:
    """Configure the stack as the runbook says. Of several CAs the one that issues comes first."""
    lab = stack.lab
    folder.mkdir(exist_ok=True)
    first, end, _ = lab.ssh("etcd01", f"cat {PKI}/ca.crt").stdout.partition(_END)
    (folder / "ca.crt").write_text(f"{first}{end}\n")
    authority = {"certificateFile": str(folder / "ca.crt")}
    if key:
        (folder / "ca.key").touch(mode=0o600)
        (folder / "ca.key").write_text(lab.ssh("etcd01", f"cat {PKI}/ca.key").stdout)
        authority["privateKeyFile"] = str(folder / "ca.key")
    stack.config["adopt"] = cluster_id(lab)
    stack.config["certificates"] = {"authority": authority, "authorities": [0] if key else [0, 1]}
