"""Desired state as text: what each host is told, and what Kubernetes is told. Pure."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping, Sequence

import yaml

from . import packages
from .config import Settings
from .sections import Member

CLIENT_PORT, PEER_PORT, METRICS_PORT = 2379, 2380, 2381


def url(address: str, port: int) -> str:
    """`https://address:port`, with an IPv6 address in brackets."""
    host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    return f"https://{host}:{port}"


def client_url(member: Member) -> str:
    """Where clients reach this member."""
    return url(member.address, CLIENT_PORT)


def peer_url(member: Member) -> str:
    """Where other members reach this member."""
    return url(member.address, PEER_PORT)


def endpoints(settings: Settings) -> list[str]:
    """Every member's client URL, in the order of the configuration."""
    return [client_url(member) for member in settings.members]


def initial_cluster(settings: Settings) -> str:
    """etcd's --initial-cluster, sorted so that the configuration's order changes nothing."""
    return ",".join(sorted(f"{member.name}={peer_url(member)}" for member in settings.members))


def host_state(settings: Settings, member: Member) -> dict[str, str]:
    """What `etcd-host prepare` is told."""
    if not settings.release.kubelet_knows_fail_cgroup_v1:
        cgroup_v1 = "unknown"
    else:
        cgroup_v1 = "allowed" if settings.allow_cgroup_v1 else "refused"
    state = {
        "cluster": settings.cluster_name,
        "member": member.name,
        "kubernetes-version": settings.kubernetes_version,
        **packages.runtime_state(settings),
        "cgroup-v1": cgroup_v1,
    }
    if settings.install == "packages":
        state["etcd-image"] = packages.image(settings, "etcd", settings.etcd_image_tag)
    return state


def member_state(settings: Settings, member: Member, token: str) -> dict[str, str]:
    """What `etcd-host found`, `converge` and `leave` are told; `arg.*` are etcd's flags."""
    own_client, own_peer = client_url(member), peer_url(member)
    loopback = url("127.0.0.1", CLIENT_PORT)
    # kubeadm's own default has the loopback listener; a health check on the host wants it.
    arguments = {
        "name": member.name,
        "listen-client-urls": f"{loopback},{own_client}",
        "advertise-client-urls": own_client,
        "listen-peer-urls": own_peer,
        "initial-advertise-peer-urls": own_peer,
        "quota-backend-bytes": str(settings.etcd.quota_backend_bytes),
        "heartbeat-interval": str(settings.etcd.heartbeat_interval_milliseconds),
        "election-timeout": str(settings.etcd.election_timeout_milliseconds),
        **settings.etcd.extra_args,
    }
    return {
        "cluster": settings.cluster_name,
        "token": token,
        "member": member.name,
        "advertise-address": member.address,
        "initial-cluster": initial_cluster(settings),
        "endpoints": ",".join(sorted(endpoints(settings))),
        "kubernetes-version": settings.kubernetes_version,
        "kubeadm-api": settings.release.kubeadm_api,
        "image-repository": settings.image_repository,
        "image-tag": settings.etcd_image_tag,
        "cri-socket": f"unix://{packages.RUNTIME_SOCKETS[settings.container_runtime]}",
        "health-timeout-seconds": str(settings.health_timeout_seconds),
        **{f"arg.{flag}": value for flag, value in sorted(arguments.items())},
    }


def gate_state(settings: Settings, member: Member, after: str) -> dict[str, str]:
    """What `etcd-host gate` is told; `after` is what the member said when it last changed."""
    return {
        "member": member.name,
        "arg.advertise-client-urls": client_url(member),
        "health-timeout-seconds": str(settings.health_timeout_seconds),
        "after": after,
    }


def flat_yaml(state: Mapping[str, str]) -> str:
    """`key: value` lines, in the order given: YAML, and simple enough for a shell to read.

    Raises ValueError for a value that would need quoting a shell could not undo.
    """
    for key, value in state.items():
        plain = value.isascii() and value.isprintable() and value == value.strip()
        if not value or not plain or any(quote in value for quote in "'\"\\"):
            raise ValueError(f"{key}: not a plain one-line value")
    return yaml.safe_dump(dict(state), sort_keys=False, width=2**31, default_flow_style=False)


def encoded(files: Mapping[str, str]) -> str:
    """Files as `etcd-host pki` and `client` take them: each text in base64, by its name."""
    return flat_yaml(
        {name: base64.b64encode(text.encode()).decode() for name, text in sorted(files.items())}
    )


def external_etcd(settings: Settings, urls: Sequence[str]) -> str:
    """The ClusterConfiguration with `etcd.external` for the Kubernetes side (YAML).

    The files are where kubeadm's documentation has them on a control-plane host:
    https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/high-availability/
    """
    document = {
        "apiVersion": f"kubeadm.k8s.io/{settings.release.kubeadm_api}",
        "kind": "ClusterConfiguration",
        "kubernetesVersion": settings.kubernetes_version,
        "etcd": {
            "external": {
                "endpoints": list(urls),
                "caFile": "/etc/kubernetes/pki/etcd/ca.crt",
                "certFile": "/etc/kubernetes/pki/apiserver-etcd-client.crt",
                "keyFile": "/etc/kubernetes/pki/apiserver-etcd-client.key",
            }
        },
    }
    return yaml.safe_dump(document, sort_keys=False)
