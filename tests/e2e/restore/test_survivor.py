"""Two of three disks are lost at once; what the third holds becomes the new cluster in one `up`."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support import snapshots
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured
from tests.support.killing import (
    MANIFEST,
    Case,
    Moment,
    Run,
    all_of,
    begins,
    etcd_is_down_on,
    everything,
    has_manifest,
    processes,
)
from tests.support.tiers import tiered
from tests.support.unharmed import leader
from tests.support.writer import Writer


def lost_but(lab: Lab, survivor: str) -> None:
    """The other hosts die at once, and come back without their data."""
    for name in NAMES:
        if name != survivor:
            lab.kill(name)
    for name in NAMES:
        if name != survivor:
            lab.wipe(name)
            lab.start(name)


@pytest.mark.parametrize(
    "leads", tiered({"a follower": False, "the leader": True}, always=[], matrix=["the leader"])
)
@pytest.mark.timeout(300)
def test_nothing_is_lost_that_the_survivor_held_which_was(
    hosts: Lab, formed: Stack, tmp_path: Path, *, leads: bool
) -> None:
    """Every write that was acknowledged is there, also the last, which lie in its log alone."""
    former = formed.outputs()["clusterId"]
    client = Client(tmp_path / "client", formed.outputs())
    led = leader(client)
    survivor = next(name for name in NAMES if (name == led) == leads)
    with Writer(client, f"/{former}/") as writer:
        time.sleep(3)
        lost_but(hosts, survivor)
    assert len(writer.acknowledged) > 20
    formed.config["restore"] = {"survivor": survivor, "replaces": former}
    assert f"begins with what {survivor} holds" in formed.preview()
    formed.up()
    assert client.all_healthy(30)
    assert not writer.lost()
    snapshots.one_cluster(formed, client, former)
    snapshots.nothing_to_do(formed)
    kept = hosts.ssh(
        survivor, "ls /var/lib/etcd-snapshots/*-survivor-*; ls /var/lib/etcd.aside"
    ).stdout
    assert len(kept.split()) >= 2


def is_being_fenced(name: str) -> Moment:
    """Once this host remembers the restore, seen from outside: its fence goes on for some time."""
    memory = "root/var/lib/etcd-host/restoring"
    return lambda run: any(
        Path(f"/proc/{each}/{memory}").exists() for each in processes(run.lab, name, "systemd")
    )


@pytest.mark.matrix
@pytest.mark.long
@pytest.mark.timeout(400)
def test_nothing_is_lost_that_was_written_after_the_same_restore_was_cancelled(
    hosts: Lab, formed: Stack, tmp_path: Path
) -> None:
    """The others came back; when they lose their disks later, the same lines are set again."""
    former = formed.outputs()["clusterId"]
    client = Client(tmp_path / "client", formed.outputs())
    client.run("put", "/held", former)
    others = [name for name in NAMES if name != "etcd02"]
    for name in others:
        hosts.ssh(name, f"mv {MANIFEST} /root/; while pgrep -x etcd; do sleep 0.2; done")
    lines = {"survivor": "etcd02", "replaces": former}
    with configured(formed, restore=lines):
        Run(formed).kill_when(is_being_fenced("etcd02"), everything)
    time.sleep(5)  # for verbs that go on by themselves
    memory = "/var/lib/etcd-host/restoring"
    fenced = [name for name in NAMES if hosts.ssh(name, f"cat {memory}", check=False).stdout]
    assert "etcd02" in fenced
    for name in fenced:
        hosts.ssh(name, "etcd-host restore-cancel")
        assert not hosts.ssh(name, "ls -d /var/lib/etcd/.restore", check=False).stdout
    for name in others:
        hosts.ssh(name, f"mv /root/etcd.yaml {MANIFEST}")
    assert client.all_healthy(60)
    client.run("put", "/later", former)
    lost_but(hosts, "etcd02")
    formed.config["restore"] = lines
    formed.up()
    assert client.all_healthy(30)
    found = snapshots.values(client)
    assert (found["/held"], found["/later"]) == (former, former)
    snapshots.one_cluster(formed, client, former)
    snapshots.nothing_to_do(formed)


CASES = {
    "the survivor stages": Case(moment=begins("etcd-etcd01-restore"), manner=everything),
    "all are fenced": Case(moment=all_of(etcd_is_down_on(name) for name in NAMES)),
    "the survivor starts anew": Case(
        moment=all_of(
            (etcd_is_down_on("etcd01"), begins("etcd-etcd01-fence"), has_manifest("etcd01"))
        ),
        manner=everything,
    ),
    "the others join": Case(moment=begins("etcd-etcd03-member"), manner=everything),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("case", tiered(CASES, always=[]))
def test_the_next_up_ends_with_one_cluster_when_one_is_killed_while(
    hosts: Lab, formed: Stack, tmp_path: Path, case: Case
) -> None:
    """What the survivor held is there, on three members."""
    former = formed.outputs()["clusterId"]
    client = Client(tmp_path / "client", formed.outputs())
    client.run("put", "/held", former)
    lost_but(hosts, "etcd01")
    formed.config["restore"] = {"survivor": "etcd01", "replaces": former}
    Run(formed).kill_when(case.moment, case.manner)
    formed.up()
    assert client.all_healthy(30)
    assert snapshots.values(client)["/held"] == former
    snapshots.one_cluster(formed, client, former)
    snapshots.nothing_to_do(formed)
