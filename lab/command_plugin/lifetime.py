"""Noticing that the engine died, so that no plugin outlives it."""

import asyncio
import os

import grpc

from lab.command_plugin.engine import Engine

_POLL = 0.5
_FIRST_CONTACT = 10.0


async def until_engine_dies(engine: Engine | None) -> None:
    """Return when the process that started this one is gone, or the engine hangs up."""
    watches = [asyncio.create_task(_until_parent_dies())]
    if engine is not None:
        watches.append(asyncio.create_task(_until_channel_breaks(engine)))
    try:
        await asyncio.wait(watches, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for watch in watches:
            watch.cancel()


async def _until_parent_dies() -> None:
    parent = os.getppid()
    if not hasattr(os, "pidfd_open"):
        while os.getppid() == parent:  # noqa: ASYNC110 (no event says that a parent died)
            await asyncio.sleep(_POLL)
        return
    try:
        descriptor = os.pidfd_open(parent)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    gone = asyncio.Event()
    loop.add_reader(descriptor, gone.set)
    try:
        await gone.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


async def _until_channel_breaks(engine: Engine) -> None:
    # Needed beside the parent: a wrapper script that does not `exec` is the parent then.
    channel = engine.channel
    try:
        async with asyncio.timeout(_FIRST_CONTACT):
            await channel.channel_ready()
    except TimeoutError:
        return
    while True:
        state = channel.get_state(try_to_connect=True)
        if state in (
            grpc.ChannelConnectivity.TRANSIENT_FAILURE,
            grpc.ChannelConnectivity.SHUTDOWN,
        ):
            return
        await channel.wait_for_state_change(state)
