"""One command on a remote host."""

import asyncio
import contextlib
from collections.abc import Mapping

import asyncssh
from asyncssh.packet import String

from lab.command_plugin.dial import dial
from lab.command_plugin.engine import Capture
from lab.command_plugin.errors import CommandError, failed_run, quoted
from lab.command_plugin.operations import Output, Run

_WINDOW = 2 * 1024 * 1024
_PACKET = 32 * 1024
_STDERR = asyncssh.EXTENDED_DATA_STDERR
_LAST_SIGNAL = 128

_SIGNALS = {
    "ABRT": 6, "ALRM": 14, "FPE": 8, "HUP": 1, "ILL": 4, "INT": 2, "KILL": 9,
    "PIPE": 13, "QUIT": 3, "SEGV": 11, "TERM": 15,
}  # fmt: skip

_SETENV_HELP = (
    "Unable to set '{}'. The SSH server must accept this variable: name it in AcceptEnv in "
    "sshd_config. Or write VAR=value before the command, where a shell runs it."
)


async def run(request: Run) -> Output:
    """Run one command over a connection of its own, and return what it wrote."""
    try:
        async with asyncio.timeout(request.dial_seconds):
            connection, opened = await dial(request.inputs["connection"], request.log)
    except TimeoutError:
        raise CommandError("context deadline exceeded") from None
    try:
        return await _run(connection, request)
    finally:
        # The order matters: the host first, then the hop that leads there.
        for each in opened:
            each.close()


async def _run(connection: asyncssh.SSHClientConnection, request: Run) -> Output:
    capture = Capture(request.log, request.inputs.get("logging"))
    session = _Session(capture)
    channel = _Channel(connection, request)
    try:
        # A command of no characters would start a login shell instead.
        await channel.create(
            lambda: session, request.command or " ",
            None, {}, False, None, None, {}, False, None, None, False, False,
        )  # fmt: skip
        # A command that ends without reading its input closes the channel under the write.
        with contextlib.suppress(OSError):
            channel.write(request.stdin)
            channel.write_eof()
        await session.closed
        await capture.finish()
    except asyncssh.ChannelOpenError as error:
        if error.reason == "Session request failed":
            command = request.command
            raise failed_run(f"ssh: command {command} failed", command, b"") from None
        raise CommandError(f"ssh: rejected: {error.reason}") from None
    except (asyncssh.Error, OSError) as error:
        raise CommandError(f"ssh: {error}") from None
    except asyncio.CancelledError:
        _end(channel)
        raise
    finally:
        capture.stop()
    reason = session.failure
    if reason is not None:
        raise failed_run(reason, request.command, capture.combined)
    return Output(capture.text("stdout"), capture.text("stderr"))


def _end(channel: "_Channel") -> None:
    # A command without a terminal outlives its connection, so it is told to stop first. Root's
    # commands do not hear it: there OpenSSH refuses signals. They end at their next output.
    try:
        channel.send_signal("TERM")
    except OSError:
        return


class _Session(asyncssh.SSHClientSession[bytes]):
    """Collects output and the way in which the command ended."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._status: int | None = None
        self._signal: str | None = None
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def data_received(self, data: bytes, datatype: int | None) -> None:
        self._capture.feed("stderr" if datatype == _STDERR else "stdout", data)

    def exit_status_received(self, status: int) -> None:
        self._status = status

    def exit_signal_received(self, signal: str, core_dumped: bool, msg: str, lang: str) -> None:
        self._signal = signal

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closed.done():
            self.closed.set_result(None)

    @property
    def failure(self) -> str | None:
        """Why the command failed, or nothing."""
        if self._signal is not None:
            status = _LAST_SIGNAL + _SIGNALS.get(self._signal, 0)
            return f"Process exited with status {status} from signal {self._signal}"
        if self._status is None:
            return "wait: remote command exited without exit status or exit signal"
        return f"Process exited with status {self._status}" if self._status else None


class _Channel(asyncssh.SSHClientChannel[bytes]):
    """A session that learns whether the server took its variables before the command starts.

    asyncssh sends variables without asking for an answer, and a command that runs without one
    of them can do harm.
    """

    def __init__(self, connection: asyncssh.SSHClientConnection, request: Run) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(connection, loop, "strict", None, "strict", _WINDOW, _PACKET)
        self._request = request

    async def _make_request(self, request: bytes, *args: bytes) -> bool | None:
        if request == b"exec":
            refused = await self._refused(self._request.environment)
            if refused is not None:
                await self._request.log.error(_SETENV_HELP.format(refused))
                self.close()
                raise CommandError(
                    f"could not set environment variable {quoted(refused)}: ssh: setenv failed"
                )
            for name, value in self._request.previous_environment.items():
                if await self._refused({name: value}) is not None:
                    await self._request.log.warning(_SETENV_HELP.format(name))
        return await super()._make_request(request, *args)

    async def _refused(self, variables: Mapping[str, str]) -> str | None:
        for name, value in variables.items():
            if not await super()._make_request(b"env", String(name), String(value)):
                return name
        return None
