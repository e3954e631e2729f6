"""A person gives wrong input: all that can be known before dialing is told before dialing."""

from __future__ import annotations

import copy
import json
import re
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from etcd_cluster.config import reading
from etcd_cluster.config.settings import Settings
from etcd_cluster.errors import ConfigurationError
from lab import engine
from lab.instance import Instance
from lab.lab import Lab
from lab.stack import Result, Stack
from tests.e2e.conftest import NAMES
from tests.support.terminal import created, faults, one_error

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
        {"members[1].port": 22}, "members[1].port", "unknown key", "address, name, sshHost"
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
        "expected an integer from 5 to 3600",
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
# A run of the CLI takes seconds: these stand for the others.
THROUGH_THE_CLI = (
    *("no members", "even number", "duplicate name", "name is no DNS label", "unknown key"),
    *("version too old", "missing key file", "host missing from known_hosts"),
)
# What goes together in one run: every fault of the values or, once those are right, of the files.
TOGETHER = {
    "values": (
        *("duplicate address", "name is no DNS label", "unknown key of a member", "unknown key"),
        *("version that does not exist", "unknown runtime", "boolean is a word"),
        "timers too close",
    ),
    "files": ("missing key file", "host missing from known_hosts"),
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


@pytest.fixture(scope="module")
def trap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trap]:
    """The members' addresses for SSH, watched."""
    trap = Trap(tmp_path_factory.mktemp("keys"))
    yield trap
    trap.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack that needs no hosts: none is ever reached."""
    return Stack(tmp_path_factory.mktemp("project"), Lab(Instance(9)), NAMES)


def told(trap: Trap, config: Mapping[str, Any]) -> ConfigurationError:
    """What the program says of a configuration, in this process."""
    raw = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()
    }
    with pytest.raises(ConfigurationError) as caught:
        reading.read(Settings, raw, trap.folder)
    return caught.value


def stopped_before_dialing(trap: Trap, project: Stack, result: Result) -> str:
    """The one error of a run that dialed nobody and created nothing."""
    error = one_error(result)
    assert created(project) == set()
    assert trap.attempts() == 0
    return error


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_line_names_key_given_and_remedy_when_one_thing_is_wrong(
    trap: Trap, case: Case
) -> None:
    """The line says where, what was found there, and what to write in its place."""
    (line,) = told(trap, trap.config(case.changes)).faults
    key, _, rest = line.partition(": ")
    assert key == case.key
    assert trap.fill(case.given) in rest
    assert trap.fill(case.remedy) in rest


@pytest.mark.parametrize("name", THROUGH_THE_CLI)
def test_preview_ends_with_one_error_and_dials_nobody_when_input_is_wrong(
    trap: Trap, project: Stack, name: str
) -> None:
    """The terminal shows that line, once, and nothing of Python's or Pulumi's making."""
    project.config = trap.config(CASES[name].changes)
    result = project.pulumi("preview", check=False)
    assert stopped_before_dialing(trap, project, result) == str(told(trap, project.config))


@pytest.mark.parametrize("command", [("preview", "--diff"), ("up", "--yes", "--skip-preview")])
@pytest.mark.parametrize("names", TOGETHER.values(), ids=TOGETHER)
def test_all_errors_come_together_when_many_things_are_wrong(
    trap: Trap, project: Stack, command: tuple[str, ...], names: tuple[str, ...]
) -> None:
    """One run reports every invalid value; the next one every missing file and unknown host."""
    project.config = trap.config(*(CASES[name].changes for name in names))
    error = stopped_before_dialing(trap, project, project.pulumi(*command, check=False))
    lines = faults(error)
    assert len(lines) == len(names)
    for case in (CASES[name] for name in names):
        (line,) = [line for line in lines if line.startswith(f"{case.key}: ")]
        assert trap.fill(case.given) in line
        assert trap.fill(case.remedy) in line


def test_hosts_are_dialed_when_nothing_is_wrong(trap: Trap, project: Stack) -> None:
    """The silence above is no accident: with a right configuration the same run does dial."""
    project.config = trap.config()
    text = project.preview()
    assert trap.attempts() >= len(NAMES)
    assert text.count("`pulumi up` will fail until it responds") == len(NAMES)


def test_an_even_number_gets_a_warning_when_it_is_allowed(trap: Trap, project: Stack) -> None:
    """Allowed while a cluster grows or shrinks, and said each time."""
    project.config = trap.config(CASES["even number"].changes)
    project.config |= {"allowEvenMembers": True, "driftDetection": False}
    text = project.preview()
    assert text.count("warning: members: 4 is an even number") == 1
    assert trap.attempts() == 0


def test_one_error_names_the_passphrase_when_it_is_wrong(trap: Trap, project: Stack) -> None:
    """Nothing can be read of the stack, so nothing is done."""
    project.config = trap.config()
    project.pulumi("config")  # makes the stack, should this be the first run
    right, project.passphrase = project.passphrase, "wrong"
    result = project.pulumi("preview", check=False)
    project.passphrase = right
    assert "incorrect passphrase" in stopped_before_dialing(trap, project, result)


def test_one_error_names_the_variables_when_no_passphrase_is_given(
    trap: Trap, project: Stack
) -> None:
    """And asks nobody at a terminal that is not there."""
    project.config = trap.config()
    call: engine.Invocation = project.invocation("preview")
    done = subprocess.run(
        call.command,
        cwd=call.cwd,
        env={key: value for key, value in call.env.items() if "PASSPHRASE" not in key},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    result = Result(status=done.returncode, text=done.stdout)
    assert "PULUMI_CONFIG_PASSPHRASE" in stopped_before_dialing(trap, project, result)
