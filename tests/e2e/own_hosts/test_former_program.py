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
from tests.support.hosts import NAMES, start_times
from tests.support.unharmed import unharmed
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
    archive = subprocess.run(
        ["git", "archive", former], cwd=TREE, capture_output=True, check=True
    ).stdout
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(tmp_path / "former", filter="data")
    (tmp_path / "stack").mkdir()
    stack = Stack(tmp_path / "stack", own_hosts, NAMES)
    project = stack.folder / "Pulumi.yaml"
    ours = project.read_text()
    project.write_text(ours.replace(str(TREE), str(tmp_path / "former")))
    stack.up()
    client = Client(tmp_path / "client", stack.outputs())
    assert set(users(own_hosts).values()) == {"root root"}
    before, runtime = starts(own_hosts), start_times(own_hosts, "containerd")

    project.write_text(ours)
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


def users(lab: Lab) -> dict[str, str]:
    """Whose each member's process is, and whose its data, by name."""
    command = "ps -o user= -p $(pgrep -x etcd); stat -c %U /var/lib/etcd"
    return {name: " ".join(lab.ssh(name, command).stdout.split()) for name in NAMES}
