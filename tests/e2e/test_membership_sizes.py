"""Three members become more and three again, and one goes as another comes."""

from __future__ import annotations

import pytest

from lab.lab import Lab
from tests.support.hosts import NAMES, etcd_flags, start_times
from tests.support.membership import SEVEN, Membership, entries, left_nothing_but_data

HOSTS = SEVEN  # as many hosts as there are ever members

pytestmark = [pytest.mark.matrix, pytest.mark.long]


def test_three_become_seven_and_become_three_again(membership: Membership, hosts: Lab) -> None:
    """Each step in one `up`; nothing but data set aside stays on the hosts that have left."""
    membership.starts_as(*NAMES)
    for size in (5, 7):
        membership.becomes(entries(hosts, *SEVEN[:size]))
    membership.becomes(entries(hosts, *NAMES), *SEVEN[3:])
    for name in SEVEN[3:]:
        left_nothing_but_data(hosts, name)


def test_one_goes_and_another_comes_in_one_up(membership: Membership, hosts: Lab) -> None:
    """Under a new name on a new host; the new one is there before the old one goes."""
    membership.starts_as(*NAMES)
    text = membership.becomes(entries(hosts, "etcd01", "etcd02", "etcd04"), "etcd03")
    assert text.index("etcd04-healthy created") < text.index("etcd03-member deleting")
    membership.becomes(entries(hosts, *NAMES), "etcd04")


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
