"""A cluster of five with dead and emptied members: what goes on, and what is refused at once."""

from __future__ import annotations

import time

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.e2e.test_renewal import served
from tests.support.hosts import etcd_flags, powered_off, start_times
from tests.support.membership import FIVE, SEVEN, Membership, entries

HOSTS = SEVEN  # five hosts for the members, and two that are to come

# One dead member that is given up, and one that is emptied: test_membership.py, test_lost_disks.py.
pytestmark = pytest.mark.long

QUOTA = {"quotaBackendBytes": 3221225472}


@pytest.fixture(scope="module")
def stack(hosts: Lab, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack of five members."""
    return Stack(tmp_path_factory.mktemp("stack"), hosts, FIVE)


def test_two_of_five_emptied_come_back_in_one_up(membership: Membership, hosts: Lab) -> None:
    """Both through the quorum, as new members of the same cluster."""
    before = membership.client().members()
    hosts.wipe("etcd02")
    hosts.wipe("etcd04")
    membership.becomes(entries(hosts, *FIVE), "etcd02", "etcd04")
    after = membership.client().members()
    changed = [name for name in FIVE if after[name][0] != before[name][0]]
    assert changed == ["etcd02", "etcd04"]


def test_one_of_five_dead_stops_nobody_behind_it(membership: Membership, hosts: Lab) -> None:
    """A setting and new certificates reach the four others; the error is about the dead one."""
    before = {name: served(hosts, name, 2379) for name in FIVE[1:]}
    stack = membership.stack
    config = {"etcd": QUOTA, "certificates": {"validityDays": 300}}
    with powered_off(hosts, "etcd01"):
        stack.config |= config
        with membership.written("etcd01"):
            done = stack.pulumi("up", "--yes", "--skip-preview", check=False)
        assert done.status != 0
        failed = [line for line in done.text.splitlines() if "failed**" in line and "etcd0" in line]
        assert failed
        assert all("etcd-etcd01-" in line for line in failed)
        for name in FIVE[1:]:
            assert "--quota-backend-bytes=3221225472" in etcd_flags(hosts, name)
            assert served(hosts, name, 2379) != before[name]
    with membership.written():
        stack.up()
    assert "--quota-backend-bytes=3221225472" in etcd_flags(hosts, "etcd01")
    membership.is_whole()


def test_with_one_dead_nobody_joins_and_nobody_is_kept_waiting(
    membership: Membership, hosts: Lab
) -> None:
    """Growing is refused by etcd, leaving of the dead one in the plan; with names and a way out."""
    with powered_off(hosts, "etcd03"):
        begin = time.monotonic()
        done = membership.refused("etcd03", members=entries(hosts, *SEVEN))
        assert time.monotonic() - begin < 120
        assert f"Not healthy: etcd03 (https://{hosts.address('etcd03')}:2379" in done.text
        assert "members[].lost: true" in done.text
        assert "etcdctl member remove" in done.text
        others = [name for name in FIVE if name != "etcd03"]
        before = start_times(hosts, "etcd", *others)
        done = membership.refused("etcd03", members=entries(hosts, *others, "etcd06"))
        assert "etcd03" in done.text
        assert "is to leave the cluster, and its host is unreachable" in done.text
        assert "keep it in members with lost: true" in done.text
        assert start_times(hosts, "etcd", *others) == before
    assert membership.client().all_healthy(60)
    with membership.written():
        membership.stack.up()
    membership.is_whole()


def test_one_emptied_comes_back_while_a_dead_one_is_given_up(
    membership: Membership, hosts: Lab
) -> None:
    """Etcd takes nobody in while it misses a voter, so the dead one's entry goes first."""
    hosts.kill("etcd01")
    hosts.wipe("etcd04")
    lost = entries(hosts, *FIVE)
    lost[0]["lost"] = True
    membership.becomes(lost, "etcd01", "etcd04")
    hosts.fresh(["etcd01"])
    membership.becomes(entries(hosts, *FIVE))


def test_two_of_five_dead_are_given_up_in_one_up(membership: Membership, hosts: Lab) -> None:
    """Without that a change is refused, with their names; with it all goes on, and they may go."""
    dead = ("etcd02", "etcd05")
    for name in dead:
        hosts.kill(name)
    begin = time.monotonic()
    done = membership.refused(*dead, etcd={"quotaBackendBytes": 4294967296})
    assert time.monotonic() - begin < 120
    assert "restarting it would leave too few members for a quorum" in done.text
    for name in dead:
        assert f"{name} (https://{hosts.address(name)}:2379" in done.text
    assert "members[].lost" in done.text
    lost = entries(hosts, *FIVE)
    for entry in lost:
        if entry["name"] in dead:
            entry["lost"] = True
    # One is replaced under another name while the others are given up.
    lost.append(*entries(hosts, "etcd06"))
    membership.becomes(lost, *dead, etcd={"quotaBackendBytes": 4294967296}, allowEvenMembers=True)
    alive = ("etcd01", "etcd03", "etcd04", "etcd06")
    text = membership.becomes(entries(hosts, *alive))
    assert "unreachable" not in text
    membership.becomes(
        [*entries(hosts, *alive), *entries(hosts, "etcd02@etcd07")], allowEvenMembers=False
    )
