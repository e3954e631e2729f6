"""Hosts that do not show the key that is pinned: they answer, so they are not down."""

from __future__ import annotations

import asyncio

import asyncssh
import pytest

from etcd_cluster.plan.probe import Observation, Target, observe
from tests.support.samples import SSH, settings

from .test_slow_hosts import ACCESS, LIMITS

KEYS = {
    kind: asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256")
}


def seen_with(pinned: asyncssh.SSHKey, shown: asyncssh.SSHKey) -> Observation:
    """What is seen of a host that has one key, where another is pinned."""

    async def look() -> Observation:
        async with asyncssh.listen("127.0.0.1", 0, server_host_keys=[shown]) as server:
            target = Target(
                name="etcd01",
                host="127.0.0.1",
                port=server.get_port(),
                user="ops",
                host_key=pinned.export_public_key().decode(),
            )
            wanted = settings(ssh=SSH | LIMITS)
            return (await asyncio.to_thread(observe, [target], wanted, ACCESS))["etcd01"]

    return asyncio.run(look())


@pytest.mark.parametrize("kind", KEYS)
def test_another_key_of_the_pinned_type_is_refused(kind: str) -> None:
    """Another machine may answer there."""
    seen = seen_with(KEYS[kind], asyncssh.generate_private_key(kind))
    assert seen.unreachable == ""
    assert "host key does not match ssh.knownHostsFile" in seen.refused


@pytest.mark.parametrize(("pinned", "shown"), [tuple(KEYS), tuple(reversed(KEYS))])
def test_key_of_another_type_is_refused(pinned: str, shown: str) -> None:
    """A host that is called unreachable would be taken for one that is as it was."""
    seen = seen_with(KEYS[pinned], KEYS[shown])
    assert seen.unreachable == ""
    assert "the host offers no key of the type that ssh.knownHostsFile has for it" in seen.refused
    assert "another machine is answering" in seen.refused
