"""A command plugin under test, talked to as the engine talks to it."""

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2_grpc
from pulumi.runtime.proto import provider_pb2 as pb

from lab import builds

from .sshd import Sshd

ROOT = Path(__file__).resolve().parents[2]
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_LIMIT = 64 * 1024 * 1024

REMOTE = "command:remote:Command"
LOCAL = "command:local:Command"

Props = dict[str, Any]


def plugin_command() -> list[str]:
    """Find the plugin: one named on purpose, one that is installed, else the stand-in."""
    named = os.environ.get("CONTRACT_COMMAND_PLUGIN")
    if named:
        return [named]
    home = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi")
    installed = sorted(home.glob("plugins/resource-command-v*/pulumi-resource-command"))
    if installed:
        return [str(installed[-1])]
    on_path = shutil.which("pulumi-resource-command")
    if on_path:
        return [on_path]
    built = builds.command_plugin(metadata.version("pulumi-command"))
    return [str(built / "pulumi-resource-command")]


def urn(kind: str = REMOTE, name: str = "thing") -> str:
    """Make a resource's URN."""
    return f"urn:pulumi:dev::contract::{kind}::{name}"


def secret(value: Any) -> Props:
    """Mark a value as secret, the way the wire does."""
    return {_SIGNATURE: _SECRET, "value": value}


def is_secret(value: Any) -> bool:
    """Tell whether a value from the wire is marked as secret."""
    return isinstance(value, dict) and value.get(_SIGNATURE) == _SECRET


def revealed(value: Any) -> Any:
    """Take the mark off a secret."""
    return value["value"] if is_secret(value) else value


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    struct = struct_pb2.Struct()
    struct.update(values)
    return struct


def dict_of(struct: struct_pb2.Struct) -> Props:
    """Return a struct of the wire as Python has it."""
    found: Props = json_format.MessageToDict(struct)
    return found


class EngineLogs(engine_pb2_grpc.EngineServicer):
    """The engine's log service; remembers what it was sent."""

    def __init__(self) -> None:
        self.messages: list[engine_pb2.LogRequest] = []

    def Log(self, request: engine_pb2.LogRequest, context: Any) -> empty_pb2.Empty:
        """Remember one message."""
        self.messages.append(request)
        return empty_pb2.Empty()

    def lines(self, name: str) -> list[str]:
        """Return the messages attached to one resource."""
        return [message.message for message in self.messages if message.urn.endswith("::" + name)]


