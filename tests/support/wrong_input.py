"""Configurations with one thing wrong each, and where their SSH would arrive."""

from __future__ import annotations

import copy
import re
import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

SSH_HOSTS = tuple(f"127.0.0.{number}" for number in range(2, 8))
ABSENT = object()


def members(count: int) -> list[dict[str, Any]]:
    """Right members; SSH would reach them at the trap."""
    return [
        {"name": f"etcd0{n}", "address": f"10.107.88.{14 + n}", "sshHost": SSH_HOSTS[n - 1]}
        for n in range(1, count + 1)
    ]


@dataclass(frozen=True)
class Case:
    """Keys to change (`{folder}` is where the key files lie), and the line that must come of it."""

    changes: Mapping[str, Any]
    key: str
    given: str
    remedy: str


CASES = {
    "no members": Case({"members": []}, "members", "0 given", "at least 3"),
    "members left out": Case({"members": ABSENT}, "members", "required", "at least three"),
    "two members": Case({"members": members(2)}, "members", "2 given", "at least 3"),
    "even number": Case(
        {"members": members(4)}, "members", "4 given", "use 3 or 5, or set allowEvenMembers"
    ),
    "six, a map": Case({"members": {"a": 1}}, "members", "a map", "expected a list"),
    "duplicate name": Case(
        {"members[2].name": "etcd01"},
        "members[2].name",
        "'etcd01' is already used by members[0]",
        "every member needs its own name",
    ),
    "duplicate address": Case(
        {"members[1].address": "10.107.88.15"},
        "members[1].address",
        "'10.107.88.15' is already used by members[0]",
        "every member needs its own address",
    ),
    "name is no DNS label": Case(
        {"members[1].name": "Etcd_02"}, "members[1].name", "'Etcd_02'", "letters, digits and"
    ),
    "name is a number": Case(
        {"members[1].name": 2}, "members[1].name", "2 is invalid", "expected a string"
    ),
    "address is no address": Case(
        {"members[0].address": "10.107.88"}, "members[0].address", "'10.107.88'", "IPv4 or IPv6"
    ),
    "address is loopback": Case(
        {"members[0].address": "::1"},
        "members[0].address",
        "'::1'",
        "other hosts can reach this one",
    ),
    "member without address": Case(
        {"members[0].address": ABSENT},
        "members[0].address",
        "required",
        "members and clients reach",
    ),
    "unknown key": Case(
        {"kubernetesVerson": "1.35.4"},
        "kubernetesVerson",
        "unknown key",
        "did you mean kubernetesVersion?",
    ),
    "unknown key of a member": Case(
        {"members[1].port": 22}, "members[1].port", "unknown key", "address, lost, name, sshHost"
    ),
    "version too old": Case(
        {"kubernetesVersion": "1.21.14"}, "kubernetesVersion", "'1.21.14' is too old", "e.g. 1.35.4"
    ),
    "version that does not exist": Case(
        {"kubernetesVersion": "1.99.0"}, "kubernetesVersion", "'1.99.0'", "expected 1.27 to 1."
    ),
    "version without patch": Case(
        {"kubernetesVersion": "1.35"}, "kubernetesVersion", "'1.35'", "with its patch"
    ),
    "unknown runtime": Case(
        {"containerRuntime": "docker"}, "containerRuntime", "'docker'", "'containerd' or 'crio'"
    ),
    "unknown cgroup driver": Case(
        {"cgroupDriver": "none"}, "cgroupDriver", "'none'", "'systemd' or 'cgroupfs'"
    ),
    "boolean is a word": Case(
        {"deletionProtection": "perhaps"}, "deletionProtection", "'perhaps'", "true or false"
    ),
    "timeout with a unit": Case(
        {"healthTimeoutSeconds": "5m"},
        "healthTimeoutSeconds",
        "'5m'",
        "expected an integer from 15 to 3600",
    ),
    "port out of range": Case(
        {"ssh.port": 70000}, "ssh.port", "70000", "an integer from 1 to 65535"
    ),
    "no ssh": Case({"ssh": ABSENT}, "ssh", "required", "SSH access to the hosts"),
    "no key": Case(
        {"ssh.privateKeyFile": ABSENT},
        "ssh",
        "neither privateKey nor privateKeyFile",
        "set exactly one",
    ),
    "missing key file": Case(
        {"ssh.privateKeyFile": "{folder}/nowhere"},
        "ssh.privateKeyFile",
        "/nowhere' cannot be read (No such file",
        "expected the path of a private key",
    ),
    "public key for a private one": Case(
        {"ssh.privateKeyFile": "{folder}/id.pub"},
        "ssh.privateKeyFile",
        "/id.pub' is not a private key",
        "expected one in OpenSSH or PEM format",
    ),
    "key with a passphrase": Case(
        {"ssh.privateKeyFile": "{folder}/locked"},
        "ssh.privateKeyFile",
        "/locked' is protected by a passphrase",
        "expected a key without one",
    ),
    "missing known_hosts": Case(
        {"ssh.knownHostsFile": "{folder}/nowhere"},
        "ssh.knownHostsFile",
        "/nowhere' cannot be read (No such file",
        "ssh-keyscan",
    ),
    "host missing from known_hosts": Case(
        {"members[2].sshHost": "127.0.0.99"},
        "members[2] etcd03",
        "'[127.0.0.99]:{port}' has no key in",
        "add it with `ssh-keyscan -p {port} 127.0.0.99",
    ),
    "database too big": Case(
        {"etcd": {"quotaBackendBytes": 2**40}},
        "etcd.quotaBackendBytes",
        str(2**40),
        f"to {8 * 2**30}",
    ),
    "timers too close": Case(
        {"etcd": {"heartbeatIntervalMilliseconds": 500}},
        "etcd",
        "electionTimeoutMilliseconds is 1000",
        "ten times is usual",
    ),
    "flag of the program's own": Case(
        {"etcd": {"extraArgs": {"data-dir": "/mnt"}}}, "etcd.extraArgs", "'data-dir'", "remove it"
    ),
    "certificates that never last": Case(
        {"certificates": {"validityDays": 10}},
        "certificates",
        "renewBeforeDays is 30",
        "expected less than validityDays, 10, e.g. 30",
    ),
}


