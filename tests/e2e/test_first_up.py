"""A person runs `pulumi up` on three bare hosts, looks at what is there, and runs it again.

The same checks on every system: Debian with containerd and today's versions, and one of the dnf
family with CRI-O and those of the manual procedure.
"""

from __future__ import annotations

import re
import shlex
import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import builds
from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, last_changes, reboot_all, refused, settled

SHOWS = "first up from bare hosts, second up unchanged, reboot of all"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be there in the end."""

    kubernetes: str
    etcd: str
    runtime: str
    installed: str
    """A command that lists packages of these names with their versions."""
    held: str
    """A command that lists what is held against upgrades."""


WANTED: Mapping[System, Wanted] = {
    "debian": Wanted(
        kubernetes="1.35.4",
        etcd="3.6.6",
        runtime="containerd",
        installed="dpkg-query -W -f='${Package} ${Version}\n' kubelet kubeadm kubectl",
        held="apt-mark showhold",
    ),
    "el": Wanted(
        kubernetes="1.27.6",
        etcd="3.5.9",
        runtime="crio",
        installed="rpm -q --qf '%{NAME} %{VERSION}-%{RELEASE}\n' kubelet kubeadm kubectl",
        held="sed -n 's/^exclude=//p' /etc/yum.repos.d/etcd-host-*.repo | xargs -n 1",
    ),
}


@pytest.fixture(scope="module", params=["debian", pytest.param("el", marks=pytest.mark.matrix)])
def system(request: pytest.FixtureRequest) -> System:
    """Each system in turn, from bare hosts."""
    found: System = request.param
    return found


@pytest.fixture(scope="module")
def wanted(system: System) -> Wanted:
    """What this system is to have."""
    return WANTED[system]


@pytest.mark.parametrize("name", NAMES)
def test_the_hosts_are_bare_before_the_first_up(hosts: Lab, name: str) -> None:
    """No runtime, no Kubernetes, swap in fstab, sysctls unset: what follows is `up`'s work."""
    programs = "containerd crio runc kubelet kubeadm kubectl etcdctl crictl"
    found = hosts.ssh(name, f"PATH=/usr/bin:/usr/sbin:/usr/local/bin; type -P {programs} || true")
    assert found.stdout == ""
    assert re.search(r"(?m)^[^#]\S*\s+\S+\s+swap\s", hosts.ssh(name, "cat /etc/fstab").stdout)
    files = "/etc/sysctl.d/99-zz-etcd-host.conf /etc/modules-load.d/etcd-host.conf"
    assert hosts.ssh(name, f"ls {files}", check=False).stdout == ""


@pytest.mark.parametrize("name", NAMES)
def test_the_packages_are_at_their_versions_and_held(
    hosts: Lab, formed: Stack, wanted: Wanted, name: str
) -> None:
    """Pinned to what is configured; an upgrade of the system passes them by."""
    rows = dict(line.split() for line in hosts.ssh(name, wanted.installed).stdout.splitlines())
    assert set(rows) == {"kubelet", "kubeadm", "kubectl"}
    assert all(version.startswith(f"{wanted.kubernetes}-") for version in rows.values())
    held = set(hosts.ssh(name, wanted.held).stdout.split())
    assert {"kubelet", "kubeadm", "kubectl", "etcd-client"} <= held
    assert held & {"containerd", "cri-o"}
    told = hosts.ssh(name, "etcdctl version").stdout
    assert f"etcdctl version: {wanted.etcd}" in told


@pytest.mark.parametrize("name", NAMES)
def test_the_system_is_as_kubernetes_wants_it(hosts: Lab, formed: Stack, name: str) -> None:
    """Now, and from the next boot on."""
    settled(hosts, name)


