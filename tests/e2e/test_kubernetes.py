"""A person runs the example on an etcd stack: Kubernetes stands, also while etcd hosts fall."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, powered_off, started, wait_until
from tests.support.kubernetes import (
    MASTER,
    ControlPlane,
    KubernetesStack,
    Writer,
    beside_a_control_plane,
)

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(900)]

PKI = "/etc/kubernetes/pki"


@pytest.fixture(scope="module", params=["debian", pytest.param("el", marks=pytest.mark.long)])
def system(request: pytest.FixtureRequest) -> System:
    """Today's versions with containerd, and the manual procedure's with CRI-O."""
    found: System = request.param
    return found


@pytest.fixture(scope="module")
def hosts(lab: Lab, system: System) -> Iterator[Lab]:
    """Three bare hosts for etcd and one for the control plane, made anew."""
    yield from beside_a_control_plane(lab, system)


@pytest.fixture(scope="module")
def kubernetes(formed: Stack, tmp_path_factory: pytest.TempPathFactory) -> KubernetesStack:
    """The example's stack, up on the etcd stack."""
    stack = KubernetesStack(tmp_path_factory.mktemp("kubernetes"), formed)
    stack.up()
    return stack


@pytest.fixture(scope="module")
def api(kubernetes: KubernetesStack, tmp_path_factory: pytest.TempPathFactory) -> ControlPlane:
    """A client with the output `kubeconfig`."""
    return client_of(kubernetes, tmp_path_factory.mktemp("api"))


def client_of(kubernetes: KubernetesStack, folder: Path) -> ControlPlane:
    """A client with the kubeconfig that the stack has now."""
    return ControlPlane(folder, kubernetes.outputs()["kubeconfig"])


def report(capsys: pytest.CaptureFixture[str], what: str, writer: Writer) -> None:
    """Say what it cost the writer, also where all is well."""
    with capsys.disabled():
        print(
            f"\n{what}: longest time without an acknowledged write {writer.longest_gap:.2f} s; "
            f"{len(writer.acknowledged)} acknowledged, {len(writer.failed)} failed"
        )


def fingerprint(hosts: Lab, path: str) -> str:
    """Digest of a file on the control plane's host."""
    return hosts.ssh(MASTER, f"sha256sum <{path}").stdout


def api_server(hosts: Lab) -> str:
    """The running API server: its process id and when it started."""
    return hosts.ssh(MASTER, started("kube-apiserver")).stdout


def test_the_api_server_is_ready_with_its_etcd_checks(api: ControlPlane) -> None:
    """`/readyz?verbose` is ok, and says so of etcd."""
    told = api.kubectl("get", "--raw=/readyz?verbose")
    assert told.rstrip().endswith("readyz check passed")
    assert "[+]etcd ok" in told
    assert "[+]etcd-readiness ok" in told


def test_what_kubectl_makes_is_in_etcd(api: ControlPlane, client: Client) -> None:
    """Namespaces and config maps are keys under /registry, by the etcd stack's outputs."""
    api.kubectl("create", "namespace", "seen")
    api.kubectl("create", "configmap", "seen-too", "--namespace=seen", "--from-literal=a=b")
    keys = client.run("get", "/registry/", "--prefix", "--keys-only").stdout.split()
    assert "/registry/namespaces/seen" in keys
    assert "/registry/configmaps/seen/seen-too" in keys


def test_previews_of_both_stacks_are_empty(formed: Stack, kubernetes: KubernetesStack) -> None:
    """Nothing to do is shown as nothing to do."""
    formed.pulumi("preview", "--expect-no-changes")
    kubernetes.pulumi("preview", "--expect-no-changes")


def test_a_second_up_touches_nothing(hosts: Lab, kubernetes: KubernetesStack) -> None:
    """The API server runs on, and no resource is reported as changed."""
    before = api_server(hosts)
    text = kubernetes.up()
    assert not re.search(r"\d+ (created|updated|replaced|deleted)", text)
    assert api_server(hosts) == before


