"""The example: its configuration, kubeadm's, what it says of the etcd stack, its host program."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from control_plane import stack
from control_plane.component import PROGRAM
from control_plane.document import kubeadm_config
from control_plane.settings import Settings
from etcd_cluster import ConfigurationError, HostsError, Plan
from etcd_cluster.config import settings as config
from etcd_cluster.plan.decide import decide_for_hosts
from etcd_cluster.plan.probe import Observation
from lab import TREE, builds
from tests.examples.samples import EXTERNAL_ETCD, raw, settings
from tests.support.samples import ready

NAME = "organization/etcd-cluster/dev"
OUTPUTS = dict.fromkeys(stack.NEEDED, "text")


def documents(**changes: Any) -> dict[str, Any]:
    """kubeadm's documents, by kind."""
    found: dict[str, Any] = yaml.safe_load(kubeadm_config(settings(**changes), EXTERNAL_ETCD))
    return found


def test_etcd_is_taken_over_as_it_is_when_the_etcd_stack_has_another_version() -> None:
    """Of its snippet comes `etcd` alone: API and version are this stack's own."""
    cluster = documents()["ClusterConfiguration"]
    assert cluster["etcd"] == yaml.safe_load(EXTERNAL_ETCD)["etcd"]
    assert cluster["apiVersion"] == "kubeadm.k8s.io/v1beta4"
    assert cluster["kubernetesVersion"] == "v1.35.4"


def test_defaults_name_the_host_itself() -> None:
    """Its own address, at the API's port."""
    found = documents()
    assert found["ClusterConfiguration"]["controlPlaneEndpoint"] == "10.107.88.14:6443"
    init = found["InitConfiguration"]
    assert init["localAPIEndpoint"] == {"advertiseAddress": "10.107.88.14"}
    assert init["nodeRegistration"]["name"] == "master01"


def test_an_ipv6_address_stands_in_brackets() -> None:
    """As everywhere that a port follows."""
    found = documents(controlPlane={"name": "master01", "address": "fd00::14"})
    assert found["ClusterConfiguration"]["controlPlaneEndpoint"] == "[fd00::14]:6443"


@pytest.mark.parametrize(
    ("version", "dns", "fail"),
    [("1.35.4", {"disabled": True}, True), ("1.30.1", None, None), ("1.27.6", None, None)],
)
def test_what_came_with_a_version_is_written_from_it_on(
    version: str, dns: object, fail: bool | None
) -> None:
    """`dns.disabled` with v1beta4; the kubelet's failCgroupV1 with 1.31."""
    found = documents(kubernetesVersion=version, skipPhases=["addon/coredns"])
    assert found["ClusterConfiguration"].get("dns") == dns
    assert found["KubeletConfiguration"].get("failCgroupV1") == fail
    assert found["InitConfiguration"]["skipPhases"] == ["addon/coredns"]


@pytest.mark.parametrize("runtime", ["containerd", "crio"])
def test_the_runtimes_socket_is_named(runtime: str) -> None:
    """Where the host has two, kubeadm refuses to choose."""
    found = documents(containerRuntime=runtime)
    socket = found["InitConfiguration"]["nodeRegistration"]["criSocket"]
    assert socket.startswith("unix:///")
    assert runtime in socket


def test_kubeadm_takes_the_documents_that_the_host_program_unfolds(tmp_path: Path) -> None:
    """One map on the way, so that a preview compares keys; documents on the host."""
    script = PROGRAM.text
    line = next(each for each in script.splitlines() if each.strip().startswith("awk '/^[A-Z]"))
    unfold = line.strip().partition(" >")[0]
    changes = {"certSANs": ["api.example.com"], "skipPhases": ["addon/kube-proxy"]}
    text = kubeadm_config(settings(**changes), EXTERNAL_ETCD)
    done = subprocess.run(
        ["bash", "-c", unfold], input=text, capture_output=True, text=True, check=True
    )
    unfolded = list(yaml.safe_load_all(done.stdout))
    assert unfolded == list(yaml.safe_load(text).values())
    path = tmp_path / "kubeadm-config.yaml"
    path.write_text(done.stdout)
    checked = subprocess.run(
        [builds.kubernetes() / "kubeadm", "config", "validate", "--config", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr


def complaints(log: str) -> str:
    """What the host program shows of kubeadm's output."""
    functions = PROGRAM.text.rpartition('\nmain "$@"')[0]
    script = f"{functions}\ncomplaints"
    done = subprocess.run(["bash", "-c", script], input=log, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_no_token_or_key_is_shown_when_kubeadm_fails_late() -> None:
    """Its output holds them from its last phases on."""
    token, key = "abcdef.0123456789abcdef", "0f" * 32
    shown = complaints(
        f"[upload-certs] Using certificate key:\n{key}\n[bootstrap-token] Using token: {token}\n"
        f"kubeadm join 10.0.0.1:6443 --token {token} \\\n\t--certificate-key {key}\n"
        "error: error execution phase addon/coredns: no such thing\n"
    )
    assert "no such thing" in shown
    assert token not in shown
    assert key not in shown


def test_the_failed_checks_alone_are_shown_when_kubeadm_refuses() -> None:
    """Not the page of settings of the kernel that it prints with them."""
    shown = complaints(
        "CONFIG_AUFS_FS: not set\n\t[WARNING Service-kubelet]: not enabled\n"
        "\t[ERROR Swap]: swap is on\n[preflight] If you know what you are doing, …\n"
        "To see the stack trace of this error execute with --v=5 or higher\n"
    )
    assert shown.strip() == "[ERROR Swap]: swap is on"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"etcdStack": "dev"}, "etcdStack: 'dev' is invalid: expected the full name"),
        ({"etcdStack": None}, "etcdStack: required (full name of the etcd cluster's stack"),
        (
            {"podSubnet": "10.244.0.1/16"},
            "podSubnet: '10.244.0.1/16' is invalid: expected a subnet",
        ),
        (
            {"controlPlaneEndpoint": "api"},
            "controlPlaneEndpoint: 'api' is invalid: expected host:port",
        ),
        ({"controlPlane": {"name": "m"}}, "controlPlane.address: required"),
        ({"members": []}, "members: unknown key"),
    ],
)
def test_a_wrong_key_is_named_with_what_would_do(change: dict[str, Any], said: str) -> None:
    """As in the etcd stack's configuration: the same code reads both."""
    with pytest.raises(ConfigurationError) as caught:
        config.load_as(Settings, raw(**change))
    assert any(fault.startswith(said) for fault in caught.value.faults), caught.value.faults


