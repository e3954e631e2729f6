"""The wire of the probe: a connection to a host, and a command there."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket

import asyncssh


async def run(
    connection: asyncssh.SSHClientConnection, line: str, text: str
) -> asyncssh.SSHCompletedProcess:
    """How a command ends that is given this text; also one that ends without reading it.

    Raises asyncssh.Error where the host is gone before.
    """
    process = await connection.create_process(line, errors="replace")
    with contextlib.suppress(BrokenPipeError):  # what it says tells why
        process.stdin.write(text)
        process.stdin.write_eof()
    done = await process.wait()
    if done.exit_status is None and not done.exit_signal:
        # It did not end: an end without a word would pass for a refusal.
        raise asyncssh.ConnectionLost("the host fell silent, or closed the connection")
    return done


async def connected(host: str, port: int) -> socket.socket:
    """A TCP connection. Raises OSError."""
    loop = asyncio.get_running_loop()
    failed: OSError = OSError(errno.EHOSTUNREACH, os.strerror(errno.EHOSTUNREACH))
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError:  # an empty label, or one of more than 63 characters
        raise OSError(f"{host!r} is not a DNS name") from None
    for family, kind, protocol, _, address in found:
        wire = socket.socket(family, kind, protocol)
        wire.setblocking(False)
        try:
            await loop.sock_connect(wire, address)
        except OSError as error:
            wire.close()
            failed = error
        except BaseException:
            wire.close()
            raise
        else:
            return wire
    raise failed


WRONG_KEY = (
    "host key does not match ssh.knownHostsFile. If the host was reinstalled, or the pinned key is "
    "RSA (which pulumi-command uses with SHA-1 only) or one that the host does not have, replace "
    "its line there with its Ed25519 or ECDSA key. If none of this is so, another machine answers "
    "at its address"
)
NO_COMMON_KEY = (
    "no algorithm of SSH in common with the host ({reason}): it is too old, or restricted, or "
    "another machine is answering at its address"
)
_ALGORITHMS = ("ssh-ed25519", *(f"ecdsa-sha2-nistp{bits}" for bits in (256, 384, 521)))


def key_algorithms(pinned: asyncssh.SSHKey) -> list[str]:
    """What a host may sign with: as pulumi-command will ask of its pinned key, if it has that one.
    Else it shows another, which is refused; OpenSSH hangs up on whoever asks for a key that it
    does not have, and would pass for a host that is down.

    With an RSA key pulumi-command asks for SHA-1 (`ssh-rsa`), which OpenSSH since 8.8 refuses: what
    is read in another way than it will be changed is found out in the middle of a run.
    """
    return list(dict.fromkeys([pinned.get_algorithm(), *_ALGORITHMS]))


def reason(error: OSError | asyncssh.Error) -> str:
    """`No route to host`, as other programs put it; asyncio words it differently."""
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)


def shown(said: str) -> list[str]:
    """Lines that a host said, fit for a terminal: the name of a file may have its codes in it."""
    return [
        "".join(each if each.isprintable() or each == "\t" else "?" for each in line)
        for line in said.splitlines()
    ]
