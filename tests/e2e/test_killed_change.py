"""A change of a living cluster is killed with SIGKILL; typed again, it is finished."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.killing import (
    Case,
    Run,
    begins,
    cluster_ids,
    etcd_is_down_on,
    everything,
    finished,
    nothing_is_left,
)

CASES = [
    pytest.param(Case(moment=etcd_is_down_on("etcd01")), id="etcd of the first member is stopped"),
    pytest.param(
        Case(moment=begins("etcd-etcd02-member"), manner=everything),
        id="the second member's turn has come",
        marks=pytest.mark.long,
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_the_next_up_finishes_a_rolling_restart_when_one_is_killed_while(
    formed: Stack, tmp_path: Path, case: Case
) -> None:
    """A killed change of a living cluster is finished too: whole, with what was written before."""
    before = Client(tmp_path / "before", formed.outputs())
    before.run("put", "/killed", str(case.moment))
    quota = formed.config.get("etcd", {}).get("quotaBackendBytes", 2 * 1024**3) + 1024**3
    formed.config["etcd"] = {"quotaBackendBytes": quota}
    run = Run(formed)
    run.kill_when(case.moment, case.manner)
    client = finished(formed, tmp_path / "client")
    read = client.run("get", "/killed", "--print-value-only").stdout
    assert read.strip() == str(case.moment)
    assert cluster_ids(formed.lab, before) == cluster_ids(formed.lab, client)
    assert quotas(formed.lab) == {str(quota)}
    nothing_is_left(run)


def quotas(lab: Lab) -> set[str]:
    """What the running members were started with."""
    command = (
        "tr '\\0' '\\n' < /proc/$(pgrep -x etcd)/cmdline | sed -n 's/^--quota-backend-bytes=//p'"
    )
    return {lab.ssh(name, command).stdout.strip() for name in NAMES}