def test_files_are_where_the_manual_procedure_has_them(
    hosts: Lab, kubernetes: KubernetesStack
) -> None:
    """Private files are root's alone, and the key is there once."""
    told = hosts.ssh(
        MASTER,
        "stat -c '%a %U %n' /root/etcd-ca /root/kubeadm-config.yaml "
        f"{PKI}/apiserver-etcd-client.key; readlink -f /root/etcd-ca/*",
    ).stdout.splitlines()
    assert told == [
        "700 root /root/etcd-ca",
        "600 root /root/kubeadm-config.yaml",
        f"600 root {PKI}/apiserver-etcd-client.key",
        f"{PKI}/apiserver-etcd-client.crt",
        f"{PKI}/apiserver-etcd-client.key",
        f"{PKI}/etcd/ca.crt",
    ]


def test_join_tokens_and_keys_are_not_in_the_state(
    hosts: Lab, kubernetes: KubernetesStack, api: ControlPlane
) -> None:
    """What kubeadm init printed is nowhere; the kubeconfig is encrypted."""
    secrets = api.kubectl("get", "secrets", "--namespace=kube-system", "-o", "name")
    tokens = re.findall(r"bootstrap-token-(\w{6})", secrets)
    assert tokens
    state = "".join(str(each) for each in kubernetes.resources())
    assert not [token for token in tokens if token in state]
    assert "kubeadm join" not in state
    stored = kubernetes.state_file.read_text()
    assert "client-key-data" in state
    assert "client-key-data" not in stored


