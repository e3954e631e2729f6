"""etcd gets a new patch, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.stack import Stack
from lab.versions import OLD_PATCHES, UPGRADES
from tests.support.etcd import Client
from tests.support.upgrades import assert_gentle, configure, roll

pytestmark = pytest.mark.long


def test_a_patch_of_etcd_reaches_each_member_while_clients_go_on_writing(
    stack: Stack, tmp_path: Path
) -> None:
    """By `etcd.imageTag` alone: one restart of each member, under the kubelet that it had."""
    old = OLD_PATCHES[-1]
    newest = next(row for row in UPGRADES if row.etcd.startswith("3.6."))
    configure(stack, old)
    stack.up()
    client = Client(tmp_path / "client", stack.outputs())
    done = roll(stack, client, replace(old, etcd=newest.etcd))
    print(done)
    assert_gentle(done)
