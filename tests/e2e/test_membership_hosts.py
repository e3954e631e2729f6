"""A member gets a new host, while its former one lives and while that is off."""

from __future__ import annotations

import pytest

from lab.lab import Lab
from tests.support.hosts import NAMES, etcd_flags, powered_off, start_times
from tests.support.membership import FIVE, Membership, entries

HOSTS = FIVE  # three hosts for the members, and two to move to

pytestmark = pytest.mark.matrix

OURS = (
    "/etc/kubernetes/pki /etc/kubernetes/etcd-host /var/lib/etcd /var/lib/etcd-host "
    "/usr/local/sbin/etcd-host /etc/kubernetes/manifests/etcd.yaml "
    "/var/lib/kubelet/etcd-service-manager.yaml /etc/modules-load.d/etcd-host.conf "
    "/etc/sysctl.d/99-zz-etcd-host.conf /etc/systemd/system/kubelet.service.d"
)


def moved(membership: Membership, members: list[dict[str, str]], *silent: str) -> str:
    """One `up` in which a host is another one; what it said."""
    membership.stack.config["members"] = members
    with membership.written(*silent):
        return membership.stack.up()


@pytest.mark.long
def test_a_former_host_that_lives_is_cleared(membership: Membership, hosts: Lab) -> None:
    """The new host joins, then nothing of ours is left on the other but data set aside."""
    members = entries(hosts, "etcd01", "etcd02@etcd04", "etcd03")
    text = moved(membership, members, "etcd02")
    assert "etcd-etcd02-former-host" in text
    left = hosts.ssh("etcd02", f"ls -d {OURS} 2>/dev/null", check=False).stdout.split()
    assert left == []
    assert hosts.ssh("etcd02", "pgrep -x 'etcd|kubelet'", check=False).stdout == ""
    assert hosts.ssh("etcd02", "ls /var/lib/etcd.aside").stdout.split()
    # The next run forgets that it was done, and dials nobody for it.
    hosts.kill("etcd02")
    assert "1 deleted" in membership.stack.up()
    membership.is_whole()
    hosts.fresh(["etcd02"])
    moved(membership, entries(hosts, *NAMES), "etcd04")
    membership.stack.up()
    membership.is_whole()


@pytest.mark.long
def test_a_former_host_that_is_off_is_named(membership: Membership, hosts: Lab) -> None:
    """A warning says what lies there; the new one joins all the same."""
    members = entries(hosts, "etcd01", "etcd02", "etcd03@etcd05")
    hosts.kill("etcd03")
    membership.stack.config["members"] = members
    preview = membership.stack.preview()
    assert f"etcd03: its former host {hosts.address('etcd03')} is unreachable" in preview
    assert "three private keys of this cluster stay there" in preview
    text = membership.becomes(members, "etcd03")
    assert f"etcd03: its former host {hosts.address('etcd03')} is unreachable" in text
    assert "etcd-etcd03-former-host" not in text
    hosts.fresh(["etcd03"])
    moved(membership, entries(hosts, *NAMES), "etcd05")
    membership.stack.up()
    membership.is_whole()


@pytest.mark.long
def test_one_of_three_dead_refuses_what_would_cost_the_quorum(
    membership: Membership, hosts: Lab
) -> None:
    """At the first living member, with the names; nobody is restarted."""
    before = start_times(hosts, "etcd", *NAMES[1:])
    with powered_off(hosts, "etcd01"):
        done = membership.refused("etcd01", etcd={"quotaBackendBytes": 3221225472})
        assert "restarting it would leave too few members for a quorum" in done.text
        assert f"not healthy: etcd01 (https://{hosts.address('etcd01')}:2379" in done.text
        assert start_times(hosts, "etcd", *NAMES[1:]) == before
    assert membership.client().all_healthy(60)
    assert "--quota-backend-bytes=3221225472" not in etcd_flags(hosts, "etcd02")
    membership.is_unchanged()
