"""A new CA takes over, one reviewed edit a step, while clients write."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.authorities import authorities, step
from tests.support.etcd import Client

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(900)]


def test_a_new_authority_takes_over_without_an_outage(
    formed: Stack, hosts: Lab, tmp_path: Path
) -> None:
    """`[1]` to `[2]`, each step taken back once: a client with the first credentials works until
    the last step, and one that skipped a step works as well.
    """
    assert hosts
    first = Client(tmp_path / "first", formed.outputs())
    for wanted in ([1, 2], [1], [1, 2], [2, 1], [1, 2], [2, 1]):
        done = step(formed, first, wanted)
        print(done)