class Trap:
    """Where SSH would reach the members: it notices every attempt."""

    def __init__(self, folder: Path) -> None:
        self.port = 0
        self._listeners = []
        for host in SSH_HOSTS:
            listener = socket.create_server((host, self.port))
            listener.setblocking(False)
            self.port = listener.getsockname()[1]
            self._listeners.append(listener)
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(folder / "id")
        key.write_public_key(folder / "id.pub")
        subprocess.run(
            ["ssh-keygen", "-q", "-t", "ed25519", "-N", "opensesame", "-f", folder / "locked"],
            check=True,
        )
        public = key.export_public_key().decode().strip()
        lines = [f"[{host}]:{self.port} {public}\n" for host in SSH_HOSTS]
        (folder / "known_hosts").write_text("".join(lines))
        self.folder = folder

    def config(self, *changes: Mapping[str, Any]) -> dict[str, Any]:
        """A right configuration, and what was changed of it."""
        config: dict[str, Any] = {
            "members": members(3),
            "kubernetesVersion": "1.35.4",
            "ssh": {
                "port": self.port,
                "privateKeyFile": str(self.folder / "id"),
                "knownHostsFile": str(self.folder / "known_hosts"),
            },
        }
        for path, value in ((p, v) for change in changes for p, v in change.items()):
            *parents, last = (int(p) if p.isdecimal() else p for p in re.findall(r"\w+", path))
            place: Any = config
            for part in parents:
                place = place[part]
            if value is ABSENT:
                del place[last]
            else:
                place[last] = self.fill(value) if isinstance(value, str) else copy.deepcopy(value)
        return config

    def fill(self, text: str) -> str:
        """The text of a case with the folder and the port of this run."""
        return text.replace("{folder}", str(self.folder)).replace("{port}", str(self.port))

    def attempts(self) -> int:
        """How often somebody has dialed since the last call."""
        found = 0
        for listener in self._listeners:
            while True:
                try:
                    listener.accept()[0].close()
                except BlockingIOError:
                    break
                found += 1
        return found

    def close(self) -> None:
        """Let go of the addresses."""
        for listener in self._listeners:
            listener.close()