@pytest.mark.parametrize(
    "name", [NAMES[0], *(pytest.param(name, marks=pytest.mark.long) for name in NAMES[1:])]
)
def test_writes_go_on_when_an_etcd_host_is_killed(
    hosts: Lab,
    api: ControlPlane,
    client: Client,
    name: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """No acknowledged write is lost; the host comes back, and all three are healthy."""
    namespace = f"killed-{name}"
    api.kubectl("create", "namespace", namespace)
    with Writer(api, namespace) as writer:
        writer.wait_for_more(5)
        with powered_off(hosts, name):
            writer.wait_for_more(30)
        assert client.all_healthy(90)
        writer.wait_for_more(5)
    report(capsys, f"{name} killed", writer)
    assert writer.longest_gap < 15
    assert writer.lost() == []


@pytest.mark.long
def test_writes_go_on_when_an_etcd_host_falls_silent(
    hosts: Lab, api: ControlPlane, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """A power cut, where nothing tells the API server that its connections are dead."""
    api.kubectl("create", "namespace", "silent")
    with Writer(api, "silent") as writer:
        writer.wait_for_more(5)
        hosts.cut(NAMES[0])
        with powered_off(hosts, NAMES[0]):
            writer.wait_for_more(150)
        assert client.all_healthy(90)
        writer.wait_for_more(5)
    report(capsys, f"{NAMES[0]} silent", writer)
    assert writer.longest_gap < 45
    assert writer.lost() == []


@pytest.mark.long
def test_a_reissued_certificate_arrives(
    hosts: Lab, formed: Stack, kubernetes: KubernetesStack, api: ControlPlane, client: Client
) -> None:
    """The next `up` of this stack brings it; the API server uses it without a restart."""
    file = f"{PKI}/apiserver-etcd-client.crt"
    before = fingerprint(hosts, file), api_server(hosts)
    formed.config["certificates"] = {"validityDays": 200}
    formed.up()
    assert "kubernetes-master01-client" in kubernetes.preview()
    kubernetes.up()
    assert fingerprint(hosts, file) != before[0]
    # It is read for each new connection: while it is not there, none comes about.
    hosts.ssh(MASTER, f"mv {file} {file}.away")
    for name in NAMES:
        hosts.ssh(name, "kill $(pgrep -x etcd)")
    assert client.all_healthy(90)
    wait_until(lambda: not api.ready())
    hosts.ssh(MASTER, f"mv {file}.away {file}")
    wait_until(api.ready)
    assert api_server(hosts) == before[1]
    formed.pulumi("preview", "--expect-no-changes")
    kubernetes.pulumi("preview", "--expect-no-changes")


def test_another_name_comes_into_the_certificate(
    hosts: Lab, kubernetes: KubernetesStack, api: ControlPlane
) -> None:
    """A changed configuration is shown key by key, and brought to a control plane that runs."""
    kubernetes.config["certSANs"] = ["api.example.com"]
    assert '"api.example.com"' in kubernetes.preview()
    kubernetes.up()
    pem = hosts.ssh(MASTER, f"cat {PKI}/apiserver.crt").stdout
    names = x509.load_pem_x509_certificate(pem.encode()).extensions
    value = names.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "api.example.com" in value.get_values_for_type(x509.DNSName)
    assert "[+]etcd ok" in api.kubectl("get", "--raw=/readyz?verbose")
    kubernetes.pulumi("preview", "--expect-no-changes")


def test_a_network_that_cannot_change_is_refused(
    kubernetes: KubernetesStack, api: ControlPlane
) -> None:
    """With what it is and what was asked for, and nothing is touched."""
    with configured(kubernetes, podSubnet="10.1.0.0/16"):
        result = kubernetes.pulumi("up", "--yes", "--skip-preview", check=False)
    assert result.status != 0
    assert "podSubnet: cannot change from '10.244.0.0/16' to '10.1.0.0/16'" in result.text
    kubernetes.up()


def test_destroy_ends_the_control_plane_and_nothing_else(
    hosts: Lab, kubernetes: KubernetesStack, client: Client
) -> None:
    """kubeadm reset; what this stack wrote on the host is gone, the etcd cluster runs on."""
    kubernetes.destroy()
    left = hosts.ssh(
        MASTER,
        f"pgrep -x kube-apiserver; ls {PKI}/apiserver-etcd-client.* /root/etcd-ca "
        "/root/kubeadm-config.yaml /usr/local/sbin/etcd-host "
        "/usr/local/sbin/kubernetes-control-plane 2>/dev/null; true",
    )
    assert left.stdout == ""
    assert client.healthy() == len(NAMES)


@pytest.mark.parametrize(
    "reached",
    [
        pytest.param(f"{PKI}/sa.key", marks=pytest.mark.long),
        "/etc/kubernetes/manifests/kube-apiserver.yaml",
    ],
)
def test_an_init_that_was_killed_is_finished_by_the_next_up(
    hosts: Lab, kubernetes: KubernetesStack, tmp_path: Path, reached: str
) -> None:
    """The host loses its power in the middle of kubeadm init, early or late."""
    kubernetes.destroy()
    running = kubernetes.start("up", "--yes", "--skip-preview")
    hosts.ssh(MASTER, f"until test -s {reached}; do sleep 0.02; done", timeout=300)
    hosts.kill(MASTER)
    text, _ = running.communicate(timeout=300)
    assert running.returncode != 0, text
    hosts.start(MASTER)
    assert "an earlier kubeadm init was not finished" in kubernetes.up()
    api = client_of(kubernetes, tmp_path)
    assert "[+]etcd ok" in api.kubectl("get", "--raw=/readyz?verbose")
    kubernetes.pulumi("preview", "--expect-no-changes")


def test_a_host_made_anew_is_drift(hosts: Lab, kubernetes: KubernetesStack, tmp_path: Path) -> None:
    """It is seen in the preview, and the next `up` brings the control plane up again."""
    hosts.reset([MASTER])
    assert "host not configured yet" in kubernetes.preview()
    kubernetes.up()
    api = client_of(kubernetes, tmp_path)
    assert "[+]etcd ok" in api.kubectl("get", "--raw=/readyz?verbose")
