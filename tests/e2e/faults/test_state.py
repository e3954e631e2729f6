"""The stack's state is lost, is an old one, or is another stack's: the cluster stays as it is."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.backups import backup, put_back
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, etcd_flags
from tests.support.terminal import faults, one_error
from tests.support.unharmed import UP, unharmed
from tests.support.untouched import untouched

OTHERS = ("etcd04", "etcd05", "etcd06")
# One that no other test of this folder leaves behind.
QUOTA = 7 * 1024**3 + 1024**2
RUNBOOK = "docs/runbooks/lost-state.md"


def test_a_stack_that_lost_its_state_changes_nothing(
    hosts: Lab, formed: Stack, client: Client, tmp_path: Path
) -> None:
    """The same configuration with an empty backend: refused, and `destroy` has nothing to do."""
    second = Stack(tmp_path, hosts, NAMES)
    with untouched(hosts), unharmed(client):
        for command in (("preview",), UP):
            error = one_error(second.pulumi(*command, check=False))
            assert error.startswith("the hosts are not ready; nothing was changed:")
            lines = faults(error)
            for name in NAMES:
                label = f"{name} ({hosts.address(name)}): "
                (line,) = [each for each in lines if each.startswith(label)]
                assert f"belongs to member {name} of cluster etcd" in line
                assert RUNBOOK in line
        second.destroy()
    formed.pulumi("preview", "--expect-no-changes")


@pytest.mark.matrix
@pytest.mark.long
def test_an_older_state_converges_to_the_same_cluster(
    hosts: Lab, cluster: Stack, client: Client, tmp_path: Path
) -> None:
    """A backup from before a roll is put back: what the hosts hold is seen as another state than
    the stack's, and the next `up` makes them agree.
    """
    older = backup(cluster, tmp_path / "older")
    with configured(cluster, etcd={"quotaBackendBytes": QUOTA}):
        cluster.up()
    put_back(cluster, older)
    text = cluster.preview()
    for name in NAMES:
        assert f"etcd-{name}-member" in text
    assert "holds another desired state than this stack's" in text
    with unharmed(client):
        cluster.up()
    assert not [each for each in etcd_flags(hosts, "etcd01") if each.endswith(str(QUOTA))]
    cluster.pulumi("preview", "--expect-no-changes")


@pytest.mark.matrix
def test_members_on_new_hosts_alone_are_refused(hosts: Lab, cluster: Stack, client: Client) -> None:
    """Three new names on three new hosts would be an empty cluster under the stack's endpoints."""
    hosts.up(OTHERS)
    members = [{"name": name, "address": hosts.address(name)} for name in OTHERS]
    try:
        with (
            untouched(hosts, *NAMES, *OTHERS),
            unharmed(client),
            configured(cluster, members=members, deletionProtection=False),
        ):
            for command in (("preview",), UP):
                (line,) = faults(one_error(cluster.pulumi(*command, check=False)))
                assert line.startswith("members: none of etcd04, etcd05, etcd06 is a member")
                assert "its data would be left behind" in line
                assert "keep at least one of them" in line
    finally:
        for name in OTHERS:
            hosts.kill(name)


def test_another_container_runtime_is_refused(hosts: Lab, cluster: Stack, client: Client) -> None:
    """The running etcd would be left to a runtime that nobody asks for anything any more."""
    with untouched(hosts), unharmed(client), configured(cluster, containerRuntime="crio"):
        lines = faults(one_error(cluster.pulumi(*UP, check=False)))
    for name in NAMES:
        found = [line for line in lines if line.startswith(f"{name} ") and "runs under" in line]
        assert len(found) == 1
        assert "/run/containerd/containerd.sock" in found[0]
        assert "Set containerRuntime back" in found[0]


@pytest.mark.matrix
def test_a_member_s_address_that_its_host_does_not_have_is_refused(
    hosts: Lab, cluster: Stack, client: Client
) -> None:
    """The member would be told to move to where nobody finds it."""
    members = copy.deepcopy(cluster.config["members"])
    elsewhere = hosts.address("etcd02").rpartition(".")[0] + ".99"
    members[1] |= {"sshHost": hosts.address("etcd02"), "address": elsewhere}
    with untouched(hosts), unharmed(client), configured(cluster, members=members):
        lines = faults(one_error(cluster.pulumi(*UP, check=False)))
    (line,) = [each for each in lines if each.startswith("etcd02 ")]
    assert f"{elsewhere!r} is not an address of this host" in line


@pytest.mark.long
def test_a_state_from_before_growing_finds_the_member_that_it_does_not_know(
    hosts: Lab, cluster: Stack, tmp_path: Path
) -> None:
    """It is there, healthy, and this cluster's: the same configuration takes it as it is."""
    hosts.fresh(OTHERS[:2])
    older = backup(cluster, tmp_path / "older")
    before = copy.deepcopy(cluster.config)
    cluster.config["members"] += [
        {"name": name, "address": hosts.address(name)} for name in OTHERS[:2]
    ]
    cluster.up()
    client = Client(tmp_path / "client", cluster.outputs())
    ids = client.ids()
    put_back(cluster, older)
    with unharmed(client):
        cluster.up()
        assert client.ids() == ids
        cluster.pulumi("preview", "--expect-no-changes")
    cluster.config = before
    cluster.up()
    assert sorted(Client(tmp_path / "client", cluster.outputs()).members()) == sorted(NAMES)
    for name in OTHERS[:2]:
        hosts.kill(name)
