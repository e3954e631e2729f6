"""Hosts that fail in the middle of a roll, of a join and of a leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.killing import REACHED_SECONDS, Moment, Run, everything, shows, the_cli
from tests.support.membership import Membership, entries
from tests.support.writer import Writer

NAMES = tuple(f"etcd0{number}" for number in range(1, 9))
Fault = Callable[[Client, Sequence[str]], AbstractContextManager[None]]
"""These hosts fail while it lasts; the client is that of the cluster."""


def storm(
    hosts: Lab,
    cluster: Stack,
    size: int,
    fault: Fault,
    folder: Path,
    seconds: float = REACHED_SECONDS,
    always: Sequence[str] = (),
) -> None:
    """Change a cluster of so many members three times, each with as many hosts failing as the
    quorum can bear. seconds: that the moment of the fault may take to come. always: those that
    fail each time, where not every host can fail so.

    Nothing acknowledged is lost, it stays one cluster, and one `up` after the fault ends with
    every member well.
    """
    many = (size - 1) // 2
    names, more = NAMES[:size], NAMES[: size + 1]
    last = NAMES[size]
    quota = cluster.config.get("etcd", {}).get("quotaBackendBytes", 2 * 1024**3) + 64 * 1024**2
    membership = Membership(hosts, cluster, folder)
    begun = r"etcd0\d-healthy updated"
    phases: list[tuple[str, dict[str, Any], Sequence[str]]] = [
        (begun, {"etcd": {"quotaBackendBytes": quota}}, names[-many:]),
        (f"{last}: (joins|etcd starts)", {"members": entries(hosts, *more)}, names[:many]),
        (f"{last}-member deleting", {"members": entries(hosts, *names)}, names[1 : many + 1]),
    ]
    for number, (moment, change, victims) in enumerate(phases):
        before = cluster.outputs()
        client = Client(folder / f"client{number}", before)
        with Writer(client, f"/storm{number}/") as writer:
            cluster.config |= change
            run = Run(cluster)
            run.wait_until(shows(moment), seconds)
            with fault(client, always or victims):
                run.process.wait(timeout=5 * seconds)
            cluster.up()
        survived(cluster, client, writer, before["clusterId"])
        membership.is_whole()


def killed(cluster: Stack, client: Client, prefix: str, moment: Moment, *, all_of_it: bool) -> None:
    """Change it as it is configured by now, kill that at this moment, and finish it.

    client: of the cluster as it was; it writes keys that begin with the prefix.
    """
    cluster_id = cluster.outputs()["clusterId"]
    with Writer(client, prefix) as writer:
        Run(cluster).kill_when(moment, everything if all_of_it else the_cli)
        cluster.up()
    survived(cluster, client, writer, cluster_id)


def survived(cluster: Stack, client: Client, writer: Writer, cluster_id: str) -> None:
    """Every acknowledged write is there, and it is the same cluster, wherever its members are."""
    after = cluster.outputs()
    client.endpoints = after["endpoints"]
    assert len(writer.acknowledged) > 20
    assert not writer.lost()
    assert after["clusterId"] == cluster_id
