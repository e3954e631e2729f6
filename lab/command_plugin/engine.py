"""The engine's log: what a command writes shows there, line by line, while it runs."""

import asyncio

import grpc
import grpc.aio
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc


class Engine:
    """The engine that started this plugin."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.aio.insecure_channel(address)
        self._stub = engine_pb2_grpc.EngineStub(self.channel)

    async def debug(self, message: str) -> None:
        """Send what is of interest to somebody who looks for the cause of trouble."""
        await self.log(message, severity=engine_pb2.DEBUG)

    async def log(
        self,
        message: str,
        *,
        urn: str = "",
        severity: engine_pb2.LogSeverity.ValueType = engine_pb2.INFO,
        ephemeral: bool = False,
    ) -> None:
        """Send one message. An engine that does not answer is no reason to fail an operation."""
        request = engine_pb2.LogRequest(
            severity=severity, message=message, urn=urn, ephemeral=ephemeral
        )
        try:
            await self._stub.Log(request)
        except grpc.RpcError:
            return


class ResourceLog:
    """The log of one resource. Without an engine it drops what it is given."""

    def __init__(self, engine: Engine | None, urn: str) -> None:
        self._engine = engine
        self._urn = urn

    async def warning(self, message: str) -> None:
        """Log what went wrong without failing the operation."""
        await self._send(message, engine_pb2.WARNING)

    async def error(self, message: str) -> None:
        """Log what makes the operation fail."""
        await self._send(message, engine_pb2.ERROR)

    async def status(self, message: str) -> None:
        """Log a message that the next one replaces."""
        await self._send(message, engine_pb2.INFO, ephemeral=True)

    async def _send(
        self, message: str, severity: engine_pb2.LogSeverity.ValueType, ephemeral: bool = False
    ) -> None:
        if self._engine is not None:
            await self._engine.log(message, urn=self._urn, severity=severity, ephemeral=ephemeral)


class Lines:
    """Logs a stream of bytes as it comes, one status message a line, in order."""

    def __init__(self, log: ResourceLog) -> None:
        self._log = log
        self._rest = b""
        self._queue: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._sender: asyncio.Task[None] | None = None

    def feed(self, data: bytes) -> None:
        """Take some bytes; whole lines are sent, the rest waits for its end."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._put(line)

    async def finish(self) -> None:
        """Send what is left and wait until the engine has it all."""
        if self._rest:
            self._put(self._rest)
            self._rest = b""
        if self._sender is not None:
            self._queue.put_nowait(None)
            await self._sender

    def stop(self) -> None:
        """Drop what is not sent yet."""
        if self._sender is not None:
            self._sender.cancel()

    def _put(self, line: bytes) -> None:
        self._queue.put_nowait(line.removesuffix(b"\r"))
        if self._sender is None:
            self._sender = asyncio.create_task(self._send())

    async def _send(self) -> None:
        while (line := await self._queue.get()) is not None:
            await self._log.status(line.decode(errors="replace"))


class Capture:
    """Collects what a command writes, and logs the streams that `logging` names."""

    def __init__(self, log: ResourceLog, logging: str | None) -> None:
        self._lines = Lines(log)
        self._logged = {
            "stdout": logging in (None, "stdout", "stdoutAndStderr"),
            "stderr": logging in (None, "stderr", "stdoutAndStderr"),
        }
        self._parts: dict[str, list[bytes]] = {"stdout": [], "stderr": [], "both": []}

    def feed(self, stream: str, data: bytes) -> None:
        """Take what the command wrote to `stdout` or `stderr`."""
        self._parts[stream].append(data)
        self._parts["both"].append(data)
        if self._logged[stream]:
            self._lines.feed(data)

    async def finish(self) -> None:
        """Wait until all of it is logged."""
        await self._lines.finish()

    def stop(self) -> None:
        """Drop what is not logged yet."""
        self._lines.stop()

    @property
    def combined(self) -> bytes:
        """Both streams, in the order in which they came."""
        return b"".join(self._parts["both"])

    def text(self, stream: str) -> str:
        """Return one stream as an output: text, without its last newline."""
        return b"".join(self._parts[stream]).decode(errors="replace").removesuffix("\n")
