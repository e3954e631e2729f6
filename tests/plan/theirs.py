"""Hosts with a cluster that others made, as they tell of themselves."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from etcd_cluster.plan.memory import KnownAuthority, StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.cas import Made, authority, leaf
from tests.support.samples import members, ready

from .decided import CLUSTER, FORMED

IDS = {"etcd01": "a1", "etcd02": "a2", "etcd03": "a3"}
FOREIGN = "this host holds an etcd that this stack did not make (its token is not known)"
PKI = "/etc/kubernetes/pki/etcd"
CHANGES: dict[str, Any] = {
    "adopt": CLUSTER,
    "certificates": {
        "authority": {"certificateFile": "ca.crt", "privateKeyFile": "ca.key"},
        "authorities": [0],
    },
    "etcd": {"imageTag": "3.6.6-0"},
    "cgroupDriver": "systemd",
}


@cache
def ca() -> Made:
    """Theirs."""
    return authority()


def memory(**changes: Any) -> StackMemory:
    """A stack that has nothing but the CA that it was given."""
    return StackMemory(
        **{
            "stack": "organization/etcd-cluster/test",
            "authorities": {0: KnownAuthority(fingerprint=ca().fingerprint)},
            **changes,
        }
    )


def flags(host: str, address: str, **changes: str | None) -> str:
    """What its etcd was started with, as the page has it; None takes a flag out."""
    found: dict[str, str | None] = {
        "name": host,
        "data-dir": "/var/lib/etcd",
        "advertise-client-urls": f"https://{address}:2379",
        "initial-advertise-peer-urls": f"https://{address}:2380",
        "listen-client-urls": f"https://{address}:2379",
        "listen-peer-urls": f"https://{address}:2380",
        "listen-metrics-urls": "http://127.0.0.1:2381",
        "initial-cluster-state": "new",
        "cert-file": f"{PKI}/server.crt",
        "key-file": f"{PKI}/server.key",
        "trusted-ca-file": f"{PKI}/ca.crt",
        "client-cert-auth": "true",
        "peer-cert-file": f"{PKI}/peer.crt",
        "peer-key-file": f"{PKI}/peer.key",
        "peer-trusted-ca-file": f"{PKI}/ca.crt",
        "peer-client-cert-auth": "true",
        "snapshot-count": "10000",
        **{key.replace("_", "-"): value for key, value in changes.items()},
    }
    return " ".join(f"--{key}={value}" for key, value in found.items() if value is not None)


@cache
def _leaf(name: str, address: str, *further: str) -> Made:
    return leaf(ca(), [name, "localhost", address, "127.0.0.1", "::1", *further])


def rows(**changes: str) -> str:
    """The member list, as a host tells it."""
    found = {
        each["name"]: f"{IDS[each['name']]},{each['name']},https://{each['address']}:2380,"
        f"https://{each['address']}:2379,false"
        for each in members()
    }
    return " ".join(each for each in {**found, **changes}.values() if each)


def theirs(host: str, *further: str, **changes: str) -> Observation:
    """One host of that cluster, all well; with other facts, or other flags as `flag_x`."""
    address = next(each["address"] for each in members() if each["name"] == host)
    own = _leaf(host, address, *further)
    other = {k.removeprefix("flag_"): v for k, v in changes.items() if k.startswith("flag_")}
    facts = {
        "foreign": FOREIGN,
        "ports_used": "",
        "kubelet_user": "kubelet (process 100)",
        "data_free_mib": "100",
        "data": "present",
        "etcd": "running",
        "healthy": "yes",
        "trusts": ca().fingerprint,
        "etcd_version": "3.6.6",
        "cluster_version": "3.6",
        "adopt_node": "",
        "adopt_flags": flags(host, address, **other),
        "adopt_client_cas": ca().fingerprint,
        "adopt_peer_cas": ca().fingerprint,
        "adopt_image": "registry.k8s.io/etcd:3.6.6-0",
        "adopt_runtime": "unix:///run/containerd/containerd.sock",
        "adopt_cgroup_driver": "systemd",
        "adopt_ca": ca().in_one_line,
        "adopt_server": own.in_one_line,
        "adopt_peer": own.in_one_line,
        "adopt_why": "",
        "adopt_cluster": CLUSTER,
        "adopt_auth": "false",
        "adopt_id": IDS[host],
        "adopt_version": "3.6.6",
        "adopt_members": rows(),
        "adopt_serving": "a1 a2 a3",
        **{k: v for k, v in changes.items() if not k.startswith("flag_")},
    }
    return ready(**facts)


def cluster(**named: Observation) -> Mapping[str, Observation]:
    """All three, but for those that are named."""
    return {name: named.get(name, theirs(name)) for name in IDS}


def well(**changes: str) -> Observation:
    """A host of this stack's, whose member trusts that CA and has certificates of it."""
    facts = {**FORMED, "trusts": ca().fingerprint, "issuer": ca().fingerprint}
    return ready(**{**facts, **{key.replace("_", "-"): value for key, value in changes.items()}})
