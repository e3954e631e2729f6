"""A cluster that an older version of this program made is taken over by this one."""

from __future__ import annotations

import io
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

from lab import TREE
from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, start_times, wait_until
from tests.support.killing import Run, etcd_is_down_on, everything, finished
from tests.support.unharmed import leader, unharmed
from tests.support.upgrades import DROPPED, starts

FORMER = {
    "d3ea46e": "before snapshots, downgrades and the versions of etcd were built",
    "06596c5": "the last whose etcd runs as root",
}


@pytest.mark.long  # a checkout for CI need not have this commit
@pytest.mark.parametrize("former", FORMER)
def test_a_cluster_of_an_older_program_is_taken_over_by_one_guarded_roll(
    own_hosts: Lab, tmp_path: Path, former: str
) -> None:
    """The preview says why each command runs again: among others etcd was root. Each member
    restarts once, etcd with its kubelet, and nothing is lost.
    """
    stack, ours = former_cluster(own_hosts, tmp_path, former)
    client = Client(tmp_path / "client", stack.outputs())
    assert set(users(own_hosts).values()) == {"root root"}
    before, runtime = starts(own_hosts), start_times(own_hosts, "containerd")

    (stack.folder / "Pulumi.yaml").write_text(ours)
    preview = stack.preview()
    assert "converged by another version of etcd-host" in preview
    assert preview.count("etcd runs as root") == len(NAMES)
    assert not re.search(r"(to create|to delete|to replace)", preview)
    with unharmed(client) as writer:
        stack.up()
    assert all(re.search(DROPPED, said) for said in writer.failed), writer.failed
    assert len(writer.failed) <= len(NAMES), writer.failed
    now = starts(own_hosts)
    for program, counts in before.items():
        assert now[program] == {name: count + 1 for name, count in counts.items()}
    assert start_times(own_hosts, "containerd") == runtime
    assert set(users(own_hosts).values()) == {"etcd etcd"}
    stack.pulumi("preview", "--expect-no-changes")


@pytest.mark.long
def test_move_from_root_is_finished_when_it_was_cut_off(own_hosts: Lab, tmp_path: Path) -> None:
    """One host loses power between root's etcd and the next one, another with data that is half
    root's: root's etcd runs on it. The next `up` finishes; what root leaves there later, too.
    """
    stack, ours = former_cluster(own_hosts, tmp_path, "06596c5")
    before = Client(tmp_path / "before", stack.outputs())
    before.run("put", "/cut", "off")
    (stack.folder / "Pulumi.yaml").write_text(ours)
    first, second = (name for name in NAMES if name != leader(before))
    run = Run(stack)
    run.kill_when(etcd_is_down_on(first), everything)
    own_hosts.kill(first)
    make = "id -u etcd || useradd --system --shell /usr/sbin/nologin -d /nonexistent etcd"
    own_hosts.ssh(second, f"{make}; chown -R etcd:etcd /var/lib/etcd/member/wal; sync")
    own_hosts.kill(second)
    own_hosts.up(NAMES)
    assert before.all_healthy(60)
    assert users(own_hosts)[second] == "root root"
    client = finished(stack, tmp_path / "client")
    assert set(users(own_hosts).values()) == {"etcd etcd"}
    assert client.run("get", "/cut", "--print-value-only").stdout == "off\n"

    undone = "chown -R root:root /var/lib/etcd; systemctl restart kubelet; pkill -x etcd"
    own_hosts.ssh(first, undone)
    wait_until(lambda: client.healthy() == 2)
    assert "data is not etcd's alone" in stack.preview()
    finished(stack, tmp_path / "client")
    assert set(users(own_hosts).values()) == {"etcd etcd"}


def former_cluster(lab: Lab, folder: Path, former: str) -> tuple[Stack, str]:
    """A cluster that the program of this commit made, and the project with today's."""
    archive = subprocess.run(
        ["git", "archive", former], cwd=TREE, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder / "former", filter="data")
    (folder / "stack").mkdir()
    stack = Stack(folder / "stack", lab, NAMES)
    project = stack.folder / "Pulumi.yaml"
    ours = project.read_text()
    project.write_text(ours.replace(str(TREE), str(folder / "former")))
    stack.up()
    return stack, ours


def users(lab: Lab) -> dict[str, str]:
    """Whose each member's process is, and whose its data, by name."""
    command = "ps -o user= -p $(pgrep -x etcd); stat -c %U /var/lib/etcd"
    return {name: " ".join(lab.ssh(name, command).stdout.split()) for name in NAMES}