@pytest.mark.parametrize("name", NAMES)
def test_the_pod_runs_from_kubeadms_manifest_under_a_standalone_kubelet(
    hosts: Lab, formed: Stack, name: str
) -> None:
    """The manifest is kubeadm's, the kubelet has no API server, and etcd runs in a container."""
    manifest = yaml.safe_load(hosts.ssh(name, "cat /etc/kubernetes/manifests/etcd.yaml").stdout)
    url = f"https://{hosts.address(name)}:2379"
    assert (
        manifest["metadata"]["annotations"]["kubeadm.kubernetes.io/etcd.advertise-client-urls"]
        == url
    )
    kubelet = hosts.ssh(name, "tr '\\0' ' ' < /proc/$(pgrep -x kubelet)/cmdline").stdout
    assert kubelet.strip() == (
        "/usr/bin/kubelet --config=/var/lib/kubelet/etcd-service-manager.yaml"
    )
    running = hosts.ssh(name, "tr '\\0' '\\n' < /proc/$(pgrep -x etcd)/cmdline").stdout.split()
    assert set(running[1:]) == set(manifest["spec"]["containers"][0]["command"][1:])
    assert "kubepods" in hosts.ssh(name, "cat /proc/$(pgrep -x etcd)/cgroup").stdout


def test_three_started_voters_bear_the_hosts_names(client: Client) -> None:
    """`member list` has the three hosts, started, none of them a learner."""
    members = client.members()
    assert sorted(members) == sorted(NAMES)
    assert {(row[1], row[5]) for row in members.values()} == {("started", "false")}


def test_all_endpoints_are_healthy(client: Client) -> None:
    """Each endpoint of the outputs answers through a quorum."""
    assert client.healthy() == len(NAMES)


def test_a_client_writes_through_each_endpoint_and_reads_from_another(client: Client) -> None:
    """caCertificate, clientCertificate and clientKey are all that a client needs."""
    for index, endpoint in enumerate(client.endpoints):
        other = client.endpoints[(index + 1) % len(client.endpoints)]
        client.run("put", f"/e2e/{index}", endpoint, endpoints=endpoint)
        read = client.run("get", f"/e2e/{index}", "--print-value-only", endpoints=other).stdout
        assert read.strip() == endpoint


def test_outputs_name_each_member_as_etcd_does(
    outputs: dict[str, Any], client: Client, wanted: Wanted
) -> None:
    """`members` and `clusterId` say what the running cluster says."""
    for name, row in client.members().items():
        told = outputs["members"][name]
        assert (told["id"], told["peerUrl"], told["clientUrl"]) == (row[0], row[3], row[4])
        assert told["etcdVersion"] == wanted.etcd
        assert told["certificateExpiry"].startswith("20")
    status = client.run("endpoint", "status", "-w", "fields").stdout
    assert f'"ClusterID" : {int(outputs["clusterId"], 16)}' in status


@pytest.mark.parametrize("port", [2379, 2380])
@pytest.mark.parametrize("name", NAMES)
def test_a_client_without_a_certificate_is_refused(
    hosts: Lab, outputs: dict[str, Any], name: str, port: int
) -> None:
    """Neither clients nor peers get in without a certificate."""
    context = ssl.create_default_context(cadata=outputs["caCertificate"])
    assert refused(context, hosts.address(name), port)


@pytest.mark.parametrize("port", [2379, 2380])
@pytest.mark.parametrize("name", NAMES)
def test_a_client_of_another_ca_is_refused(
    hosts: Lab, outputs: dict[str, Any], tmp_path: Path, name: str, port: int
) -> None:
    """A certificate that another CA signed is as good as none."""
    pem = tmp_path / "stranger.pem"
    subprocess.run(
        shlex.split(
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
            "-subj /CN=kube-apiserver-etcd-client -addext extendedKeyUsage=clientAuth "
            f"-keyout {pem} -out {pem}.crt"
        ),
        check=True,
        capture_output=True,
    )
    context = ssl.create_default_context(cadata=outputs["caCertificate"])
    context.load_cert_chain(f"{pem}.crt", pem)
    assert refused(context, hosts.address(name), port)


def test_the_right_certificate_is_let_in(
    hosts: Lab, outputs: dict[str, Any], tmp_path: Path
) -> None:
    """The refusals above are of certificates: with the outputs' one, the same call gets in."""
    pem = tmp_path / "client.pem"
    pem.touch(mode=0o600)
    pem.write_text(outputs["clientCertificate"] + outputs["clientKey"])
    context = ssl.create_default_context(cadata=outputs["caCertificate"])
    context.load_cert_chain(pem)
    assert not refused(context, hosts.address("etcd01"), 2379)


