"""A person runs `pulumi up` on three fresh hosts, looks at what is there, and runs it again."""

from __future__ import annotations

import re
import shlex
import socket
import ssl
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab import builds
from lab.hosts import Lab
from tests.e2e.conftest import NAMES
from tests.support.etcd import Client
from tests.support.stack import Stack


def started(lab: Lab) -> dict[str, str]:
    """When kubelet, runtime and etcd of each host started, and when its files last changed."""
    command = (
        "systemctl show -p ExecMainStartTimestampMonotonic --value kubelet containerd; "
        "ps -o lstart= -p $(pgrep -x etcd); "
        "stat -c '%n %Y %Z' /etc/kubernetes/manifests/* /etc/kubernetes/pki/etcd/* "
        "/var/lib/kubelet/etcd-service-manager.yaml /usr/local/sbin/etcd-host"
    )
    return {name: lab.ssh(name, command).stdout for name in NAMES}


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


def test_outputs_name_each_member_as_etcd_does(outputs: dict[str, Any], client: Client) -> None:
    """`members` and `clusterId` say what the running cluster says."""
    for name, row in client.members().items():
        told = outputs["members"][name]
        assert (told["id"], told["peerUrl"], told["clientUrl"]) == (row[0], row[3], row[4])
        assert told["etcdVersion"] == "3.6.6"
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


def refused(context: ssl.SSLContext, address: str, port: int) -> bool:
    """Whether the server ends the connection for its certificate, before it answers anything.

    With TLS 1.3 the server's refusal arrives with the first read, after the handshake.
    """
    with socket.create_connection((address, port), timeout=5) as plain:
        try:
            with context.wrap_socket(plain, server_hostname=address) as tls:
                tls.sendall(b"GET /version HTTP/1.1\r\nHost: etcd\r\n\r\n")
                return not tls.recv(100)
        except (ssl.SSLError, ConnectionResetError) as error:
            # Not because this client does not trust the server.
            return "certificate verify failed" not in str(error)


@pytest.mark.parametrize("name", NAMES)
def test_no_host_holds_a_ca_key_and_keys_are_roots_own(
    hosts: Lab, formed: Stack, name: str
) -> None:
    """Private keys are 0600 root, the data is 0700, and the CA's key is nowhere."""
    keys = hosts.ssh(name, "stat -c '%a %U:%G %n' /etc/kubernetes/pki/etcd/*.key").stdout
    assert {line.split()[-1].rpartition("/")[2] for line in keys.splitlines()} == {
        "server.key",
        "peer.key",
        "healthcheck-client.key",
    }
    assert all(line.startswith("600 root:root ") for line in keys.splitlines())
    for folder in ("/var/lib/etcd", "/etc/kubernetes/pki/etcd", "/etc/kubernetes/manifests"):
        assert hosts.ssh(name, f"stat -c '%a %U:%G' {folder}").stdout.strip() == "700 root:root"
    manifest = hosts.ssh(name, "stat -c '%a %U' /etc/kubernetes/manifests/etcd.yaml").stdout
    assert manifest.strip() == "600 root"
    line = formed.private_keys()["etcd-ca-key"].splitlines()[1]
    places = "/etc /var /root /home /run /usr/local /tmp"
    found = hosts.ssh(name, f"grep -rlsF -- '{line}' {places} | grep -v ^/run/log || true")
    assert found.stdout == ""


def test_the_real_kubeadm_accepts_the_external_snippet(
    outputs: dict[str, Any], tmp_path: Path
) -> None:
    """`kubeadm config validate` takes `kubeadmExternalEtcd` as it is."""
    path = tmp_path / "kubeadm.yaml"
    path.write_text(outputs["kubeadmExternalEtcd"])
    kubeadm = builds.kubernetes() / "kubeadm"
    done = subprocess.run(
        [kubeadm, "config", "validate", "--config", path], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(path.read_text())["etcd"]["external"]["endpoints"]


def test_a_second_up_changes_and_restarts_nothing(hosts: Lab, formed: Stack) -> None:
    """All resources are unchanged; start times and file times are the same."""
    before = started(hosts)
    text = formed.up()
    assert re.search(r"\n    \d+ unchanged\n", text)
    assert not re.search(r"\d+ (created|updated|replaced|deleted)", text)
    assert started(hosts) == before


def test_a_preview_right_after_is_empty(formed: Stack) -> None:
    """Nothing to do is shown as nothing to do."""
    formed.pulumi("preview", "--expect-no-changes")


def test_a_preview_of_a_new_quota_names_key_and_values_and_touches_no_host(
    hosts: Lab, formed: Stack
) -> None:
    """The change review: `quota-backend-bytes`, what it is, what it would be."""
    before = started(hosts)
    formed.config["etcd"] = {"quotaBackendBytes": 4294967296}
    text = formed.preview()
    del formed.config["etcd"]
    changed = [line.strip() for line in text.splitlines() if "quota-backend-bytes" in line]
    assert len(changed) == len(NAMES)
    assert all('"2147483648" => "4294967296"' in line for line in changed)
    assert started(hosts) == before
