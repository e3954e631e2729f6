"""The configuration under `kubernetes:`."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, Field

from etcd_cluster import DnsLabel, HostEntry, HostSettings, Plain

NAMESPACE = "kubernetes"
API_PORT = 6443


def _stack(value: str) -> str:
    if not re.fullmatch(r"[^/\s]+/[^/\s]+/[^/\s]+", value):
        raise ValueError(
            f"{value!r} is invalid: expected the full name organization/project/stack, as shown by "
            "`pulumi stack ls --all`, e.g. organization/etcd-cluster/dev"
        )
    return value


def _subnet(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError(
            f"{value!r} is invalid: expected a subnet without host bits, e.g. 10.244.0.0/16"
        ) from None


def _endpoint(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"{value!r} is invalid: expected host:port, e.g. api.example.com:6443")
    return value


Subnet = Annotated[Plain, AfterValidator(_subnet)]


class Settings(HostSettings):
    """All keys under `kubernetes:`, in addition to those that etcd_cluster has for any host."""

    cluster_name: DnsLabel = Field("kubernetes", description="Prefix of every resource's name.")
    etcd_stack: Annotated[Plain, AfterValidator(_stack)] = Field(
        description="Full name of the etcd cluster's stack, e.g. organization/etcd-cluster/dev."
    )
    control_plane: HostEntry = Field(description="Host of the control plane.")
    control_plane_endpoint: Annotated[Plain, AfterValidator(_endpoint)] | None = Field(
        None,
        description="Where clients reach the API, host:port. Without it, that host, port 6443.",
    )
    pod_subnet: Subnet = Field("10.244.0.0/16", description="Addresses of pods.")
    service_subnet: Subnet = Field("10.96.0.0/12", description="Addresses of services.")
    cert_sans: tuple[Plain, ...] = Field(
        (), alias="certSANs", description="Additional names in the API server's certificate."
    )
    skip_phases: tuple[Plain, ...] = Field(
        (), description="Phases of kubeadm init to skip, e.g. `[addon/coredns]`."
    )
    ignore_preflight_errors: tuple[Plain, ...] = Field(
        (), description="kubeadm checks that only warn, e.g. `[SystemVerification]`."
    )

    @property
    def endpoint(self) -> str:
        """`10.107.88.14:6443`."""
        address = self.control_plane.address
        own = f"[{address}]" if ":" in address else address
        return self.control_plane_endpoint or f"{own}:{API_PORT}"
