"""A person runs the example on an etcd stack: Kubernetes stands, also while etcd hosts fall."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from lab.lab import Lab
from lab.stack import Stack, System
from tests.e2e.conftest import NAMES
from tests.support.etcd import Client
from tests.support.kubernetes import MASTER, ControlPlane, KubernetesStack, Writer
from tests.support.terminal import one_error

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(900)]

PKI = "/etc/kubernetes/pki"


@pytest.fixture(scope="module", params=["debian", "el"])
def system(request: pytest.FixtureRequest) -> System:
    """Today's versions with containerd, and the manual procedure's with CRI-O."""
    found: System = request.param
    return found


@pytest.fixture(scope="module")
def hosts(lab: Lab, system: System) -> Iterator[Lab]:
    """Three bare hosts for etcd and one for the control plane, made anew."""
    lab.up((*NAMES, MASTER), image=system, control_plane=True, fresh=True)
    yield lab
    lab.down()


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


def wait_until(met: Callable[[], bool], seconds: float = 90) -> None:
    """Until it is so; fails when the time is over."""
    deadline = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def wait_until_healthy(client: Client) -> None:
    """Until all members answer through their quorum."""
    wait_until(lambda: client.healthy() == len(NAMES))


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
    return hosts.ssh(MASTER, "ps -o pid=,lstart= -p $(pgrep -x kube-apiserver)").stdout


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


@pytest.mark.parametrize("name", NAMES)
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
        time.sleep(2)
        hosts.kill(name)
        time.sleep(15)
        written = len(writer.acknowledged)
        hosts.start(name)
        wait_until_healthy(client)
        time.sleep(2)
    report(capsys, f"{name} killed", writer)
    assert written > 30
    assert writer.longest_gap < 15
    assert writer.lost() == []


def test_writes_go_on_when_an_etcd_host_falls_silent(
    hosts: Lab, api: ControlPlane, client: Client, capsys: pytest.CaptureFixture[str]
) -> None:
    """A power cut, where nothing tells the API server that its connections are dead."""
    api.kubectl("create", "namespace", "silent")
    with Writer(api, "silent") as writer:
        time.sleep(2)
        hosts.cut(NAMES[0])
        hosts.kill(NAMES[0])
        time.sleep(60)
        hosts.start(NAMES[0])
        wait_until_healthy(client)
        time.sleep(2)
    report(capsys, f"{NAMES[0]} silent", writer)
    assert writer.longest_gap < 45
    assert writer.lost() == []


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
    wait_until_healthy(client)
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
    assert "api.example.com" in subject_names(pem)
    assert "[+]etcd ok" in api.kubectl("get", "--raw=/readyz?verbose")
    kubernetes.pulumi("preview", "--expect-no-changes")


def subject_names(pem: str) -> list[str]:
    """The DNS names of a certificate."""
    from cryptography import x509

    found = x509.load_pem_x509_certificate(pem.encode())
    names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def test_a_network_that_cannot_change_is_refused(
    kubernetes: KubernetesStack, api: ControlPlane
) -> None:
    """With what it is and what was asked for, and nothing is touched."""
    kubernetes.config["podSubnet"] = "10.1.0.0/16"
    result = kubernetes.pulumi("up", "--yes", "--skip-preview", check=False)
    del kubernetes.config["podSubnet"]
    assert result.status != 0
    assert "podSubnet: cannot change from «10.244.0.0/16» to «10.1.0.0/16»" in result.text
    kubernetes.up()


@pytest.fixture
def other(kubernetes: KubernetesStack) -> Iterator[KubernetesStack]:
    """The stack, to be given another configuration for one test."""
    before = dict(kubernetes.config)
    yield kubernetes
    kubernetes.config = before


def test_a_stack_that_is_not_there_is_one_error(other: KubernetesStack) -> None:
    """It says which name was given, and where names are shown."""
    other.config["etcdStack"] = "organization/etcd-cluster/nosuch"
    error = one_error(other.pulumi("preview", check=False))
    assert "there is no stack 'organization/etcd-cluster/nosuch'" in error
    assert "pulumi stack ls --all" in error


def test_a_stack_without_the_outputs_is_one_error(other: KubernetesStack) -> None:
    """As the etcd stack's before its first `up`; here another project's, this stack itself."""
    other.config["etcdStack"] = "organization/kubernetes/lab"
    error = one_error(other.pulumi("preview", check=False))
    assert "has no output caCertificate, clientCertificate" in error
    assert "run `pulumi up` of the etcd cluster" in error


def test_a_name_without_its_project_is_one_error(other: KubernetesStack) -> None:
    """A short name means nothing to a reader."""
    other.config["etcdStack"] = "dev"
    error = one_error(other.pulumi("preview", check=False))
    assert "etcdStack: 'dev' is no full stack name; give organization/project/stack" in error


def test_a_passphrase_that_is_not_set_is_one_error(kubernetes: KubernetesStack) -> None:
    """Pulumi's own, before it runs anything."""
    text = without_passphrase(kubernetes)
    assert text.count("error:") == 1
    assert "passphrase must be set with PULUMI_CONFIG_PASSPHRASE" in text


def without_passphrase(kubernetes: KubernetesStack) -> str:
    """What a preview says with no passphrase in its environment."""
    import subprocess

    call = kubernetes.invocation("preview")
    env = {key: value for key, value in call.env.items() if "PASSPHRASE" not in key}
    done = subprocess.run(
        call.command,
        cwd=call.cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    return done.stdout + done.stderr


def test_another_passphrase_than_the_etcd_stacks_is_one_error(
    kubernetes: KubernetesStack, formed: Stack, tmp_path: Path
) -> None:
    """The engine leaves out what it cannot decrypt; that must not arrive as a key."""
    stranger = KubernetesStack(tmp_path, formed)
    stranger.passphrase = "another"
    (tmp_path / "Pulumi.stranger.yaml").write_text(
        yaml.safe_dump({"config": {f"kubernetes:{k}": v for k, v in stranger.config.items()}})
    )
    result = stranger.pulumi("preview", "--stack", "stranger", check=False)
    error = one_error(result)
    assert "cannot be opened with this passphrase" in error
    assert "set PULUMI_CONFIG_PASSPHRASE to that stack's" in error


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
    "reached", [f"{PKI}/sa.key", "/etc/kubernetes/manifests/kube-apiserver.yaml"]
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
    assert "nothing was done there yet" in kubernetes.preview()
    kubernetes.up()
    api = client_of(kubernetes, tmp_path)
    assert "[+]etcd ok" in api.kubectl("get", "--raw=/readyz?verbose")
