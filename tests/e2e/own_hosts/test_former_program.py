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

# Before snapshots, downgrades and the versions of etcd were built.
FORMER = "d3ea46e"


@pytest.mark.long  # a checkout for CI need not have this commit
def test_a_cluster_of_an_older_program_is_taken_over_by_one_guarded_roll(
    own_hosts: Lab, tmp_path: Path
) -> None:
    """The preview says why each command runs again. The kubelet has other settings by now (it
    deletes no images), so each member restarts once, and nothing is lost.
    """
    archive = subprocess.run(
        ["git", "archive", FORMER], cwd=TREE, capture_output=True, check=True
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
    before, runtime = starts(own_hosts), start_times(own_hosts, "containerd")

    project.write_text(ours)
    preview = stack.preview()
    assert "converged by another version of etcd-host" in preview
    assert not re.search(r"(to create|to delete|to replace)", preview)
    with unharmed(client) as writer:
        stack.up()
    assert all(re.search(DROPPED, said) for said in writer.failed), writer.failed
    assert len(writer.failed) <= len(NAMES), writer.failed
    now = starts(own_hosts)
    for program, counts in before.items():
        assert now[program] == {name: count + 1 for name, count in counts.items()}
    assert start_times(own_hosts, "containerd") == runtime
    stack.pulumi("preview", "--expect-no-changes")
