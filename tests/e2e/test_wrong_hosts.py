"""Hosts are not as the configuration needs them: one error tells of all, and none is touched."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from lab.lab import Lab
from lab.stack import Result, Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.terminal import created, errors, faults, one_error
from tests.support.tiers import tiered
from tests.support.unharmed import leader

OURS = "/usr/local/sbin/etcd-host /var/lib/etcd-host /etc/kubernetes/manifests/etcd.yaml"
UP = ("up", "--yes", "--skip-preview")


def on_host(name: str, command: str) -> Callable[[Lab], object]:
    """Run a command on a host."""
    return lambda lab: lab.ssh(name, command)


def away(name: str, path: str) -> Callable[[Lab], object]:
    """Move a file of a host's out of the way."""
    return on_host(name, f"mv {path} {path}.away")


def back(name: str, path: str) -> Callable[[Lab], object]:
    """Move it back."""
    return on_host(name, f"mv {path}.away {path}")


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is wrong (configuration or hosts), and per host what its line says.

    `{keys}` in the configuration is the folder of the key files.
    """

    config: Mapping[str, Any] = field(default_factory=dict)
    ssh: Mapping[str, Any] = field(default_factory=dict)
    breaks: tuple[Callable[[Lab], object], ...] = ()
    mends: tuple[Callable[[Lab], object], ...] = ()
    told: tuple[tuple[str, str, str], ...]


def everywhere(given: str, remedy: str) -> tuple[tuple[str, str, str], ...]:
    """The same of each host."""
    return tuple((name, given, remedy) for name in NAMES)


WITHOUT_SOCKET = "systemctl stop containerd; rm -f /run/containerd/containerd.sock"
OTHER_KEY = (("etcd01", "host key does not match ssh.knownHostsFile", "replace its line"),)
CASES = {
    "host key is another's": Case(ssh={"knownHostsFile": "{keys}/swapped"}, told=OTHER_KEY),
    "host key is of another type": Case(ssh={"knownHostsFile": "{keys}/typed"}, told=OTHER_KEY),
    "login refused": Case(
        ssh={"privateKeyFile": "{keys}/stranger"},
        told=everywhere("user 'root' cannot log in", "add its public key to"),
    ),
    "sudo refused": Case(
        ssh={"user": "nosudo"},
        told=everywhere("'nosudo' has no passwordless sudo", "nosudo ALL=(ALL) NOPASSWD: ALL"),
    ),
    "another version": Case(
        config={"kubernetesVersion": "1.34.2"},
        told=(
            *everywhere("kubelet is v1.35.4, but kubernetesVersion is v1.34.2", "install that"),
            *everywhere("kubeadm is v1.35.4, but kubernetesVersion is v1.34.2", "install that"),
        ),
    ),
    "another runtime": Case(
        config={"containerRuntime": "crio"},
        told=everywhere("crio is not installed", "correct containerRuntime"),
    ),
    "no kubelet": Case(
        breaks=(away("etcd02", "/usr/bin/kubelet"),),
        mends=(back("etcd02", "/usr/bin/kubelet"),),
        told=(("etcd02", "kubelet is not installed", "install kubelet v1.35.4"),),
    ),
    "runtime socket missing": Case(
        breaks=(on_host("etcd03", WITHOUT_SOCKET),),
        mends=(on_host("etcd03", "systemctl start containerd"),),
        told=(("etcd03", "not listening on /run/containerd/containerd.sock", "systemctl start"),),
    ),
    "host off": Case(
        breaks=(lambda lab: lab.kill("etcd01"),),
        mends=(lambda lab: lab.start("etcd01"),),
        told=(("etcd01", "unreachable: Connection refused", "Start the host"),),
    ),
    "several at once": Case(
        breaks=(
            away("etcd01", "/usr/bin/kubeadm"),
            away("etcd01", "/usr/bin/etcdctl"),
            on_host("etcd02", WITHOUT_SOCKET),
            lambda lab: lab.cut("etcd03"),
        ),
        mends=(
            back("etcd01", "/usr/bin/kubeadm"),
            back("etcd01", "/usr/bin/etcdctl"),
            on_host("etcd02", "systemctl start containerd"),
            lambda lab: lab.heal("etcd03"),
        ),
        told=(
            ("etcd01", "kubeadm is not installed", "install kubeadm v1.35.4"),
            ("etcd01", "etcdctl is not installed", "install the etcd client"),
            ("etcd02", "not listening on", "systemctl start containerd"),
            ("etcd03", "unreachable: no answer within 5 s", "Start the host, or correct"),
        ),
    ),
}


# What these checks find: tests/hostprogram/test_preflight.py, tests/plan/test_preflight.py.
SHOWN_BY_TABLES = ("another runtime", "no kubelet", "runtime socket missing", "host off")


@pytest.fixture(scope="module")
def keys(hosts: Lab, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key that no host knows, and a known_hosts file with etcd02's key for etcd01."""
    folder = tmp_path_factory.mktemp("keys")
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(folder / "stranger")
    pins = dict(line.split(" ", 1) for line in hosts.known_hosts.read_text().splitlines())
    chosen = {name: name for name in NAMES} | {"etcd01": "etcd02"}
    lines = [f"{hosts.address(n)} {pins[hosts.address(other)]}\n" for n, other in chosen.items()]
    (folder / "swapped").write_text("".join(lines))
    typed = asyncssh.generate_private_key("ecdsa-sha2-nistp256").export_public_key().decode()
    (folder / "typed").write_text(f"{hosts.address('etcd01')} {typed}{''.join(lines[1:])}")
    return folder


