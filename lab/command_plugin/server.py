"""The gRPC service that the engine talks to."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Coroutine
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

import grpc
import grpc.aio
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from lab.command_plugin import VERSION, checks, diffs
from lab.command_plugin.engine import Engine, ResourceLog
from lab.command_plugin.errors import CommandError
from lab.command_plugin.lifetime import until_engine_dies
from lab.command_plugin.operations import Output, Resource, Run, new_id
from lab.command_plugin.values import marshal, unmarshal

_T = TypeVar("_T")
_Context = Any  # grpc.aio.ServicerContext, which has no types

_MESSAGE_LIMIT = 400 * 1024 * 1024  # what the engine uses
_GRACE = 0.5


async def _run_remote(request: Run) -> Output:
    # Loaded at the first command: a preview runs none, and this is half of the start-up time.
    from lab.command_plugin import remote

    return await remote.run(request)


async def _run_local(request: Run) -> Output:
    from lab.command_plugin import local

    return await local.run(request)


RESOURCES = MappingProxyType(
    {
        "command:remote:Command": Resource(fields=checks.REMOTE_FIELDS, run=_run_remote),
        "command:local:Command": Resource(fields=checks.LOCAL_FIELDS, run=_run_local),
    }
)
"""What this plugin serves."""

_WHAT_THIS_IS = (
    f"this is the stand-in for Pulumi's command plugin {VERSION}, used where Pulumi's downloads "
    f"cannot be reached; it knows only {' and '.join(RESOURCES)}"
)


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine's calls."""

    def __init__(self, engine: Engine | None = None) -> None:
        self._engine = engine
        self._running: set[asyncio.Task[Any]] = set()
        self._cancelled = False

    def cancel(self) -> None:
        """End every running command, and refuse new ones."""
        self._cancelled = True
        for task in self._running:
            task.cancel()

    async def GetPluginInfo(self, request: Any, context: _Context) -> plugin_pb2.PluginInfo:
        """Name the version."""
        return plugin_pb2.PluginInfo(version=VERSION)

    async def Attach(self, request: Any, context: _Context) -> empty_pb2.Empty:
        """Take the engine's address, where this process was not started by the engine."""
        self._engine = Engine(request.address)
        return empty_pb2.Empty()

    async def Cancel(self, request: Any, context: _Context) -> empty_pb2.Empty:
        """End every running command."""
        self.cancel()
        return empty_pb2.Empty()

    async def CheckConfig(self, request: Any, context: _Context) -> pb.CheckResponse:
        """Accept any configuration of the provider: it has none."""
        return pb.CheckResponse(inputs=request.news)

    async def DiffConfig(self, request: Any, context: _Context) -> pb.DiffResponse:
        """Report no change: the provider has no configuration."""
        return pb.DiffResponse(changes=pb.DiffResponse.DIFF_NONE)

    async def Configure(self, request: Any, context: _Context) -> pb.ConfigureResponse:
        """Agree on features. Secrets come marked, so that they go back into the state marked."""
        if self._engine is not None:
            await self._engine.debug(_WHAT_THIS_IS)
        return pb.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=True, acceptOutputs=True
        )

    async def GetSchema(self, request: Any, context: _Context) -> pb.GetSchemaResponse:
        """Refuse: half a schema would mislead whoever generates code from it."""
        await _unimplemented(context, "the schema")

    async def Invoke(self, request: Any, context: _Context) -> pb.InvokeResponse:
        """Refuse: no functions here."""
        await _unimplemented(context, f"the function {request.tok}")

    async def Check(self, request: Any, context: _Context) -> pb.CheckResponse:
        """Check a resource's inputs; add defaults, mark secrets."""
        resource = await _resource(request.urn, context)
        inputs, failures = checks.check(resource.fields, unmarshal(request.news))
        return pb.CheckResponse(
            inputs=marshal(inputs),
            failures=[pb.CheckFailure(property=f.property, reason=f.reason) for f in failures],
        )

    async def Diff(self, request: Any, context: _Context) -> pb.DiffResponse:
        """Compare a resource's inputs with those it was last given."""
        await _resource(request.urn, context)
        state = unmarshal(request.olds)
        news = diffs.with_ignored(unmarshal(request.news), state, request.ignoreChanges)
        return diffs.diff(unmarshal(request.old_inputs), news)

    async def Create(self, request: Any, context: _Context) -> pb.CreateResponse:
        """Run `create`."""
        resource = await _resource(request.urn, context)
        outputs = await self._operate(
            context,
            resource.create(
                unmarshal(request.properties),
                preview=request.preview,
                log=self._log(request.urn),
                dial_seconds=request.timeout or None,
            ),
        )
        return pb.CreateResponse(id=new_id(request.urn), properties=marshal(outputs))

    async def Update(self, request: Any, context: _Context) -> pb.UpdateResponse:
        """Run `update`, or `create` where there is none."""
        resource = await _resource(request.urn, context)
        state = unmarshal(request.olds)
        outputs = await self._operate(
            context,
            resource.update(
                state,
                diffs.with_ignored(unmarshal(request.news), state, request.ignoreChanges),
                preview=request.preview,
                log=self._log(request.urn),
                dial_seconds=request.timeout or None,
            ),
        )
        return pb.UpdateResponse(properties=marshal(outputs))

    async def Delete(self, request: Any, context: _Context) -> empty_pb2.Empty:
        """Run the state's `delete`."""
        resource = await _resource(request.urn, context)
        await self._operate(
            context,
            resource.delete(
                unmarshal(request.properties),
                log=self._log(request.urn),
                dial_seconds=request.timeout or None,
            ),
        )
        return empty_pb2.Empty()

    async def Read(self, request: Any, context: _Context) -> pb.ReadResponse:
        """Return what is known already: nothing on a host is looked at."""
        await _resource(request.urn, context)
        return pb.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def _log(self, urn: str) -> ResourceLog:
        return ResourceLog(self._engine, urn)

    async def _operate(self, context: _Context, work: Coroutine[Any, Any, _T]) -> _T:
        task = asyncio.create_task(work)
        self._running.add(task)
        if self._cancelled:
            task.cancel()
        try:
            return await task
        except CommandError as error:
            await context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except asyncio.CancelledError:
            if not self._cancelled:
                # The engine hung up on this call: what it started has to end too.
                task.cancel()
                raise
            await context.abort(grpc.StatusCode.UNKNOWN, "context canceled")
        finally:
            self._running.discard(task)
        raise AssertionError("abort raises")


