"""A cluster in use that is taken from one version to another, and what that costs."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from lab.lab import Lab
from lab.stack import Stack
from lab.versions import Versions
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.unharmed import unharmed

# What a write that was in flight is told by a leader that hands over, or by a member that stops.
DROPPED = r"(?i)deadline exceeded|request timed out|proposal dropped|UNAVAILABLE|goaway"
_STARTS = {
    "etcd": ("containerd", r"for &ContainerMetadata{Name:etcd,.* returns container id"),
    "kubelet": ("kubelet", r"^Started "),
}


def configure(stack: Stack, versions: Versions) -> None:
    """Have the next `up` take the cluster to these versions."""
    stack.config["kubernetesVersion"] = versions.kubernetes
    stack.config["etcd"] = {**stack.config.get("etcd", {}), "imageTag": versions.etcd_tag}


@dataclass(frozen=True, kw_only=True)
class Roll:
    """One `up` to other versions, under a client that wrote all the time."""

    versions: Versions
    seconds: float
    acknowledged: int
    failed: tuple[str, ...]
    longest_gap: float
    moves: int
    """How often the leadership moved."""
    starts: Mapping[str, Mapping[str, int]]
    """By program, how often it was started anew on each host."""
    speak: Mapping[str, tuple[str, str]]
    """By endpoint, the version of the member and of the cluster, as soon as `up` had ended."""

    def __str__(self) -> str:
        """One line for who reads the run's record."""
        starts = ", ".join(
            f"{program} {'/'.join(map(str, counts.values()))}"
            for program, counts in self.starts.items()
        )
        return (
            f"to {self.versions.kubernetes} with etcd {self.versions.etcd}: {self.seconds:.1f} s; "
            f"starts {starts}; moves of the leadership {self.moves}; {self.acknowledged} writes, "
            f"{len(self.failed)} failed {list(self.failed)}, longest gap {self.longest_gap:.2f} s; "
            f"speak {sorted(set(self.speak.values()))}"
        )


def roll(stack: Stack, client: Client, versions: Versions) -> Roll:
    """Take the cluster there. No acknowledged write is lost, and it is the same cluster."""
    configure(stack, versions)
    before, term = starts(stack.lab), client.term()
    with unharmed(client) as writer:
        began = time.monotonic()
        stack.up()
        seconds = time.monotonic() - began
        speak = {endpoint: spoken(client, endpoint) for endpoint in client.endpoints}
    now = starts(stack.lab)
    return Roll(
        versions=versions,
        seconds=seconds,
        acknowledged=len(writer.acknowledged),
        failed=tuple(writer.failed),
        longest_gap=writer.longest_gap,
        moves=client.term() - term,
        starts={
            program: {name: now[program][name] - before[program][name] for name in NAMES}
            for program in _STARTS
        },
        speak=speak,
    )


def assert_gentle(done: Roll) -> None:
    """Each member was restarted once, the leadership moved once, and clients noticed no more.

    A write may fail that was in flight at the leader as it handed over, and one at each member
    that went away.
    """
    once = dict.fromkeys(NAMES, 1)
    assert done.starts["etcd"] == once, done
    assert done.moves <= 1, done
    assert len(done.failed) <= len(NAMES), done
    assert all(re.search(DROPPED, said) for said in done.failed), done
    minor = done.versions.etcd.rpartition(".")[0]
    assert set(done.speak.values()) == {(done.versions.etcd, f"{minor}.0")}, done


def spoken(client: Client, endpoint: str) -> tuple[str, str]:
    """The version of one member, and that of the cluster as it knows it."""
    context = ssl.create_default_context(cafile=str(client.files["cacert"]))
    context.load_cert_chain(client.files["cert"], client.files["key"])
    connection = http.client.HTTPSConnection(urlsplit(endpoint).netloc, context=context, timeout=5)
    try:
        connection.request("GET", "/version")
        told = json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return told["etcdserver"], told["etcdcluster"]


def starts(lab: Lab) -> dict[str, dict[str, int]]:
    """How often each program was started on each host since that booted, as the journal has it."""
    return {
        program: {name: _matching(lab, name, unit, pattern) for name in NAMES}
        for program, (unit, pattern) in _STARTS.items()
    }


def _matching(lab: Lab, name: str, unit: str, pattern: str) -> int:
    told = lab.ssh(name, f"journalctl -b -o cat -u {unit} | grep -cE '{pattern}' || true").stdout
    return int(told)
