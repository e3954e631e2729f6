"""Reaching a host over SSH: authentication, host key, retries, one proxy hop."""

import asyncio
import functools
import ipaddress
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncssh

from lab.command_plugin.engine import ResourceLog
from lab.command_plugin.errors import CommandError, DialError

_FIRST_DELAY = 0.1
_BACKOFF = 1.5
_LONGEST_DELAY = 5.0
_LOGIN_TIMEOUT = 120.0
_KEEPALIVE = {"TCP_KEEPIDLE": 15, "TCP_KEEPINTVL": 15, "TCP_KEEPCNT": 9}

# What costs the least CPU first; nothing that needs a library beyond cryptography.
_KEY_EXCHANGES = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group16-sha512",
)
_CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes128-ctr",
)

_T = TypeVar("_T")


@dataclass(frozen=True, kw_only=True)
class Endpoint:
    """One host, and how to log in there. Not shown by repr: it holds secrets."""

    host: str
    port: int
    user: str
    password: str | None
    private_key: str | None
    private_key_password: str | None
    host_key: str | None
    agent_socket: str | None
    dial_error_limit: int
    dial_timeout: float | None

    def __repr__(self) -> str:
        return f"Endpoint({self.address})"

    @property
    def address(self) -> str:
        """Host and port, as errors show them."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, connection: Mapping[str, Any]) -> "Endpoint":
        """Read the `connection` input, or the `proxy` in it."""
        limit = connection.get("dialErrorLimit")
        seconds = connection.get("perDialTimeout")
        key = connection.get("privateKey")
        # An agent is asked only where no key is given: the official plugin tries one key source.
        agent = connection.get("agentSocketPath")
        if agent is None and key is None:
            agent = os.environ.get("SSH_AUTH_SOCK") or None
        return cls(
            host=connection["host"],
            port=int(connection.get("port") or 22),
            user=connection.get("user") or "root",
            password=connection.get("password"),
            private_key=key,
            private_key_password=connection.get("privateKeyPassword"),
            host_key=connection.get("hostKey"),
            agent_socket=agent,
            dial_error_limit=10 if limit is None else int(limit),
            dial_timeout=15.0 if seconds is None else (seconds or None),
        )


async def dial(
    connection: Mapping[str, Any], log: ResourceLog
) -> tuple[asyncssh.SSHClientConnection, list[asyncssh.SSHClientConnection]]:
    """Connect, and return the connection and all that is to be closed after use."""
    target = Endpoint.parse(connection)
    options = _options(target)
    if connection.get("proxy") is None:
        opened = await _retry("Dial", target, log, lambda: _connect(target, options))
        return opened, [opened]
    proxy = Endpoint.parse(connection["proxy"])
    try:
        proxy_options = _options(proxy)
        hop = await _retry("Dial proxy", proxy, log, lambda: _connect(proxy, proxy_options))
    except CommandError as error:
        raise CommandError(f"proxy: {error}") from None
    try:
        opened = await _retry("Dial", target, log, lambda: _connect(target, options, hop))
    except CommandError as error:
        hop.close()
        raise CommandError(f"proxy: {error}") from None
    return opened, [opened, hop]


async def _retry(
    what: str, endpoint: Endpoint, log: ResourceLog, attempt: Callable[[], Awaitable[_T]]
) -> _T:
    delay = _FIRST_DELAY
    failed = 0
    limit = endpoint.dial_error_limit
    while True:
        try:
            return await attempt()
        except DialError as error:
            if -1 < limit <= failed:
                raise CommandError(f"after {failed} failed attempts: {error}") from None
        failed += 1
        shown = "inf" if limit == -1 else limit
        await log.status(f"{what} {failed}/{shown} failed: retrying")
        await asyncio.sleep(delay)
        delay = min(delay * _BACKOFF, _LONGEST_DELAY)


async def _connect(
    endpoint: Endpoint,
    options: asyncssh.SSHClientConnectionOptions,
    hop: asyncssh.SSHClientConnection | None = None,
) -> asyncssh.SSHClientConnection:
    async with AsyncExitStack() as agent:
        target: dict[str, Any] = {"tunnel": hop}
        if keys := await _agent_keys(endpoint, agent):
            target["client_keys"] = keys
        if hop is None:
            target = {**target, "sock": await _open_socket(endpoint)}
        try:
            return await asyncssh.connect(endpoint.host, endpoint.port, options=options, **target)
        except (asyncssh.Error, OSError, TimeoutError) as error:
            raise DialError(_handshake_error(endpoint, error)) from None
        except BaseException:
            if hop is None:
                target["sock"].close()
            raise


async def _agent_keys(endpoint: Endpoint, stack: AsyncExitStack) -> Sequence[asyncssh.SSHKeyPair]:
    # asyncssh would ask the agent by itself, but then loads the user's default keys too.
    if endpoint.agent_socket is None or endpoint.private_key is not None:
        return ()
    try:
        agent = await stack.enter_async_context(asyncssh.connect_agent(endpoint.agent_socket))
        return await agent.get_keys()
    except (OSError, ValueError) as error:
        if endpoint.password is not None:  # a socket left behind need not fail
            return ()
        reason = os.strerror(error.errno or 0) if isinstance(error, OSError) else str(error)
        raise CommandError(
            f"dial unix {endpoint.agent_socket}: connect: {reason.lower()}"
        ) from None


async def _open_socket(endpoint: Endpoint) -> socket.socket:
    # asyncssh could dial too, but its errors do not tell a refusal from a timeout.
    try:
        async with asyncio.timeout(endpoint.dial_timeout):
            return await _connect_to_any(endpoint)
    except TimeoutError:
        raise DialError(f"dial tcp {endpoint.address}: i/o timeout") from None


async def _connect_to_any(endpoint: Endpoint) -> socket.socket:
    failure = DialError(f"dial tcp: lookup {endpoint.host}: no such host")
    loop = asyncio.get_running_loop()
    for family, address in await _addresses(endpoint):
        sock = socket.socket(family, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            for name, value in _KEEPALIVE.items():
                if hasattr(socket, name):
                    sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
            await loop.sock_connect(sock, address)
        except OSError as error:
            sock.close()
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            failure = DialError(f"dial tcp {_join(address)}: connect: {reason}")
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


async def _addresses(endpoint: Endpoint) -> list[tuple[socket.AddressFamily, Any]]:
    try:
        version = ipaddress.ip_address(endpoint.host).version
    except ValueError:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        except OSError:
            return []
        return [(family, address) for family, _, _, _, address in found]
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    return [(family, (endpoint.host, endpoint.port))]


def _join(address: tuple[Any, ...]) -> str:
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _handshake_error(endpoint: Endpoint, error: Exception) -> str:
    match error:
        case asyncssh.PermissionDenied():
            tried = ["none"]
            if endpoint.private_key or endpoint.agent_socket:
                tried.append("publickey")
            if endpoint.password:
                tried += ["password", "keyboard-interactive"]
            reason = (
                f"ssh: unable to authenticate, attempted methods [{' '.join(tried)}], "
                "no supported methods remain"
            )
        case asyncssh.HostKeyNotVerifiable():
            reason = "ssh: host key mismatch"
        case asyncssh.ConnectionLost():
            reason = "EOF"
        case asyncssh.ChannelOpenError():
            return f"ssh: rejected: connect failed ({error.reason})"
        case asyncssh.Error():
            reason = f"ssh: {error.reason}"
        case _:
            reason = str(error) or type(error).__name__
    return f"ssh: handshake failed: {reason}"


# Every command of a host brings the same connection: its keys are parsed once.
@functools.lru_cache(maxsize=256)
def _options(endpoint: Endpoint) -> asyncssh.SSHClientConnectionOptions:
    pinned = None if endpoint.host_key is None else _parse_host_key(endpoint.host_key)
    arguments: dict[str, Any] = {
        # Nothing that this machine's user has lying around takes part: no configuration,
        # no default keys, no known_hosts.
        "config": None,
        "client_keys": None,
        "agent_path": None,
        "username": endpoint.user,
        "password": endpoint.password,
        "gss_host": None,
        "host_based_auth": False,
        "kex_algs": _KEY_EXCHANGES,
        "encryption_algs": _CIPHERS,
        "compression_algs": ["none"],
        "login_timeout": _LOGIN_TIMEOUT,
        "known_hosts": None if pinned is None else ([pinned], [], []),
    }
    if pinned is not None:
        arguments["server_host_key_algs"] = [pinned.get_algorithm()]
    if endpoint.private_key is not None:
        arguments["client_keys"] = [
            _parse_private_key(endpoint.private_key, endpoint.private_key_password)
        ]
    return asyncssh.SSHClientConnectionOptions(**arguments)


def _parse_private_key(key: str, password: str | None) -> asyncssh.SSHKey:
    # No reason of the library's is passed on: it could quote the key.
    try:
        return asyncssh.import_private_key(key, password)
    except asyncssh.KeyEncryptionError:
        raise CommandError("x509: decryption password incorrect") from None
    except asyncssh.KeyImportError as error:
        if "bcrypt" in str(error):
            raise CommandError(
                "this private key's encryption needs the Python package bcrypt, which the "
                "stand-in for Pulumi's command plugin does without; give the key unencrypted"
            ) from None
        if password is not None:
            raise CommandError("x509: decryption password incorrect") from None
        if "passphrase" in str(error).lower():
            raise CommandError("ssh: this private key is passphrase protected") from None
        raise CommandError("ssh: no key found") from None


def _parse_host_key(line: str) -> asyncssh.SSHKey:
    words = line.split()
    # "type key comment", or one word before it: options, or the hosts of a known_hosts line.
    for first in range(min(2, len(words) - 1)):
        try:
            return asyncssh.import_public_key(" ".join(words[first : first + 2]))
        except (asyncssh.KeyImportError, ValueError):
            continue
    raise CommandError("failed to parse host key: ssh: no key found")
