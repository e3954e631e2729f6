"""A command on a host, over SSH, that ends without reading what it is given."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncssh
import pytest

from etcd_cluster.plan import link

SAID = b"m\xfcde\nsudo: a password is required\n"  # a line of a profile, in Latin-1


class _Anyone(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False


async def _refuse(process: asyncssh.SSHServerProcess[bytes]) -> None:
    process.stderr.write(SAID)
    process.exit(1)


async def _told(text: str, late: pytest.MonkeyPatch | None) -> asyncssh.SSHCompletedProcess:
    key = asyncssh.generate_private_key("ssh-ed25519")
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=_Anyone,
        server_host_keys=[key],
        process_factory=_refuse,
        encoding=None,
    )
    port = server.get_port()
    async with (
        server,
        asyncssh.connect(
            "127.0.0.1", port, known_hosts=None, username="ops", config=None
        ) as connection,
    ):
        opened = connection.create_process

        async def ended(line: str, **options: Any) -> asyncssh.SSHClientProcess[Any]:
            process: asyncssh.SSHClientProcess[Any] = await opened(line, **options)
            await process.wait_closed()
            return process

        if late is not None:
            late.setattr(connection, "create_process", ended)
        done = await link.run(connection, "sudo -n true", text)
    return done


@pytest.mark.parametrize("size", [10, 3_000_000])
@pytest.mark.parametrize("before_the_first_byte", [False, True])
def test_what_it_says_is_read_when_it_ends_first(
    monkeypatch: pytest.MonkeyPatch, size: int, *, before_the_first_byte: bool
) -> None:
    """A user without sudo is told so, and not that the host is unreachable; a byte that is not
    UTF-8 is no reason either."""
    late = monkeypatch if before_the_first_byte else None
    done = asyncio.run(_told("x" * size, late))
    assert done.exit_status == 1
    assert str(done.stderr) == SAID.decode(errors="replace")


@pytest.mark.parametrize("host", ["etcd01..example.com", f"{'a' * 64}.example.com", "."])
def test_name_that_cannot_be_looked_up_is_an_unreachable_host(host: str) -> None:
    """And no traceback."""
    with pytest.raises(OSError, match="is not a DNS name") as caught:
        asyncio.run(link.connected(host, 22))
    assert link.reason(caught.value) == f"{host!r} is not a DNS name"
