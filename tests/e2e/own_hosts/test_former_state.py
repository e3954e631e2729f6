"""The state of a cluster that is no more is put back where another one lives by now."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.backups import backup, put_back
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.terminal import faults, one_error
from tests.support.unharmed import UP, unharmed
from tests.support.untouched import untouched


@pytest.mark.long
@pytest.mark.matrix
def test_the_state_of_a_former_cluster_changes_nothing_of_the_present_one(
    own_hosts: Lab, tmp_path: Path
) -> None:
    """Destroyed and made anew; then the old backup is brought up, and destroyed once more."""
    (tmp_path / "stack").mkdir()
    stack = Stack(tmp_path / "stack", own_hosts, NAMES)
    stack.up()
    older = backup(stack, tmp_path / "older")
    stack.destroy()
    stack.up()
    client = Client(tmp_path / "client", stack.outputs())
    newer = backup(stack, tmp_path / "newer")
    put_back(stack, older)
    with untouched(own_hosts), unharmed(client):
        lines = faults(one_error(stack.pulumi(*UP, check=False)))
        for name in NAMES:
            assert [each for each in lines if each.startswith(f"{name} (")]
        assert all("docs/runbooks/lost-state.md" in each for each in lines)
        stack.destroy()
    put_back(stack, newer)
    stack.pulumi("preview", "--expect-no-changes")
