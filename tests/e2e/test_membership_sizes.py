"""Three members become more and three again, and one goes as another comes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.hosts import NAMES, etcd_flags, start_times
from tests.support.killing import Run, everything, shows
from tests.support.membership import FIVE, SEVEN, Membership, entries

pytestmark = pytest.mark.matrix


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[Lab]:
    """As many hosts as there are ever members."""
    lab.fresh(SEVEN)
    yield lab
    lab.down()


@pytest.fixture
def membership(cluster: Stack, hosts: Lab, tmp_path: Path) -> Membership:
    """The cluster, with a client that writes whenever its members change."""
    return Membership(hosts, cluster, tmp_path)


@pytest.mark.parametrize("most", [FIVE, pytest.param(SEVEN, marks=pytest.mark.long)], ids=len)
def test_three_become_more_and_become_three_again(
    membership: Membership, hosts: Lab, most: tuple[str, ...]
) -> None:
    """Each step in one `up`; nothing but data set aside stays on the hosts that have left."""
    membership.starts_as(*NAMES)
    for size in range(5, len(most) + 1, 2):
        membership.becomes(entries(hosts, *most[:size]))
    membership.becomes(entries(hosts, *NAMES), *most[3:])
    for name in most[3:]:
        assert hosts.ssh(name, "pgrep -x 'etcd|kubelet'", check=False).stdout == ""
        assert hosts.ssh(name, "ls -A /var/lib/etcd", check=False).stdout == ""
        assert hosts.ssh(name, "ls /etc/kubernetes/pki", check=False).stdout == ""
        assert hosts.ssh(name, "ls /var/lib/etcd.aside").stdout.split()


@pytest.mark.long
def test_one_goes_and_another_comes_in_one_up(membership: Membership, hosts: Lab) -> None:
    """Under a new name on a new host; the new one is there before the old one goes."""
    membership.starts_as(*NAMES)
    text = membership.becomes(entries(hosts, "etcd01", "etcd02", "etcd04"), "etcd03")
    assert text.index("etcd04-healthy created") < text.index("etcd03-member deleting")
    membership.becomes(entries(hosts, *NAMES), "etcd04")


@pytest.mark.long
def test_one_of_three_dead_is_replaced_by_another_name_while_settings_change(
    membership: Membership, hosts: Lab
) -> None:
    """The new one joins first: of the two that are left none can be spared before that."""
    membership.starts_as(*NAMES)
    stack, quota = membership.stack, {"quotaBackendBytes": 3221225472}
    hosts.kill("etcd02")
    lost = entries(hosts, *NAMES)
    lost[1]["lost"] = True
    before = start_times(hosts, "etcd", "etcd01", "etcd03")
    stack.config |= {"members": lost, "etcd": quota}
    with membership.written("etcd02"):
        done = stack.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.status != 0
    assert "with fewer than three none can be spared" in done.text
    assert start_times(hosts, "etcd", "etcd01", "etcd03") == before
    lost.append(*entries(hosts, "etcd04"))
    text = membership.becomes(lost, "etcd02", etcd=quota, allowEvenMembers=True)
    assert text.index("etcd04-healthy created") < text.index("etcd01-member updated")
    for name in ("etcd01", "etcd03", "etcd04"):
        assert "--quota-backend-bytes=3221225472" in etcd_flags(hosts, name)
    membership.becomes(entries(hosts, "etcd01", "etcd03", "etcd04"), allowEvenMembers=False)
    hosts.fresh(["etcd02"])
    membership.becomes(entries(hosts, *NAMES), "etcd04")


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
