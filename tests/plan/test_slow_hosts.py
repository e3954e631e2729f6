"""Hosts that are slow, dead, or dead while they are read: who is waited for, and how long."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import asyncssh
import pytest

from etcd_cluster.config.credentials import Access
from etcd_cluster.plan.probe import Observation, Target, observe
from tests.support.samples import SSH, settings

KEY = asyncssh.generate_private_key("ssh-ed25519")
ACCESS = Access(private_key=KEY.export_private_key().decode(), host_keys={})
LIMITS = {"connectTimeoutSeconds": 1, "loginTimeoutSeconds": 2, "answerTimeoutSeconds": 4}


async def seen_at(port: int, **limits: int) -> tuple[Observation, float]:
    """What is seen of a host at a port of this machine, and after how many seconds."""
    wanted = settings(ssh=SSH | LIMITS | limits)
    public = KEY.export_public_key().decode()
    target = Target(name="etcd01", host="127.0.0.1", port=port, user="ops", host_key=public)
    begin = time.monotonic()
    seen = await asyncio.to_thread(observe, [target], wanted, ACCESS)
    return seen["etcd01"], time.monotonic() - begin


@dataclass
class Host:
    """A host that lets in after `login` seconds, answers after `answer` more, and is dead after
    `dead`: it is there for the kernel that connects to it, and nothing comes from it any more.
    """

    login: float = 0
    answer: float = 0
    dead: float = 60

    async def seen(self, **limits: int) -> tuple[Observation, float]:
        """What is seen of it, and after how many seconds."""
        host = self

        class Server(asyncssh.SSHServer):
            async def begin_auth(self, username: str) -> bool:
                await asyncio.sleep(host.login)
                return False

        async with asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=Server,
            server_host_keys=[KEY],
            process_factory=self._process,
        ) as server:
            relay = await asyncio.start_server(self._relay(server.get_port()), "127.0.0.1", 0)
            try:
                return await seen_at(relay.sockets[0].getsockname()[1], **limits)
            finally:
                relay.close()

    async def _process(self, process: asyncssh.SSHServerProcess[str]) -> None:
        await asyncio.sleep(self.answer)
        with contextlib.suppress(OSError):
            process.stdout.write("init: systemd\nclock-end: 1.5\n")
            process.exit(0)

    def _relay(
        self, port: int
    ) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
        async def one_way(
            source: asyncio.StreamReader, sink: asyncio.StreamWriter, end: float
        ) -> None:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    if time.monotonic() < end:
                        sink.write(data)
                sink.close()

        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            end = time.monotonic() + self.dead
            source, sink = await asyncio.open_connection("127.0.0.1", port)
            try:
                await asyncio.gather(one_way(reader, sink, end), one_way(source, writer, end))
            finally:  # the loop may be about to end
                sink.transport.abort()
                writer.transport.abort()

        return carry


def test_slow_host_is_waited_for() -> None:
    """Longer than a dead one would be: each step has its own limit."""
    seen, took = asyncio.run(
        Host(login=1, answer=2.5).seen(loginTimeoutSeconds=20, answerTimeoutSeconds=20)
    )
    assert (seen.refused, seen.unreachable, seen.fact("init")) == ("", "", "systemd")
    assert took > 3


def test_busy_host_is_waited_for_when_the_limit_is_raised() -> None:
    """As the message says."""
    seen, _ = asyncio.run(Host(answer=4.5).seen(answerTimeoutSeconds=30))
    assert seen.seen
    seen, took = asyncio.run(Host(answer=60).seen(answerTimeoutSeconds=2))
    assert "`etcd-host observe` took more than 2 s" in seen.unreachable
    assert "ssh.answerTimeoutSeconds" in seen.unreachable
    assert took < 30


@pytest.mark.parametrize("host", [Host(login=60), Host(dead=0)], ids=["no login", "no greeting"])
def test_host_that_lets_nobody_in_is_waited_for_as_long_as_a_login_may_take(host: Host) -> None:
    """Its kernel accepts connections for an sshd that has stopped, or has no disk."""
    seen, took = asyncio.run(host.seen())
    assert seen.unreachable == (
        "it accepts connections, but sshd did not complete the login of 'ops' within 2 s; if the "
        "host is slow, raise ssh.loginTimeoutSeconds"
    )
    assert 1.9 < took < 30


def test_host_that_dies_while_it_is_read_is_not_waited_for() -> None:
    """As long as a login may take, and not until it should have answered; that is no refusal."""
    seen, took = asyncio.run(Host(answer=60, dead=1).seen(answerTimeoutSeconds=40))
    assert seen.refused == ""
    assert "fell silent" in seen.unreachable
    assert took < 30


def test_dead_host_is_told_at_once() -> None:
    """Nothing accepts a connection there."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        with contextlib.ExitStack() as waiting:
            for _ in range(2):
                client = waiting.enter_context(socket.socket())
                client.setblocking(False)
                client.connect_ex(full.getsockname())
            seen, took = asyncio.run(seen_at(full.getsockname()[1]))
    assert seen.unreachable == "no answer within 1 s"
    assert took < 15


def test_one_dead_host_of_three_costs_no_more_than_itself() -> None:
    """All are looked at at once."""
    wanted = settings(ssh=SSH | LIMITS)
    public = KEY.export_public_key().decode()
    target = Target(name="a", host="127.0.0.1", port=9, user="ops", host_key=public)
    begin = time.monotonic()
    seen = observe([replace(target, name=name) for name in "abc"], wanted, ACCESS)
    assert [each.unreachable for each in seen.values()] == ["Connection refused"] * 3
    assert time.monotonic() - begin < 15
