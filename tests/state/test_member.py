"""Desired state as text."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from etcd_cluster.config.settings import Settings
from etcd_cluster.state import host as state_host
from etcd_cluster.state import member as state_member
from etcd_cluster.state.kubernetes import external_etcd
from etcd_cluster.state.text import flat_yaml
from tests.support.samples import members, settings

TOKEN = "0f" * 16


def of_ipv6() -> Settings:
    """Three members with IPv6 addresses."""
    return settings(
        members=[{"name": f"etcd0{n}", "address": f"2001:db8::{n}"} for n in range(1, 4)]
    )


def state(wanted: Settings, index: int = 0) -> dict[str, str]:
    """What one member is told."""
    return state_member.member_state(wanted, wanted.members[index], TOKEN)


# Each is something else than a string to YAML, or is special in it.
TRICKY = [
    "yes",
    "null",
    "~",
    "1.10",
    "0x10",
    "1_000",
    "2026-01-01",
    "12:30:45",
    "key: value",
    "#comment",
    "value #not a comment",
    "- item",
    "[a, b]",
    "{a: b}",
    "*anchor",
    "&anchor",
    "!tag",
    "%directive",
    "@at",
    "a,b=c",
    "https://[2001:db8::1]:2379",
    "two  blanks",
    "=",
    "x" * 10_000,
    "many words " * 50 + "end",
]


@pytest.mark.parametrize("value", TRICKY, ids=lambda value: value[:20])
def test_yaml_reads_the_same_string_back_when_it_is_tricky(value: str) -> None:
    """Pulumi diffs stdin as YAML: a number or a date there would compare as something else."""
    assert yaml.safe_load(flat_yaml({"key": value})) == {"key": value}


@pytest.mark.parametrize("value", TRICKY, ids=lambda value: value[:20])
def test_a_shell_reads_the_same_string_back_when_it_is_tricky(value: str) -> None:
    """One line, at most one pair of quotes around it, nothing escaped inside."""
    (line,) = flat_yaml({"key": value}).splitlines()
    read = line.removeprefix("key: ")
    if read[0] == read[-1] and read[0] in "'\"" and len(read) > 1:
        read = read[1:-1]
    assert read == value


def test_order_is_kept_when_state_is_written() -> None:
    """What belongs together stands together in a preview."""
    assert flat_yaml({"b": "1x", "a": "2x"}) == "b: 1x\na: 2x\n"


@pytest.mark.parametrize(
    "value",
    [
        "",
        " hunter2",
        "hunter2 ",
        "hunter2's",
        'say "hunter2"',
        "\\hunter2",
        "hunter2\n",
        "a\rhunter2",
    ],
)
def test_value_is_refused_when_a_shell_could_not_read_it(value: str) -> None:
    """The fault names the key, not the value: it may be a secret."""
    with pytest.raises(ValueError, match="wrong-key") as caught:
        flat_yaml({"good": "x", "wrong-key": value})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("cluster", "etcd"),
        ("token", TOKEN),
        ("member", "etcd01"),
        ("advertise-address", "10.107.88.15"),
        ("kubernetes-version", "v1.35.4"),
        ("kubeadm-api", "v1beta4"),
        ("image-repository", "registry.k8s.io"),
        ("cri-socket", "unix:///run/containerd/containerd.sock"),
        ("arg.name", "etcd01"),
        ("arg.listen-client-urls", "https://127.0.0.1:2379,https://10.107.88.15:2379"),
        ("arg.advertise-client-urls", "https://10.107.88.15:2379"),
        ("arg.listen-peer-urls", "https://10.107.88.15:2380"),
        ("arg.initial-advertise-peer-urls", "https://10.107.88.15:2380"),
        ("arg.quota-backend-bytes", str(2 * 1024**3)),
        ("arg.heartbeat-interval", "100"),
        ("arg.election-timeout", "1000"),
        (
            "initial-cluster",
            "etcd01=https://10.107.88.15:2380,etcd02=https://10.107.88.16:2380,"
            "etcd03=https://10.107.88.17:2380",
        ),
        (
            "endpoints",
            "https://10.107.88.15:2379,https://10.107.88.16:2379,https://10.107.88.17:2379",
        ),
    ],
)
def test_member_is_told_its_own_addresses_when_they_are_ipv4(key: str, expected: str) -> None:
    """Peers on the host's address, clients also on loopback, TLS everywhere."""
    assert state(settings())[key] == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("advertise-address", "2001:db8::1"),
        ("arg.listen-client-urls", "https://127.0.0.1:2379,https://[2001:db8::1]:2379"),
        ("arg.advertise-client-urls", "https://[2001:db8::1]:2379"),
        ("arg.initial-advertise-peer-urls", "https://[2001:db8::1]:2380"),
        (
            "initial-cluster",
            "etcd01=https://[2001:db8::1]:2380,etcd02=https://[2001:db8::2]:2380,"
            "etcd03=https://[2001:db8::3]:2380",
        ),
    ],
)
def test_urls_have_brackets_when_addresses_are_ipv6(key: str, expected: str) -> None:
    """The address alone has none."""
    assert state(of_ipv6())[key] == expected