async def _resource(urn: str, context: _Context) -> Resource:
    kind = urn.split("::")[2].rsplit("$", 1)[-1] if urn.count("::") > 2 else urn
    if kind not in RESOURCES:
        await _unimplemented(context, f"the resource {kind}")
    return RESOURCES[kind]


async def _unimplemented(context: _Context, what: str) -> NoReturn:
    await context.abort(grpc.StatusCode.UNIMPLEMENTED, f"no {what} here: {_WHAT_THIS_IS}")
    raise AssertionError("abort raises")


async def serve(engine_address: str | None) -> None:
    """Serve until the engine ends it, or dies."""
    engine = Engine(engine_address) if engine_address else None
    provider = Provider(engine)
    server = grpc.aio.server(
        options=[
            ("grpc.max_receive_message_length", _MESSAGE_LIMIT),
            ("grpc.max_send_message_length", _MESSAGE_LIMIT),
            # A failed command's whole output travels in the error, which is a header to gRPC.
            ("grpc.max_metadata_size", _MESSAGE_LIMIT),
        ]
    )
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(provider, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    # The engine reads the port from the first line and nothing after it.
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()

    watch = asyncio.create_task(until_engine_dies(engine))
    watch.add_done_callback(lambda _: stop.set())
    await stop.wait()
    provider.cancel()
    # Without the pause a command's TERM would not get onto the wire.
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.stop(_GRACE), 2 * _GRACE)
    watch.cancel()
