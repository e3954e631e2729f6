"""Hosts that do not show the key that is pinned: they answer, so they are not down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import asyncssh
import pytest

from etcd_cluster.plan.link import key_algorithms
from etcd_cluster.plan.probe import Observation, Target, observe
from tests.support.samples import SSH, settings

from .test_slow_hosts import ACCESS, LIMITS

KEYS = {
    kind: asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256")
}


def seen_with(pinned: asyncssh.SSHKey, *shown: asyncssh.SSHKey) -> Observation:
    """What is seen of a host that has these keys, where that one is pinned."""

    async def look() -> Observation:
        async with asyncssh.listen("127.0.0.1", 0, server_host_keys=[*shown]) as server:
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


@pytest.mark.parametrize("shown", KEYS)
@pytest.mark.parametrize("pinned", KEYS)
def test_key_that_is_not_the_pinned_one_is_refused(pinned: str, shown: str) -> None:
    """Of that type or another: a host that is called unreachable is taken to be as it was."""
    seen = seen_with(KEYS[pinned], asyncssh.generate_private_key(shown))
    assert seen.unreachable == ""
    assert "host key does not match ssh.knownHostsFile" in seen.refused


RSA = asyncssh.generate_private_key("ssh-rsa")


def test_host_is_asked_for_its_pinned_key_first() -> None:
    """It may have several; and OpenSSH hangs up on whoever asks for none that it has."""
    for kind, key in {**KEYS, "ssh-rsa": RSA}.items():
        asked = key_algorithms(key)
        assert asked[0] == kind
        assert {"ssh-ed25519", "ecdsa-sha2-nistp256"} <= set(asked)


def test_pinned_rsa_key_is_refused_before_pulumi_command_cannot_use_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It asks for a signature with SHA-1 alone, and OpenSSH since 8.8 signs with SHA-2."""
    choose = asyncssh.SSHServerConnection.choose_server_host_key

    def as_openssh(self: asyncssh.SSHServerConnection, asked: Sequence[bytes]) -> bool:
        return choose(self, [each for each in asked if each != b"ssh-rsa"])

    monkeypatch.setattr(asyncssh.SSHServerConnection, "choose_server_host_key", as_openssh)
    seen = seen_with(RSA, RSA, KEYS["ssh-ed25519"])
    assert "the pinned key is RSA" in seen.refused
