"""One command on this machine."""

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from lab.command_plugin.engine import Capture
from lab.command_plugin.errors import CommandError, failed_run
from lab.command_plugin.operations import Output, Run

_CHUNK = 64 * 1024


async def run(request: Run) -> Output:
    """Run one command here, by `/bin/sh -c` unless an interpreter is given."""
    interpreter = request.inputs.get("interpreter") or ["/bin/sh", "-c"]
    capture = Capture(request.log, request.inputs.get("logging"))
    try:
        process = await asyncio.create_subprocess_exec(
            *interpreter,
            request.command,
            cwd=request.inputs.get("dir") or Path.cwd(),
            env={**os.environ, **request.environment, **request.previous_environment},
            stdin=asyncio.subprocess.PIPE if request.stdin else asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # A group of its own, so that ending it ends what it started.
            start_new_session=True,
        )
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        raise failed_run(f"fork/exec {interpreter[0]}: {reason}", request.command, b"") from None
    try:
        await asyncio.gather(
            _give(process, request.stdin),
            _collect(process.stdout, capture, "stdout"),
            _collect(process.stderr, capture, "stderr"),
        )
        status = await process.wait()
        await capture.finish()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        raise
    finally:
        capture.stop()
    if status != 0:
        reason = f"exit status {status}" if status > 0 else f"signal: {_name(-status)}"
        raise failed_run(reason, request.command, capture.combined)
    return Output(capture.text("stdout"), capture.text("stderr"))


async def _give(process: asyncio.subprocess.Process, data: bytes) -> None:
    if process.stdin is None:
        return
    # A command that reads only part of its input is no failure.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()


async def _collect(reader: asyncio.StreamReader | None, capture: Capture, stream: str) -> None:
    if reader is None:
        raise CommandError(f"the command's {stream} cannot be read")
    while data := await reader.read(_CHUNK):
        capture.feed(stream, data)


def _name(number: int) -> str:
    return (signal.strsignal(number) or str(number)).lower()
