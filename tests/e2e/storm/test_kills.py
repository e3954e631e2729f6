"""An `up` that makes a cluster grow, shrink or roll is killed; typed again, it finishes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.killing import shows
from tests.support.membership import FIVE, Membership, entries
from tests.support.storm import killed

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]
THREE = FIVE[:3]


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[Lab]:
    """Three hosts of members, and two that come and go."""
    lab.fresh(FIVE)
    yield lab
    lab.down()


@pytest.mark.parametrize("all_of_it", [True, False], ids=["everything", "the CLI"])
def test_a_killed_change_is_finished_by_the_next_up(
    hosts: Lab, cluster: Stack, tmp_path: Path, all_of_it: bool
) -> None:
    """In the middle of a roll, of growing and of shrinking."""
    membership = Membership(hosts, cluster, tmp_path / "whole")
    (tmp_path / "whole").mkdir()
    quota = cluster.config.get("etcd", {}).get("quotaBackendBytes", 2 * 1024**3) + 1024**2
    changes: list[tuple[str, dict[str, object]]] = [
        (r"etcd0\d: moving the leadership", {"etcd": {"quotaBackendBytes": quota}}),
        ("etcd04: joins as a learner", {"members": entries(hosts, *FIVE)}),
        ("etcd05-member deleting", {"members": entries(hosts, *THREE)}),
        ("etcd04-healthy created", {"members": entries(hosts, *FIVE)}),
        (r"etcd0[45]-pki deleting", {"members": entries(hosts, *THREE)}),
    ]
    for number, (moment, change) in enumerate(changes):
        cluster.config |= change
        client = Client(tmp_path / f"change{number}", cluster.outputs())
        killed(cluster, client, f"/change{number}/", shows(moment), all_of_it=all_of_it)
        membership.is_whole()
