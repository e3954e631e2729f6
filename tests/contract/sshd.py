"""A throw-away SSH server on loopback: the machine's own sshd, or asyncssh where there is none."""

import asyncio
import getpass
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from typing import Any

import asyncssh

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
AcceptEnv CONTRACT_*
MaxStartups 200
LogLevel ERROR
"""


@dataclass(frozen=True)
class Sshd:
    """Where the server listens, and the keys to it."""

    port: int
    user: str
    private_key: str
    encrypted_key: str
    """Another key to it; its password is "pass"."""
    host_key: str
    is_openssh: bool

    def connection(self, **changes: Any) -> dict[str, Any]:
        """Return a `connection` input for this server; None removes a value."""
        values = {
            "host": "127.0.0.1",
            "port": self.port,
            "user": self.user,
            "privateKey": self.private_key,
            "hostKey": self.host_key,
            **changes,
        }
        return {name: value for name, value in values.items() if value is not None}


def free_port() -> int:
    """Find a port on which nothing listens."""
    with closing(socket.socket()) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def new_key() -> asyncssh.SSHKey:
    """Make a key pair."""
    return asyncssh.generate_private_key("ssh-ed25519")


@contextmanager
def running_sshd(folder: Path) -> Iterator[Sshd]:
    """Run an SSH server until the block ends."""
    host, client = new_key(), new_key()
    host_file = folder / "host"
    host_file.write_bytes(host.export_private_key())
    host_file.chmod(0o600)
    other = asyncssh.generate_private_key("ecdsa-sha2-nistp256")
    keys = client.export_public_key() + other.export_public_key()
    (folder / "authorized").write_bytes(keys)
    details = (
        getpass.getuser(),
        client.export_private_key().decode(),
        other.export_private_key("pkcs1-pem", passphrase="pass").decode(),
        host.export_public_key().decode(),
    )
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is not None:
        with _openssh(program, folder) as port:
            if port is not None:
                yield Sshd(port, *details, is_openssh=True)
                return
    with serving(host, folder / "authorized") as port:
        yield Sshd(port, *details, is_openssh=False)


@contextmanager
def _openssh(program: str, folder: Path) -> Iterator[int | None]:
    port = free_port()
    config = folder / "sshd_config"
    config.write_text(_CONFIG.format(port=port, folder=folder))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
    command = [program, "-D", "-e", "-f", str(config)]
    # Newer versions lock out an address after failed logins, which some tests make on purpose.
    unlocked = [*command[:1], "-t", "-f", str(config), "-o", "PerSourcePenalties=no"]
    if subprocess.run(unlocked, capture_output=True, check=False).returncode == 0:
        command += ["-o", "PerSourcePenalties=no"]
    with (folder / "sshd.log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, stdout=log)
    try:
        yield port if _answers(process, port) else None
    finally:
        process.terminate()
        process.wait(10)


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return True
        except OSError:
            time.sleep(0.02)
    return False


@contextmanager
def serving(host: asyncssh.SSHKey, authorized: Path) -> Iterator[int]:
    """Serve with asyncssh, on a thread of its own; no connection is left open in the end."""
    ports: Queue[int] = Queue()
    connections: list[asyncssh.SSHServerConnection] = []
    loop, stop = asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        acceptor = await asyncssh.listen(
            "127.0.0.1",
            0,
            server_host_keys=[host],
            authorized_client_keys=str(authorized),
            server_factory=lambda: _Server(connections),
            process_factory=_run_by_shell,
            encoding=None,
        )
        ports.put(acceptor.get_port())
        await stop.wait()
        acceptor.close()
        await acceptor.wait_closed()
        # A client that keeps its connection (a plugin may, until it ends) is hung up on.
        for each in connections:
            each.abort()
            await each.wait_closed()

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ports.get(timeout=10)
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


class _Server(asyncssh.SSHServer):
    def __init__(self, connections: "list[asyncssh.SSHServerConnection]") -> None:
        self._connections = connections

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connections.append(conn)

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> bool:
        return True


async def _run_by_shell(process: "asyncssh.SSHServerProcess[bytes]") -> None:
    child = await asyncio.create_subprocess_exec(
        "/bin/sh",
        "-c",
        process.command or "",
        env={**os.environ, **process.env},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    reading = asyncio.create_task(_feed(process.stdin, child.stdin))
    try:
        await asyncio.gather(
            _copy(child.stdout, process.stdout), _copy(child.stderr, process.stderr)
        )
        status = await child.wait()
        if status < 0:
            process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
        else:
            process.exit(status)
    finally:
        reading.cancel()
        with suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


async def _feed(source: "asyncssh.SSHReader[bytes]", sink: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()


async def _copy(source: asyncio.StreamReader, sink: "asyncssh.SSHWriter[bytes]") -> None:
    # When the client hangs up, the pipe closes: that is how the command learns of it.
    while data := await source.read(65536):
        sink.write(data)
        await sink.drain()
