"""A cluster that was made by hand, with data in it and clients that write, becomes a stack's."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support import by_hand
from tests.support.adoption import adopted_untouched, is_clean, processes, rolled
from tests.support.authorities import authorities
from tests.support.etcd import Client
from tests.support.hosts import NAMES, etcd_flags, reboot_all
from tests.support.tiers import tiered
from tests.support.unharmed import unharmed


@pytest.mark.parametrize(
    "page", tiered({"page": True, "loopback": False}, always=[], matrix=["page"])
)
def test_cluster_is_adopted_with_its_ca(own_hosts: Lab, tmp_path: Path, page: bool) -> None:
    """The first `up` restarts nothing, the second rolls it, and then it is as any other: a setting
    changes, and a member whose disk was emptied comes back.
    """
    by_hand.made_by_hand(own_hosts, tmp_path, page=page)
    stack = Stack(tmp_path, own_hosts, NAMES)
    client = by_hand.first_client(own_hosts, tmp_path / "client")
    client.run("put", "before", "adoption")
    by_hand.adopting(stack, tmp_path / "given")
    adopted_untouched(stack, client)
    body = (tmp_path / "given/ca.key").read_text().splitlines()[1]
    assert body not in stack.state_file.read_text()
    if not page:
        reboot_all(own_hosts)
        assert client.all_healthy()
    preview = stack.preview()
    assert body not in preview
    for name in NAMES:
        assert f"::etcd-{name}-member]" in preview
    assert preview.count("adopted; restarts with election-timeout=1000") == len(NAMES)
    assert preview.count("(was https://") == (len(NAMES) if page else 0)
    rolled(stack, client)
    guard = "--peer-trusted-ca-file=/var/lib/etcd/member/peer-ca-0.crt"
    assert all(guard in etcd_flags(own_hosts, name) for name in NAMES)
    is_clean(stack, client)
    assert "a CA's private key is on this host" in stack.preview()
    own_hosts.ssh("etcd01", f"rm {by_hand.PKI}/ca.key /root/pki-*/pki/etcd/ca.key")
    assert "private key" not in stack.preview()

    stack.config["etcd"] = {"quotaBackendBytes": 3 * 1024**3}
    with unharmed(client):
        stack.up()
    assert "--quota-backend-bytes=3221225472" in etcd_flags(own_hosts, "etcd01")
    own_hosts.wipe("etcd02")
    stack.up()
    is_clean(stack, client)
    assert client.run("get", "before", "--print-value-only").stdout.strip() == "adoption"
    assert Client(tmp_path / "new", stack.outputs()).healthy() == len(NAMES)


@pytest.mark.matrix
@pytest.mark.long
def test_adopted_cluster_is_given_back_before_its_roll(own_hosts: Lab, tmp_path: Path) -> None:
    """As the runbook says; it is as it was, and another stack may adopt it."""
    by_hand.made_by_hand(own_hosts, tmp_path, page=True)
    client = by_hand.first_client(own_hosts, tmp_path / "client")
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        stack = Stack(tmp_path / name, own_hosts, NAMES)
        by_hand.adopting(stack, tmp_path / "given")
        adopted_untouched(stack, client)
        before = processes(own_hosts)
        stack.pulumi("stack", "rm", "--force", "--yes")
        for host in NAMES:
            own_hosts.ssh(host, "rm -r /var/lib/etcd-host /usr/local/sbin/etcd-host")
        assert processes(own_hosts) == before
        assert client.healthy() == len(NAMES)


@pytest.mark.matrix
@pytest.mark.long
def test_member_that_loses_its_disk_before_its_turn_comes_back(
    own_hosts: Lab, tmp_path: Path
) -> None:
    """It has no guard yet, and is taken in through the quorum as any other."""
    by_hand.made_by_hand(own_hosts, tmp_path, page=True)
    stack = Stack(tmp_path, own_hosts, NAMES)
    client = by_hand.first_client(own_hosts, tmp_path / "client")
    by_hand.adopting(stack, tmp_path / "given")
    adopted_untouched(stack, client)
    own_hosts.wipe("etcd02")
    stack.up()
    is_clean(stack, client)


@pytest.mark.matrix
@pytest.mark.long
def test_another_ca_takes_over_from_the_one_that_was_adopted(
    own_hosts: Lab, tmp_path: Path
) -> None:
    """With its key a client that follows late is served until the last step."""
    by_hand.made_by_hand(own_hosts, tmp_path)
    stack = Stack(tmp_path, own_hosts, NAMES)
    client = by_hand.first_client(own_hosts, tmp_path / "client")
    by_hand.adopting(stack, tmp_path / "given")
    adopted_untouched(stack, client)
    # Adoption and the first step of the change are one roll.
    for wanted in ([0, 1], [1, 0]):
        authorities(stack, wanted)
        with unharmed(client):
            stack.up()
        is_clean(stack, client)
    own = Client(tmp_path / "own", stack.outputs())
    authorities(stack, [1])
    rolled(stack, own)
    assert client.healthy() == 0
    is_clean(stack, Client(tmp_path / "own", stack.outputs()))
