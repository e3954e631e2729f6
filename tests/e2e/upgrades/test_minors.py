"""One cluster lives through three minors of Kubernetes and two of etcd while clients write."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.stack import Stack
from lab.versions import UPGRADES
from tests.support.etcd import Client
from tests.support.upgrades import assert_gentle, configure, roll

# Each `up` waits for packages and images of its own, and the last one for nobody.
pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


def test_a_cluster_goes_from_minor_to_minor_while_clients_go_on_writing(
    stack: Stack, tmp_path: Path
) -> None:
    """From 1.34 with etcd 3.5 to 1.37 with 3.7: each step is one restart of each member."""
    first, *others = UPGRADES
    configure(stack, first)
    stack.up()
    client = Client(tmp_path / "client", stack.outputs())
    done = []
    for versions in others:
        done.append(roll(stack, client, versions))
        print(done[-1])
    for each in done:
        assert_gentle(each)
    stack.pulumi("preview", "--expect-no-changes")
