"""etcd goes up and back, minor by minor, while clients write; what may not be taken is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from lab.versions import TODAY, UPGRADES
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, start_times
from tests.support.terminal import one_error
from tests.support.unharmed import UP
from tests.support.upgrades import assert_gentle, configure, roll

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(900)]
E35, E36, E37 = (replace(TODAY, etcd=UPGRADES[row].etcd) for row in (0, 1, 3))
FOLDER = "/var/lib/etcd-snapshots"
UTL = "/proc/$(pgrep -x etcd)/root/usr/local/bin/etcdutl"
SYSTEM: System = "golden"


def snapshots(lab: Lab) -> set[tuple[str, str]]:
    """Host and name of each snapshot; each one is whole."""
    found = set()
    for name in NAMES:
        for file in lab.ssh(name, f"ls {FOLDER} 2>/dev/null", check=False).stdout.split():
            lab.ssh(name, f"{UTL} snapshot status {FOLDER}/{file}")
            found.add((name, file))
    return found


def step(stack: Stack, client: Client, version: str) -> None:
    """One `up` to this version: gentle; a proved snapshot of before, and one by who goes first."""
    before = snapshots(stack.lab)
    done = roll(stack, client, replace(TODAY, etcd=version))
    print(done)
    assert_gentle(done)
    names = sorted(name.partition("-")[2] for _, name in snapshots(stack.lab) - before)
    assert names == [f"before-{version}.db", "before-change.db"]


def test_etcd_goes_from_3_5_to_3_7_and_back(stack: Stack, tmp_path: Path) -> None:
    """By `etcd.imageTag` alone: each step is one restart of each member.

    Also the one to 3.7 right after that to 3.6, when the raft log still has entries of 3.5.
    """
    configure(stack, E35)
    stack.up()
    client = Client(tmp_path / "client", stack.outputs())
    step(stack, client, TODAY.etcd)
    with configured(stack, etcd={"imageTag": E37.etcd_tag}):
        error = one_error(stack.pulumi("preview", check=False))
        assert "runs etcd 3.6.6; 3.7 requires 3.6.11 or newer" in error
    step(stack, client, E36.etcd)
    step(stack, client, E37.etcd)
    with configured(stack, etcd={"imageTag": E36.etcd_tag}):
        error = one_error(stack.pulumi(*UP, check=False))
        assert "set etcd.allowDowngrade: true to go back" in error
    stack.config["etcd"]["allowDowngrade"] = True
    step(stack, client, E36.etcd)
    step(stack, client, E35.etcd)
    # The key has done its work: neither with it nor without it is there anything to do.
    before = start_times(stack.lab, "etcd")
    del stack.config["etcd"]["allowDowngrade"]
    stack.up()
    assert start_times(stack.lab, "etcd") == before