@pytest.mark.parametrize("name", NAMES)
def test_no_host_holds_a_ca_key_and_keys_are_roots_own(
    hosts: Lab, formed: Stack, name: str
) -> None:
    """Private keys are 0600 root, and the CA's key is nowhere. (More: test_audit.)"""
    keys = hosts.ssh(name, "stat -c '%a %U:%G %n' /etc/kubernetes/pki/etcd/*.key").stdout
    assert {line.split()[-1].rpartition("/")[2] for line in keys.splitlines()} == {
        "server.key",
        "peer.key",
        "healthcheck-client.key",
    }
    assert all(line.startswith("600 root:root ") for line in keys.splitlines())
    for folder in ("/etc/kubernetes/pki/etcd", "/etc/kubernetes/manifests"):
        assert hosts.ssh(name, f"stat -c '%a %U:%G' {folder}").stdout.strip() == "700 root:root"
    manifest = hosts.ssh(name, "stat -c '%a %U' /etc/kubernetes/manifests/etcd.yaml").stdout
    assert manifest.strip() == "600 root"
    line = formed.private_keys()["etcd-ca-key"].splitlines()[1]
    places = "/etc /var /root /home /run /usr/local /tmp"
    found = hosts.ssh(name, f"grep -rlsF -- '{line}' {places} | grep -v ^/run/log || true")
    assert found.stdout == ""


def test_the_real_kubeadm_accepts_the_external_snippet(
    outputs: dict[str, Any], tmp_path: Path, wanted: Wanted
) -> None:
    """`kubeadm config validate` takes `kubeadmExternalEtcd` as it is.

    1.27 has no such command; there `config migrate` reads and checks it.
    """
    path = tmp_path / "kubeadm.yaml"
    path.write_text(outputs["kubeadmExternalEtcd"])
    kubeadm = builds.kubernetes(wanted.kubernetes) / "kubeadm"
    old = wanted.kubernetes.startswith("1.27.")
    check = ["migrate", "--old-config"] if old else ["validate", "--config"]
    done = subprocess.run(
        [kubeadm, "config", *check, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(path.read_text())["etcd"]["external"]["endpoints"]


def test_a_second_up_changes_and_restarts_nothing(hosts: Lab, formed: Stack) -> None:
    """All resources are unchanged; start times and file times are the same."""
    before = last_changes(hosts)
    text = formed.up()
    assert re.search(r"\n    \d+ unchanged\n", text)
    assert not re.search(r"\d+ (created|updated|replaced|deleted)", text)
    assert last_changes(hosts) == before


def test_a_preview_right_after_is_empty(formed: Stack) -> None:
    """Nothing to do is shown as nothing to do."""
    formed.pulumi("preview", "--expect-no-changes")


def test_a_preview_of_a_new_quota_names_key_and_values_and_touches_no_host(
    hosts: Lab, formed: Stack
) -> None:
    """The change review: `quota-backend-bytes`, what it is, what it would be."""
    before = last_changes(hosts)
    with configured(formed, etcd={"quotaBackendBytes": 4294967296}):
        text = formed.preview()
    changed = [line.strip() for line in text.splitlines() if "quota-backend-bytes" in line]
    assert len(changed) == len(NAMES)
    assert all('"2147483648" => "4294967296"' in line for line in changed)
    assert last_changes(hosts) == before


def test_the_cluster_comes_back_by_itself_when_all_hosts_reboot_at_once(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """Nobody helps: units are enabled, and what was set for this boot is set for the next."""
    client.run("put", "/e2e/before-the-reboot", "yes")
    reboot_all(hosts)
    assert client.all_healthy()
    assert client.run("get", "/e2e/before-the-reboot", "--print-value-only").stdout == "yes\n"
    for name in NAMES:
        settled(hosts, name)
    formed.pulumi("preview", "--expect-no-changes")
