"""An `up` that moves members, adds a sixth and a seventh or gives one up is killed; typed again, it
finishes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.hosts import NAMES
from tests.support.killing import shows
from tests.support.membership import SEVEN, Membership, entries
from tests.support.storm import killed

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
MOVED = ("etcd01", "etcd02@etcd04", "etcd03@etcd05")


@pytest.fixture
def own_stack(lab: Lab, tmp_path: Path) -> Iterator[Stack]:
    """A new cluster of three for each manner of being killed, and four hosts to move to."""
    lab.fresh(SEVEN)
    stack = Stack(tmp_path, lab, NAMES)
    stack.config["allowEvenMembers"] = True
    stack.up()
    yield stack
    lab.down()


def readdressed(hosts: Lab) -> list[dict[str, Any]]:
    """The three members at a second address of their hosts; SSH stays where it was."""
    found = entries(hosts, *NAMES)
    for number, entry in enumerate(found, 101):
        second = f"{entry['address'].rpartition('.')[0]}.{number}"
        hosts.ssh(entry["name"], f"ip addr replace {second}/24 dev eth0")
        entry |= {"address": second, "sshHost": entry["address"]}
    return found


def with_lost(hosts: Lab) -> list[dict[str, Any]]:
    """The seventh host is dead, and given up."""
    hosts.kill("etcd07")
    found = entries(hosts, *MOVED, "etcd06", "etcd07")
    found[-1]["lost"] = True
    return found


CHANGES: list[tuple[str, int, Callable[[Lab], list[dict[str, Any]]], tuple[str, ...]]] = [
    ("its peer URL becomes", 2, readdressed, ()),
    ("its peer URL becomes", 1, lambda lab: entries(lab, *NAMES), ()),
    (
        "etcd02: joins as a learner",
        1,
        lambda lab: entries(lab, "etcd01", "etcd02@etcd04", "etcd03"),
        (),
    ),
    ("etcd03-former-host creating", 1, lambda lab: entries(lab, *MOVED), ()),
    ("etcd07: joins as a learner", 1, lambda lab: entries(lab, *MOVED, "etcd06", "etcd07"), ()),
    ("removed the lost member etcd07", 1, with_lost, ("etcd07",)),
]
"""When it is killed, at which such line; the members that it brings; hosts that are dead then."""


@pytest.mark.parametrize("all_of_it", [True, False], ids=["everything", "the CLI"])
def test_a_killed_move_is_finished_by_the_next_up(
    lab: Lab, own_stack: Stack, tmp_path: Path, all_of_it: bool
) -> None:
    """Other addresses, other hosts, two more members, and one that is given up."""
    membership = Membership(lab, own_stack, tmp_path)
    for number, (moment, times, wanted, dead) in enumerate(CHANGES):
        client = membership.client(*dead)  # of the cluster as it was
        own_stack.config["members"] = wanted(lab)
        at = shows(moment, times)
        killed(own_stack, client, f"/move{number}/", at, all_of_it=all_of_it)
        own_stack.up()  # forgets former hosts that were cleared
        membership.is_whole()
