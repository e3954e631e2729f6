"""Well-known names and numbers: ports, packages, sockets, units."""

from __future__ import annotations

CLIENT_PORT, PEER_PORT, METRICS_PORT = 2379, 2380, 2381

# Each runtime's package name, socket and systemd unit.
# https://kubernetes.io/docs/setup/production-environment/container-runtimes/
RUNTIME_PACKAGES = {"containerd": "containerd", "crio": "cri-o"}
RUNTIME_SOCKETS = {
    "containerd": "/run/containerd/containerd.sock",
    "crio": "/var/run/crio/crio.sock",
}
RUNTIME_UNITS = {"containerd": "containerd", "crio": "crio"}