@pytest.mark.parametrize("wanted", [settings(), of_ipv6()], ids=["IPv4", "IPv6"])
def test_state_can_be_written_when_it_is_a_member_s(wanted: Settings) -> None:
    """And comes back whole."""
    written = state(wanted)
    assert yaml.safe_load(flat_yaml(written)) == written


def test_extra_argument_is_told_when_configured() -> None:
    """As any other flag."""
    wanted = settings(etcd={"extraArgs": {"snapshot-count": "5000"}})
    assert state(wanted)["arg.snapshot-count"] == "5000"


@pytest.mark.parametrize(
    ("key", "flag"),
    [
        ("quotaBackendBytes", "quota-backend-bytes"),
        ("heartbeatIntervalMilliseconds", "heartbeat-interval"),
        ("electionTimeoutMilliseconds", "election-timeout"),
    ],
)
def test_flag_is_the_configured_one_when_it_is_not_the_default(key: str, flag: str) -> None:
    """Each setting of etcd's has its flag."""
    values = {
        "quotaBackendBytes": 123_456_789,
        "heartbeatIntervalMilliseconds": 250,
        "electionTimeoutMilliseconds": 2500,
    }
    assert state(settings(etcd=values))[f"arg.{flag}"] == str(values[key])


def test_flags_are_sorted_when_state_is_made() -> None:
    """The order of the configuration is no difference."""
    flags = [key for key in state(settings()) if key.startswith("arg.")]
    assert flags == sorted(flags)


@pytest.mark.parametrize("key", ["initial-cluster", "endpoints"])
def test_member_is_told_the_same_when_the_configuration_is_in_another_order(key: str) -> None:
    """Moving a line in the configuration restarts nobody."""
    turned = settings(members=members()[::-1])
    assert state(turned, 2)[key] == state(settings(), 0)[key]


def test_initial_cluster_names_every_member_when_there_are_five() -> None:
    """Each once."""
    parts = state_member.initial_cluster(settings(members=members(5))).split(",")
    assert [part.partition("=")[0] for part in parts] == [f"etcd0{n}" for n in range(1, 6)]


def test_endpoints_follow_the_configuration_when_exported() -> None:
    """The order that somebody wrote down is the order that they read."""
    turned = settings(members=members()[::-1])
    assert state_member.endpoints(turned) == [
        "https://10.107.88.17:2379",
        "https://10.107.88.16:2379",
        "https://10.107.88.15:2379",
    ]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"kubernetesVersion": "1.30.1"}, "unknown"),
        ({"kubernetesVersion": "1.30.1", "allowCgroupV1": "true"}, "unknown"),
        ({"kubernetesVersion": "1.31.1"}, "refused"),
        ({"kubernetesVersion": "1.31.1", "allowCgroupV1": "true"}, "allowed"),
    ],
)
def test_host_is_told_of_cgroup_v1_when_its_kubelet_knows_the_field(
    changes: dict[str, Any], expected: str
) -> None:
    """failCgroupV1 came with 1.31; an older kubelet does not start with it."""
    wanted = settings(**changes)
    assert state_host.host_state(wanted, wanted.members[0])["cgroup-v1"] == expected


@pytest.mark.parametrize(
    ("runtime", "socket", "unit"),
    [
        ("containerd", "/run/containerd/containerd.sock", "containerd"),
        ("crio", "/var/run/crio/crio.sock", "crio"),
    ],
)
def test_host_is_told_socket_and_unit_when_the_runtime_is_chosen(
    runtime: str, socket: str, unit: str
) -> None:
    """Both runtimes at their usual places."""
    wanted = settings(containerRuntime=runtime)
    told = state_host.host_state(wanted, wanted.members[0])
    assert (told["runtime-socket"], told["runtime-unit"]) == (socket, unit)


def test_gate_is_told_when_each_step_last_changed() -> None:
    """Without it, `wait-healthy` would not run again after a change."""
    wanted = settings()
    after = {"pki": "6", "member": "7"}
    told = state_member.wait_healthy_state(wanted, wanted.members[0], after)
    assert told["after"] == "member=7 pki=6"


@pytest.mark.parametrize(
    ("version", "api"), [("1.30.1", "kubeadm.k8s.io/v1beta3"), ("1.31.0", "kubeadm.k8s.io/v1beta4")]
)
def test_external_etcd_has_the_version_s_api_when_rendered(version: str, api: str) -> None:
    """The kubeadm that reads it is of the same version."""
    document = yaml.safe_load(external_etcd(settings(kubernetesVersion=version), ["u"]))
    assert (document["apiVersion"], document["kind"]) == (api, "ClusterConfiguration")


def test_external_etcd_says_endpoints_and_files_when_read_back() -> None:
    """Just what kubeadm's documentation wants on a control-plane host."""
    wanted = settings()
    document = yaml.safe_load(external_etcd(wanted, state_member.endpoints(wanted)))
    assert document["kubernetesVersion"] == "v1.35.4"
    assert document["etcd"] == {
        "external": {
            "endpoints": [
                "https://10.107.88.15:2379",
                "https://10.107.88.16:2379",
                "https://10.107.88.17:2379",
            ],
            "caFile": "/etc/kubernetes/pki/etcd/ca.crt",
            "certFile": "/etc/kubernetes/pki/apiserver-etcd-client.crt",
            "keyFile": "/etc/kubernetes/pki/apiserver-etcd-client.key",
        }
    }
