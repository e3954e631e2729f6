"""A cluster whose CA's key is lost becomes a stack's, and another CA takes over step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support import by_hand
from tests.support.adoption import adopted_untouched, is_clean, rolled
from tests.support.authorities import authorities
from tests.support.etcd import Client
from tests.support.hosts import NAMES, start_times
from tests.support.terminal import one_error
from tests.support.unharmed import UP, unharmed
from tests.support.untouched import untouched


@pytest.mark.matrix
@pytest.mark.long
def test_cluster_is_adopted_without_its_cas_key(own_hosts: Lab, tmp_path: Path) -> None:
    """Clients follow with the CAs first, then with certificates; nobody is cut off before."""
    by_hand.made_by_hand(own_hosts, tmp_path, page=True)
    own_hosts.ssh("etcd01", f"rm {by_hand.PKI}/ca.key /root/pki-*/pki/etcd/ca.key")
    stack = Stack(tmp_path, own_hosts, NAMES)
    client = by_hand.first_client(own_hosts, tmp_path / "client")
    client.run("put", "before", "adoption")
    by_hand.adopting(stack, tmp_path / "given", key=False)
    adopted_untouched(stack, client)
    assert not {"clientCertificate", "clientKey"} & set(stack.outputs())
    rolled(stack, client)
    is_clean(stack, client)
    a_step_is_refused(stack, [1])

    client.files["cacert"].write_text(stack.outputs()["caCertificate"])
    authorities(stack, [1, 0])
    before = start_times(own_hosts, "etcd")
    with unharmed(client) as writer:
        stack.up()
    assert writer.failed == []
    assert start_times(own_hosts, "etcd") == before
    is_clean(stack, client)
    a_step_is_refused(stack, [0, 1])

    own = Client(tmp_path / "own", stack.outputs())
    assert own.healthy() == len(NAMES)
    authorities(stack, [1])
    rolled(stack, own)
    own = Client(tmp_path / "own", stack.outputs())
    is_clean(stack, own)
    assert client.healthy() == 0  # of the CA that is trusted no more
    assert own.run("get", "before", "--print-value-only").stdout.strip() == "adoption"
    del stack.config["adopt"], stack.config["certificates"]
    is_clean(stack, own)


def a_step_is_refused(stack: Stack, wanted: list[int]) -> None:
    """A step that cannot be the next one, and nothing is touched."""
    before = dict(stack.config["certificates"])
    authorities(stack, wanted)
    with untouched(stack.lab):
        error = one_error(stack.pulumi(*UP, check=False))
    print(error)
    assert "certificates.authorities" in error
    stack.config["certificates"] = before
