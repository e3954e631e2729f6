"""What an auditor asks of such hosts: the checks of CIS' Kubernetes Benchmark that concern them.

Each is answered from the host's own facts, as kube-bench does it. docs/audit.md has the same table.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.hosts import NAMES, etcd_flags

AUDIT = Path(__file__).parents[2] / "docs/audit.md"
PKI = "/etc/kubernetes/pki"
MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
DATA = "/var/lib/etcd"
KUBELET = "/var/lib/kubelet/etcd-service-manager.yaml"
DROPIN = "/etc/systemd/system/kubelet.service.d/20-etcd-service-manager.conf"

# By check: the files, and the mode that they have at most, or their owner.
FILES: dict[str, tuple[str, int | str]] = {
    "1.1.7": (MANIFEST, 0o600),
    "1.1.8": (MANIFEST, "root:root"),
    "1.1.11": (DATA, 0o700),
    "1.1.12": (DATA, "etcd:etcd"),
    "1.1.19": (f"$(find {PKI})", "root:root"),
    "1.1.20": (f"$(find {PKI} -name '*.crt')", 0o644),
    "1.1.21": (f"$(find {PKI} -name '*.key')", 0o600),
    "4.1.1": (DROPIN, 0o600),
    "4.1.2": (f"{DROPIN} $(systemctl show -p FragmentPath --value kubelet)", "root:root"),
    "4.1.9": (KUBELET, 0o600),
    "4.1.10": (KUBELET, "root:root"),
}
# By check: the flags of the running etcd, and what they are; None for those that it may not have.
FLAGS: dict[str, dict[str, str | None]] = {
    "2.1": {"cert-file": f"{PKI}/etcd/server.crt", "key-file": f"{PKI}/etcd/server.key"},
    "2.2": {"client-cert-auth": "true"},
    "2.3": {"auto-tls": None},
    "2.4": {"peer-cert-file": f"{PKI}/etcd/peer.crt", "peer-key-file": f"{PKI}/etcd/peer.key"},
    "2.5": {"peer-client-cert-auth": "true"},
    "2.6": {"peer-auto-tls": None},
}
# By check: files that such a host does not have, so that there is nothing to be wrong with them.
ABSENT = {
    "4.1.3": "/etc/kubernetes/proxy.conf /var/lib/kube-proxy/kubeconfig.conf",
    "4.1.5": "/etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf",
    "4.1.7": f"{PKI}/ca.crt",
}


@pytest.fixture(scope="module", params=["golden", pytest.param("el", marks=pytest.mark.long)])
def system(request: pytest.FixtureRequest) -> System:
    """Today's versions with containerd; CRI-O, Kubernetes 1.27 and etcd 3.5."""
    found: System = request.param
    return found


@pytest.mark.parametrize("check", FILES)
def test_files_have_the_mode_and_the_owner_of(hosts: Lab, formed: Stack, check: str) -> None:
    """Files and folders are there, and nobody has more rights to them, or others own them."""
    paths, wanted = FILES[check]
    form = "%U:%G" if isinstance(wanted, str) else "%a"
    for name in NAMES:
        found = hosts.ssh(name, f"stat -c {form} {paths}").stdout.split()
        assert found
        for each in found:
            right = each == wanted if isinstance(wanted, str) else int(each, 8) & ~wanted == 0
            assert right, f"{name}: {paths} {found}"


@pytest.mark.parametrize("check", FLAGS)
def test_the_running_etcd_has_the_flags_of(hosts: Lab, formed: Stack, check: str) -> None:
    """Everybody shows a certificate, and etcd none that it made itself."""
    for name in NAMES:
        flags = dict(each[2:].partition("=")[::2] for each in etcd_flags(hosts, name)[1:])
        for flag, wanted in FLAGS[check].items():
            assert flags.get(flag) == wanted, f"{name}: {flag}"


@pytest.mark.parametrize("check", ["2.7"])
def test_etcd_trusts_a_ca_of_its_own(hosts: Lab, formed: Stack, check: str) -> None:
    """Those that it trusts, clients and peers, are the stack's, and no CA of Kubernetes'."""
    theirs = formed.outputs()["caCertificate"].strip()
    for name in NAMES:
        trusted = [f for f in etcd_flags(hosts, name) if "trusted-ca-file=" in f]
        assert len(trusted) == 2
        for flag in trusted:
            path = flag.partition("=")[2]
            seen = hosts.ssh(name, f"cat /proc/$(pgrep -x etcd)/root{path}").stdout
            assert seen.strip() == theirs


@pytest.mark.parametrize("check", ABSENT)
def test_files_of_a_node_are_not_there_for(hosts: Lab, formed: Stack, check: str) -> None:
    """Without an API server there is no kubeconfig, no proxy and no CA for clients."""
    for name in NAMES:
        assert hosts.ssh(name, f"ls {ABSENT[check]}", check=False).stdout == ""


def test_etcd_is_nobody_who_could_become_anybody(hosts: Lab, formed: Stack) -> None:
    """Not root, no capability, none to be had, a filter of system calls, files read-only."""
    for name in NAMES:
        status = hosts.ssh(name, "cat /proc/$(pgrep -x etcd)/status").stdout
        found = dict(re.findall(r"(?m)^(\w+):\s+(.+)$", status))
        own = hosts.ssh(name, "id -u etcd; id -g etcd").stdout.split()
        assert found["Uid"].split() == own[:1] * 4
        assert found["Gid"].split() == own[1:] * 4
        assert "0" not in own
        for each in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            assert int(found[each], 16) == 0, each
        assert found["NoNewPrivs"] == "1"
        assert found["Seccomp"] == "2"
        mounts = hosts.ssh(name, "cat /proc/$(pgrep -x etcd)/mountinfo").stdout.splitlines()
        modes = {row.split()[4]: row.split()[5].split(",")[0] for row in mounts}
        assert modes["/"] == modes[f"{PKI}/etcd"] == "ro"
        assert modes[DATA] == "rw"


def test_etcd_reads_its_own_keys_and_no_others(hosts: Lab, formed: Stack) -> None:
    """In its container are copies of its keys, its own; the client's key is not there."""
    for name in NAMES:
        seen = hosts.ssh(name, f"stat -c '%a %U %n' /proc/$(pgrep -x etcd)/root{PKI}/etcd/*").stdout
        files = {row.rpartition("/")[2]: row.split()[:2] for row in seen.splitlines()}
        assert {n for n in files if n.endswith(".key")} == {"server.key", "peer.key"}
        assert files["server.key"] == files["peer.key"] == ["600", "etcd"]
        assert "etcd" not in hosts.ssh(name, "getent shadow etcd | cut -d: -f2").stdout
        shell = hosts.ssh(name, "getent passwd etcd | cut -d: -f7").stdout
        assert shell.strip().endswith("nologin")


def test_the_table_for_auditors_has_each_check() -> None:
    """docs/audit.md names them all."""
    numbers = set(re.findall(r"(?m)^\| (\d[\d.]+)", AUDIT.read_text()))
    assert {*FILES, *FLAGS, *ABSENT, "2.7"} <= numbers
