"""Names and numbers that the field has fixed: ports, packages, sockets, units."""

from __future__ import annotations

CLIENT_PORT, PEER_PORT = 2379, 2380

# What each runtime's package is called, where it listens, and the unit that starts it.
# https://kubernetes.io/docs/setup/production-environment/container-runtimes/
RUNTIME_PACKAGES = {"containerd": "containerd", "crio": "cri-o"}
RUNTIME_SOCKETS = {
    "containerd": "/run/containerd/containerd.sock",
    "crio": "/var/run/crio/crio.sock",
}
RUNTIME_UNITS = {"containerd": "containerd", "crio": "crio"}
