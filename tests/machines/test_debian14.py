"""Debian 14, whose systemd knows no cgroup v1, from bare hosts: the same story as of the releases
before it (tests/e2e/test_debians.py)."""

from __future__ import annotations

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.etcd import Client
from tests.support.hosts import have_no_member, have_quota, up_changes_nothing
from tests.support.machines import on_cgroup_v2, reboot_all
from tests.support.tiers import MACHINES

pytestmark = [*MACHINES, pytest.mark.long]
SYSTEM: System = "debian14"
SHOWS = "first up, second up unchanged, reboot of all, a setting rolled, destroy"
_QUOTA = 3 * 2**30


def test_the_first_up_ends_with_a_healthy_cluster(
    formed: Stack, hosts: Lab, client: Client
) -> None:
    """Everything is installed from the release's own repositories: containerd 2, by apt 3."""
    assert client.all_healthy()
    on_cgroup_v2(hosts)
    assert "deb14" in hosts.ssh("etcd01", "uname -r").stdout
    assert hosts.ssh("etcd01", "containerd --version").stdout.split()[2].startswith("2.")


def test_a_second_up_changes_nothing(formed: Stack) -> None:
    """All resources are unchanged."""
    up_changes_nothing(formed)


def test_the_cluster_comes_back_after_a_reboot(formed: Stack, hosts: Lab, client: Client) -> None:
    """All machines at once."""
    reboot_all(hosts)
    assert client.all_healthy(300)
    formed.pulumi("preview", "--expect-no-changes")


def test_a_setting_is_rolled(formed: Stack, hosts: Lab, client: Client) -> None:
    """The quota is raised member by member."""
    formed.config["etcd"] = {"quotaBackendBytes": _QUOTA}
    formed.up()
    assert client.all_healthy()
    have_quota(hosts, _QUOTA)


def test_destroy_leaves_no_member(formed: Stack, hosts: Lab) -> None:
    """No etcd runs, and the data is aside."""
    formed.destroy()
    have_no_member(hosts)