class Plugin:
    """One running plugin."""

    def __init__(self, process: "subprocess.Popen[str]", port: int, logs: EngineLogs) -> None:
        self.process = process
        self.logs = logs
        options = [("grpc.max_receive_message_length", _LIMIT), ("grpc.max_metadata_size", _LIMIT)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)

    def configure(self) -> None:
        """Begin, as the engine does."""
        self.features = self.stub.Configure(
            pb.ConfigureRequest(
                acceptSecrets=True,
                acceptResources=True,
                sends_old_inputs=True,
                sends_old_inputs_to_delete=True,
            )
        )

    def check(self, inputs: Props, kind: str = REMOTE) -> tuple[Props, dict[str, str]]:
        """Check inputs; return them, and the failures by property."""
        reply = self.stub.Check(pb.CheckRequest(urn=urn(kind), news=_struct(inputs)))
        return dict_of(reply.inputs), {f.property: f.reason for f in reply.failures}

    def checked(self, inputs: Props, kind: str = REMOTE) -> Props:
        """Check inputs that must be right."""
        checked, failures = self.check(inputs, kind)
        assert not failures
        return checked

    def diff(
        self, old: Props, new: Props, state: Props | None = None, ignore: tuple[str, ...] = ()
    ) -> pb.DiffResponse:
        """Compare old and new inputs."""
        reply: pb.DiffResponse = self.stub.Diff(
            pb.DiffRequest(
                id="id",
                urn=urn(),
                olds=_struct({**old, "stdout": "", "stderr": "", **(state or {})}),
                old_inputs=_struct(old),
                news=_struct(new),
                ignoreChanges=ignore,
            )
        )
        return reply

    def create(
        self, inputs: Props, *, kind: str = REMOTE, name: str = "thing", preview: bool = False
    ) -> Props:
        """Check, then create; return the outputs."""
        return dict_of(self.starting_create(inputs, kind, name, preview).result().properties)

    def starting_create(
        self, inputs: Props, kind: str = REMOTE, name: str = "thing", preview: bool = False
    ) -> Any:
        """Check, then start to create; return the call, as a future."""
        return self.stub.Create.future(
            pb.CreateRequest(
                urn=urn(kind, name), properties=_struct(self.checked(inputs, kind)), preview=preview
            ),
            timeout=60,
        )

    def update(
        self, state: Props, inputs: Props, *, kind: str = REMOTE, preview: bool = False
    ) -> Props:
        """Check, then update; return the outputs."""
        reply = self.stub.Update(
            pb.UpdateRequest(
                id="id",
                urn=urn(kind),
                olds=_struct(state),
                news=_struct(self.checked(inputs, kind)),
                old_inputs=_struct({k: v for k, v in state.items() if not k.startswith("std")}),
                preview=preview,
            ),
            timeout=60,
        )
        return dict_of(reply.properties)

    def read(self, state: Props, inputs: Props, kind: str = REMOTE) -> pb.ReadResponse:
        """Read back, as a refresh does: with the state, and the inputs as they were checked."""
        reply: pb.ReadResponse = self.stub.Read(
            pb.ReadRequest(
                id="id", urn=urn(kind), properties=_struct(state), inputs=_struct(inputs)
            ),
            timeout=60,
        )
        return reply

    def delete(self, state: Props, kind: str = REMOTE) -> None:
        """Delete."""
        request = pb.DeleteRequest(id="id", urn=urn(kind), properties=_struct(state))
        self.stub.Delete(request, timeout=60)

    def cancel(self) -> None:
        """Ask the plugin to stop, as the engine does on an interrupt."""
        self.stub.Cancel(empty_pb2.Empty(), timeout=10)


@contextmanager
def running_plugin() -> Iterator[Plugin]:
    """Run the plugin beside an engine's log service."""
    logs = EngineLogs()
    with ExitStack() as ends:
        server = grpc.server(ends.enter_context(ThreadPoolExecutor(4)))
        engine_pb2_grpc.add_EngineServicer_to_server(logs, server)
        address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        server.start()
        ends.callback(lambda: server.stop(None).wait())
        process = subprocess.Popen(
            [*plugin_command(), address],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={name: value for name, value in os.environ.items() if name != "SSH_AUTH_SOCK"},
        )
        ends.callback(_end, process)
        assert process.stdout is not None
        plugin = Plugin(process, int(process.stdout.readline()), logs)
        ends.callback(plugin.channel.close)
        plugin.configure()
        yield plugin


def _end(process: "subprocess.Popen[str]") -> None:
    """End the plugin, one that does not listen too."""
    with process:
        process.terminate()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 10) -> float:
    """Poll until a condition holds; return how long it took, or fail."""
    started = time.monotonic()
    pause = threading.Event()
    while not condition():
        waited = time.monotonic() - started
        assert waited < seconds, f"{what}: not within {seconds:g} s"
        pause.wait(0.02)
    return time.monotonic() - started


def inputs(sshd: Sshd, **values: Any) -> Props:
    """Return the inputs of a remote command; `connection` may be changed too."""
    connection = values.pop("connection", {})
    return {"connection": sshd.connection(**connection), **values}


def refusal(call: Any, *arguments: Any, **options: Any) -> str:
    """Return the message with which a call fails."""
    with pytest.raises(grpc.RpcError) as caught:
        call(*arguments, **options)
    return str(caught.value.details())
