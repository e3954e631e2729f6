"""A cluster grows and shrinks in one `up`; a dead host is given up, and replaced, in one each."""

from __future__ import annotations

import re

import pytest

from lab.lab import Lab
from tests.support.hosts import NAMES, etcd_flags
from tests.support.killing import Run, everything, shows
from tests.support.membership import FIVE, Membership, entries, left_nothing_but_data

HOSTS = FIVE  # three hosts for the members, and two that are to come


def test_three_members_become_five_in_one_up(membership: Membership, hosts: Lab) -> None:
    """The three go on as they are; the two join, one after the other."""
    membership.starts_as(*NAMES)
    before = membership.client().ids()
    text = membership.becomes(entries(hosts, *FIVE))
    after = membership.client().ids()
    assert {name: after[name] for name in NAMES} == before
    assert "etcd-etcd05-healthy created" in text
    assert not re.search(r"etcd-etcd0[123]-\S+ (updat|creat|delet)", text)


def test_a_dead_host_is_given_up_and_replaced(membership: Membership, hosts: Lab) -> None:
    """`lost: true` takes its entry out; settings go on without it; then a new host has its name."""
    membership.starts_as(*FIVE)
    former = membership.client().members()["etcd05"][0]
    hosts.kill("etcd05")
    lost = entries(hosts, *FIVE)
    lost[4]["lost"] = True
    text = membership.becomes(lost, "etcd05", etcd={"quotaBackendBytes": 3221225472})
    assert "etcd05: given up (lost: true)" in text
    assert "unreachable" not in text
    for name in FIVE[:4]:
        assert "--quota-backend-bytes=3221225472" in etcd_flags(hosts, name)
    hosts.fresh(["etcd05"])
    membership.becomes(entries(hosts, *FIVE))
    assert membership.client().members()["etcd05"][0] != former


def test_five_members_become_three_in_one_up(membership: Membership, hosts: Lab) -> None:
    """Nothing but data set aside stays on the hosts that have left."""
    membership.starts_as(*FIVE)
    membership.becomes(entries(hosts, *NAMES), *FIVE[3:])
    for name in FIVE[3:]:
        left_nothing_but_data(hosts, name)


@pytest.mark.matrix
def test_growing_that_was_cut_off_can_be_taken_back(membership: Membership, hosts: Lab) -> None:
    """The state knows the host and not its member, which the cluster has taken in by then."""
    membership.starts_as(*NAMES)
    stack = membership.stack
    with membership.written():
        stack.config["members"] = entries(hosts, *FIVE)
        run = Run(stack)
        run.kill_when(shows("etcd04: etcd starts"), everything)
        stack.config["members"] = entries(hosts, *NAMES)
        stack.up()
    membership.is_whole()
    for name in FIVE[3:]:
        assert hosts.ssh(name, "pgrep -x 'etcd|kubelet'", check=False).stdout == ""
        assert hosts.ssh(name, "ls /etc/kubernetes/manifests", check=False).stdout == ""