@pytest.fixture
def changed(stack: Stack) -> Iterator[Callable[[Mapping[str, Any], Mapping[str, Any]], None]]:
    """Changes the stack's configuration for one test."""
    before = copy.deepcopy(stack.config)

    def change(config: Mapping[str, Any], ssh: Mapping[str, Any]) -> None:
        stack.config |= {**config, "ssh": {**stack.config["ssh"], **ssh}}

    yield change
    stack.config = before


def up(stack: Stack) -> Result:
    """`pulumi up`, however it ends."""
    return stack.pulumi(*UP, check=False)


def touched(lab: Lab) -> dict[str, str]:
    """What of ours is on the hosts."""
    return {name: lab.ssh(name, f"ls -d {OURS} 2>/dev/null || true").stdout for name in NAMES}


UNTOUCHED = dict.fromkeys(NAMES, "")


@pytest.mark.parametrize(
    "case",
    tiered(
        CASES,
        always=[name for name in CASES if name not in SHOWN_BY_TABLES],
        matrix=("host off",),
    ),
)
def test_up_ends_with_one_error_and_touches_nothing_when_hosts_are_not_ready(
    hosts: Lab,
    stack: Stack,
    keys: Path,
    changed: Callable[[Mapping[str, Any], Mapping[str, Any]], None],
    case: Case,
) -> None:
    """Each fault has a line with its host and what to do; the good hosts are left alone, too."""
    changed(case.config, {key: v.replace("{keys}", str(keys)) for key, v in case.ssh.items()})
    try:
        for do in case.breaks:
            do(hosts)
        started = time.monotonic()
        error = one_error(up(stack))
        took = time.monotonic() - started
    finally:
        for do in case.mends:
            do(hosts)
    heading, *_ = error.splitlines()
    assert heading == "the hosts are not ready; nothing was changed:"
    lines = faults(error)
    assert len(lines) == len(case.told)
    for name, given, remedy in case.told:
        label = f"{name} ({hosts.address(name)}): "
        assert [line for line in lines if label in line and given in line and remedy in line], lines
    assert created(stack) == set()
    assert touched(hosts) == UNTOUCHED
    # A host that does not answer costs the probe's five seconds, not the minutes of ten dials.
    assert took < 40


