"""A setting is rolled many times: what a roll costs whoever writes meanwhile."""

from __future__ import annotations

import statistics

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.unharmed import unharmed
from tests.support.writer import Writer

pytestmark = [pytest.mark.long, pytest.mark.timeout(1500)]
ROLLS = 20
MOST_SECONDS = 0.3
"""Of the longest gaps, in the median: an election that is waited for would take a second."""
MEBIBYTE = 1024**2


def test_twenty_rolls_cost_a_move_of_the_leadership_each(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """A write may fail that is in flight at the move, and no other. The longest gap of a roll is
    printed beside that of a preview, which reads the hosts and touches nothing."""
    rolled: list[float] = []
    read: list[float] = []
    failed: list[str] = []
    for number in range(ROLLS):
        with Writer(client, f"/read/{number}/") as writer:
            formed.pulumi("preview")
        read.append(writer.longest_gap)
        formed.config["etcd"] = {"quotaBackendBytes": 2 * 1024 * MEBIBYTE + number * MEBIBYTE}
        term = client.term()
        with unharmed(client) as writer:
            formed.up()
        assert client.term() - term <= 1
        assert len(writer.failed) <= 1, writer.failed
        rolled.append(writer.longest_gap)
        failed += writer.failed
    print(
        f"{ROLLS} rolls: {len(failed)} writes failed {failed}; longest gaps, median "
        f"{statistics.median(rolled):.3f} s, {' '.join(f'{each:.2f}' for each in sorted(rolled))};"
        f" of previews, median {statistics.median(read):.3f} s, "
        f"{' '.join(f'{each:.2f}' for each in sorted(read))}"
    )
    assert statistics.median(rolled) < MOST_SECONDS