@pytest.mark.parametrize("name", ["dev", "seed"])
def test_the_labs_own_stacks_are_sound(name: str) -> None:
    """All but what `make` writes: keys and certificates."""
    stored = yaml.safe_load((TREE / f"examples/kubernetes/Pulumi.{name}.yaml").read_text())
    given = {key.removeprefix("kubernetes:"): value for key, value in stored["config"].items()}
    if "password" in given.get("registry", {}):
        given["registry"]["password"] = "decrypted"
    assert config.load_as(Settings, raw(**given)).etcd_stack == f"organization/etcd-cluster/{name}"


def test_an_unknown_stack_is_told_with_where_names_are_shown() -> None:
    """`said` is the engine's text, as the SDK wraps it."""
    said = (
        "invoke of pulumi:pulumi:readStackOutputs failed: invocation of "
        f'pulumi:pulumi:readStackOutputs returned an error: unknown stack "{NAME}"'
    )
    assert stack.unreadable(NAME, said).startswith(f"etcdStack: there is no stack {NAME!r}")


def test_another_reason_is_passed_on() -> None:
    """Without the SDK's wrapping."""
    text = stack.unreadable(NAME, "invoke … returned an error: connection refused")
    assert text == f"etcdStack: the stack {NAME!r} cannot be read: connection refused"


def test_nothing_is_wrong_with_all_outputs() -> None:
    """The case that the others differ from."""
    assert stack.fault(NAME, OUTPUTS) == ""


def test_missing_outputs_are_named() -> None:
    """As before the etcd stack's first `up`."""
    assert "has no output clientKey; run `pulumi up`" in stack.fault(
        NAME, {key: value for key, value in OUTPUTS.items() if key != "clientKey"}
    )


def test_a_key_that_could_not_be_decrypted_is_told() -> None:
    """The engine leaves an empty map in its place."""
    text = stack.fault(NAME, OUTPUTS | {"clientKey": {}})
    assert "cannot be decrypted with this passphrase" in text


TODO = "not configured yet"
NEW = {"program": "absent", "serial": "", "drift-client": TODO, "drift-control-plane": TODO}
LEFT = {"program": PROGRAM.digest, "serial": "2", "drift-client": "", "drift-control-plane": ""}


def decide(seen: Observation, own: dict[str, str] | None = None, *, preview: bool = False) -> Plan:
    """The plan for the control plane's host, where its own program saw this."""
    if own:
        seen = replace(seen, programs={PROGRAM.name: own})
    return decide_for_hosts(
        settings(),
        {"master01": seen},
        preview=preview,
        program_digest="digest",
        programs=[PROGRAM],
    )


def test_a_host_that_is_new_is_all_to_be_done() -> None:
    """Also where the state knows it: then it was made anew."""
    plan = decide(ready(), NEW)
    for area in ("host-program", "host", PROGRAM.name, "client", "control-plane"):
        assert plan.why("master01", area).startswith("new at ")


def test_a_host_as_it_was_left_is_left_alone() -> None:
    """Its kubelet is Kubernetes' own, and no etcd is missed."""
    seen = ready(owner="kubernetes master01", serial="3", program="digest", drift_host="kubelet")
    assert not decide(seen, LEFT).drift


def test_drift_of_the_client_certificate_is_seen() -> None:
    """With what differs."""
    seen = ready(owner="kubernetes master01", serial="3", program="digest")
    drift = decide(seen, LEFT | {"drift-client": "ca.crt missing"}).drift
    assert drift == {("master01", "client"): "drift after 2: ca.crt missing"}


def test_an_unreachable_host_is_an_error_of_up_and_a_warning_of_a_preview() -> None:
    """With what to do."""
    gone = Observation(unreachable="No route to host")
    with pytest.raises(HostsError, match="unreachable: No route to host; start the host"):
        decide(gone)
    assert "unreachable" in decide(gone, preview=True).warnings[0]


def test_an_unfit_host_is_an_error() -> None:
    """Before anything is touched."""
    with pytest.raises(HostsError, match="runs cgroup v1, which kubelet"):
        decide(ready(cgroup="v1"))
