"""An `up` that restores is killed with SIGKILL; typed again, it ends with the snapshot's."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.stack import Stack
from tests.support import snapshots
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.killing import (
    Case,
    Moment,
    Run,
    all_of,
    begins,
    etcd_is_down_on,
    everything,
    has_manifest,
    held_back,
    nothing_is_left,
    shows,
    the_group,
)
from tests.support.snapshots import PLACE
from tests.support.tiers import tiered


def has_started_anew(name: str) -> Moment:
    """Once this host runs an etcd again after it was fenced."""
    return all_of((etcd_is_down_on(name), has_manifest(name)))


CASES = {
    "the first host begins to stage": Case(moment=begins("etcd-etcd01-restore")),
    "two of three have staged": Case(
        moment=shows(r"etcd0[13]-restore (created|updated)", 2), slow="etcd02", manner=the_group
    ),
    "the first fence begins": Case(moment=begins("etcd-etcd01-fence")),
    "one etcd is stopped": Case(moment=etcd_is_down_on("etcd02"), manner=everything),
    "all are fenced": Case(moment=all_of(etcd_is_down_on(name) for name in NAMES)),
    "the first member begins": Case(moment=begins("etcd-etcd02-member"), manner=everything),
    "one has started anew": Case(moment=has_started_anew("etcd01"), manner=everything),
    "two have started anew": Case(
        moment=all_of((has_started_anew("etcd01"), has_started_anew("etcd03"))), manner=the_group
    ),
    "the first one waits for the quorum": Case(moment=begins("etcd-etcd01-healthy")),
    "all wait for the quorum": Case(
        moment=all_of(begins(f"etcd-{name}-healthy") for name in NAMES), manner=everything
    ),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", tiered(CASES, always=["one etcd is stopped"]))
def test_the_next_up_finishes_a_restore_when_one_is_killed_while(
    formed: Stack, tmp_path: Path, case: Case
) -> None:
    """One cluster, with what the snapshot has and no more, and nothing is left to do."""
    former = formed.outputs()["clusterId"]
    client = Client(tmp_path / "client", formed.outputs())
    client.run("del", "/later")
    client.run("put", "/kept", "from the snapshot")
    snapshots.spread(formed.lab, snapshots.saved(client, tmp_path / "snapshot.db"))
    client.run("put", "/later", "after it")
    formed.config["restore"] = {"snapshot": PLACE, "replaces": former}
    run = Run(formed)
    with held_back(formed.lab, case.slow):
        run.kill_when(case.moment, case.manner)
    formed.up()
    assert client.all_healthy(30)
    assert snapshots.values(client) == {"/kept": "from the snapshot"}
    snapshots.one_cluster(formed, client, former)
    snapshots.nothing_to_do(formed)
    nothing_is_left(run)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "moment",
    [
        shows(r"etcd02-restore (created|updated)"),
        shows(r"etcd02-fence (created|updated)"),
        has_started_anew("etcd01"),
    ],
    ids=["staged", "fenced", "another has started anew"],
)
def test_the_next_up_finishes_a_restore_when_a_host_dies(
    formed: Stack, tmp_path: Path, moment: Moment
) -> None:
    """It comes back with its disk as it was, and takes part."""
    former = formed.outputs()["clusterId"]
    client = Client(tmp_path / "client", formed.outputs())
    client.run("put", "/kept", "from the snapshot")
    snapshots.spread(formed.lab, snapshots.saved(client, tmp_path / "snapshot.db"))
    client.run("put", "/later", "after it")
    formed.config["restore"] = {"snapshot": PLACE, "replaces": former}
    run = Run(formed)
    run.wait_until(moment)
    formed.lab.kill("etcd02")
    run.process.wait(timeout=400)
    formed.lab.start("etcd02")
    formed.up()
    assert client.all_healthy(60)
    found = snapshots.values(client)
    assert found["/kept"] == "from the snapshot"
    assert "/later" not in found
    snapshots.one_cluster(formed, client, former)
    snapshots.nothing_to_do(formed)