def test_cgroup_v1_is_an_error_when_it_is_not_allowed_and_there(
    hosts: Lab,
    stack: Stack,
    changed: Callable[[Mapping[str, Any], Mapping[str, Any]], None],
) -> None:
    """A kubelet from 1.31 on would not start there; where there is cgroup v2, nothing is said."""
    v2 = hosts.ssh("etcd01", "test -e /sys/fs/cgroup/cgroup.controllers", check=False)
    changed({"allowCgroupV1": False}, {})
    result = stack.pulumi("preview", check=False)
    if v2.returncode == 0:
        assert result.status == 0
        assert "cgroup v1" not in result.text
    else:
        lines = faults(one_error(result))
        assert len(lines) == len(NAMES)
        assert all("runs cgroup v1" in line for line in lines)
        assert all(
            "boot the host with cgroup v2, or set allowCgroupV1: true" in line for line in lines
        )
    assert created(stack) == set()


def test_a_preview_warns_when_a_host_does_not_answer(hosts: Lab, stack: Stack) -> None:
    """It shows all the same what would be done, and says what `up` will make of that host."""
    hosts.cut("etcd02")
    try:
        text = stack.preview()
    finally:
        hosts.heal("etcd02")
    host = f"etcd02 ({hosts.address('etcd02')})"
    assert text.count(f"warning: {host}: unreachable: no answer within 5 s") == 1
    assert "`pulumi up` will fail until it responds" in text
    assert touched(hosts) == UNTOUCHED


@pytest.mark.matrix
def test_an_up_that_failed_half_way_says_why_and_the_next_one_finishes(
    hosts: Lab,
    stack: Stack,
    changed: Callable[[Mapping[str, Any], Mapping[str, Any]], None],
) -> None:
    """An image that does not exist, which nobody can know before; then the right one.

    Each member has one error, with what its kubelet last said. The cluster that was to
    be bootstrapped is by the next run, on the hosts of all the cases above.
    """
    good = copy.deepcopy(stack.config)
    changed({"etcd": {"imageTag": "9.9.9-0"}, "healthTimeoutSeconds": 15}, {})
    result = up(stack)
    assert result.status != 0
    reports = [error for error in errors(result) if error != "update failed"]
    assert len(reports) == len(NAMES), result.text
    for name in NAMES:
        (report,) = [error for error in reports if f"etcd-host: {name} " in error]
        assert f"{name}: kubelet active, etcd does not run" in report
        assert "etcd:9.9.9-0" in report
        assert "is not healthy after 15 s" in report
        assert "The next `pulumi up` continues from here" in report
    assert "Traceback" not in result.text

    stack.config = good
    stack.up()
    assert sorted(stack.outputs()["members"]) == list(NAMES)
    stack.pulumi("preview", "--expect-no-changes")


def test_a_flag_that_etcd_refuses_stops_at_the_first_member_and_is_told_in_etcds_words(
    hosts: Lab,
    formed: Stack,
    outputs: Mapping[str, Any],
    client: Client,
    changed: Callable[[Mapping[str, Any], Mapping[str, Any]], None],
) -> None:
    """The others run on untouched, and the next run without the flag mends the first.

    Who reads the outputs still finds them all in between.
    """
    good = copy.deepcopy(formed.config)
    first, *others = [name for name in NAMES if name != leader(client)] + [leader(client)]
    before = {name: hosts.ssh(name, "pgrep -x etcd").stdout for name in others}
    assert "" not in before.values()
    changed({"etcd": {"extraArgs": {"no-such-flag": "1"}}, "healthTimeoutSeconds": 15}, {})
    result = up(formed)
    assert result.status != 0
    (report,) = [error for error in errors(result) if error != "update failed"]
    assert f"etcd-host: {first} " in report
    assert "flag provided but not defined: -no-such-flag" in report
    assert "is not healthy after 15 s" in report
    assert "The next `pulumi up` continues from here" in report
    assert formed.outputs() == outputs
    assert client.healthy() == len(NAMES) - 1
    assert before == {name: hosts.ssh(name, "pgrep -x etcd").stdout for name in others}

    formed.config = good
    assert f"etcd-{first}-member updated" in formed.up()
    assert client.healthy() == len(NAMES)
