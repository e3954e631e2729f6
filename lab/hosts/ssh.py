"""Reaching the lab's hosts by ssh, with the lab's own keys and nobody else's configuration."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from ipaddress import IPv4Address, IPv6Address

from lab.hosts.keys import Keys
from lab.shell import ENDS_WITH_US

_READY = (
    # "degraded" is a host with a failed unit: booted, and its owner's business.
    'case "$(systemctl is-system-running --wait)" in running|degraded) ;; *) exit 1 ;; esac; '
    # The runtime of a host that has one; a bare host is ready without.
    "! systemctl --quiet is-enabled containerd.service 2>/dev/null || "
    "test -S /run/containerd/containerd.sock"
)

_GREETING_SECONDS = 15.0


def command_line(keys: Keys, address: IPv4Address | IPv6Address, user: str = "root") -> list[str]:
    """Return the ssh command line for a host, up to the remote command."""
    options = (
        f"UserKnownHostsFile={keys.known_hosts}",
        *("GlobalKnownHostsFile=/dev/null", "StrictHostKeyChecking=yes", "IdentitiesOnly=yes"),
        *("BatchMode=yes", "LogLevel=ERROR", "ConnectTimeout=5"),
        # A host that is cut off in the middle of a command must not hold it for ever.
        *("ServerAliveInterval=5", "ServerAliveCountMax=3"),
    )
    words = [word for option in options for word in ("-o", option)]
    return ["ssh", "-F", "none", "-i", str(keys.identity), *words, f"{user}@{address}"]


def execute(
    command: list[str], *, stdin: str = "", timeout: float | None = None
) -> subprocess.CompletedProcess[str]:
    """Run an ssh command line with this text as its input."""
    return subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=timeout,
        check=False,
    )


def answers(address: IPv4Address) -> bool:
    """Return whether an sshd greets at this address.

    It gets time for that: today's sshd locks a peer out for minutes that often leaves before it has
    logged in (PerSourcePenalties), and an emulated machine can take seconds for a greeting.
    """
    with (
        contextlib.suppress(OSError),
        socket.create_connection((str(address), 22), timeout=1) as connection,
    ):
        connection.settimeout(_GREETING_SECONDS)
        return connection.recv(4) == b"SSH-"
    return False


def booted(keys: Keys, address: IPv4Address) -> bool:
    """Return whether a host has finished its boot and its containerd, if any, listens."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        command = [*ENDS_WITH_US, *command_line(keys, address), _READY]
        done = execute(command, timeout=30)
        return done.returncode == 0
    return False
