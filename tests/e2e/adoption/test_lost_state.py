"""The state is gone while the cluster lives: docs/runbooks/lost-state.md, as it is written."""

from __future__ import annotations

import copy
import re
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support import by_hand
from tests.support.adoption import adopted_untouched, another_ca_takes_over, is_clean, rolled
from tests.support.authorities import authorities
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.terminal import faults, one_error
from tests.support.tiers import tiered
from tests.support.unharmed import UP
from tests.support.untouched import untouched


@pytest.mark.parametrize(
    "former", tiered({"one CA": [1], "while a CA took over": [1, 2]}, always=[])
)
def test_stack_with_an_empty_state_takes_its_cluster_over(
    own_hosts: Lab, tmp_path: Path, former: list[int]
) -> None:
    """Refused with the way back in, adopted, and where a CA was on its way, a new one at the end
    (see test_without_key); the old state is refused.
    """
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old = Stack(tmp_path / "old", own_hosts, NAMES)
    old.up()
    if former != [1]:
        authorities(old, former)
        old.up()
    client = Client(tmp_path / "client", old.outputs())
    client.run("put", "before", "loss")

    stack = Stack(tmp_path / "new", own_hosts, NAMES)
    stack.config = copy.deepcopy(old.config)
    with untouched(own_hosts):
        lines = faults(one_error(stack.pulumi(*UP, check=False)))
    assert len(lines) == len(NAMES)
    (wanted,) = {found for line in lines for found in re.findall(r"adopt: '([0-9a-f]+)'", line)}
    assert wanted == old.outputs()["clusterId"]

    by_hand.adopting(stack, tmp_path / "given", key=False)
    assert stack.config["adopt"] == wanted
    adopted_untouched(stack, client)
    rolled(stack, client)
    is_clean(stack, client)
    own = client
    if former != [1]:
        own = another_ca_takes_over(stack, client, tmp_path / "own")
    assert own.run("get", "before", "--print-value-only").stdout.strip() == "loss"

    for given in ({}, {"adopt": wanted}):
        old.config |= given
        with untouched(own_hosts):
            lines = faults(one_error(old.pulumi(*UP, check=False)))
        assert [line.partition(" ")[0] for line in lines[: len(NAMES)]] == list(NAMES)
        assert all("this host belongs to member" in line for line in lines[: len(NAMES)])
    del stack.config["adopt"]
    if former != [1]:
        del stack.config["certificates"]
    is_clean(stack, own)
