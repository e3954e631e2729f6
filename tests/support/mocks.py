"""A stand-in for Pulumi's engine that remembers all that a program registers.

    graph = run(lambda: EtcdCluster("etcd", args))
    graph.command("etcd-etcd01-member").text("stdin")

It answers as the real engine and providers do: outputs that a resource declares as secret come
back secret, and in a preview nothing that a provider computes is known. A resource type that it
does not know raises, and so does a command whose verb the host program does not have, or whose
stdin that verb would refuse. Tests look at what was registered, after the program has ended; no
assertion stands in an `apply`, which might never run. Reading an input that is missing or unknown
raises.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf import empty_pb2, struct_pb2
from google.protobuf.json_format import MessageToDict
from pulumi.runtime import mocks, settings
from pulumi.runtime.proto import engine_pb2, resource_pb2
from pulumi.runtime.rpc import UNKNOWN
from pulumi.runtime.stack import run_in_stack
from pulumi_command import remote

from .graph import (
    COMMAND,
    SECRET,
    SIGNATURE,
    STACK_TYPE,
    Graph,
    Resource,
    contains_unknown,
    is_secret,
    open_secret,
    readable,
)
from .providers import PROVIDERS, pem
from .verbs import reads, refusals

__all__ = [
    "COMMAND",
    "Graph",
    "Resource",
    "contains_unknown",
    "is_secret",
    "open_secret",
    "pem",
    "readable",
    "reads",
    "run",
]

PROJECT, STACK = "etcd-cluster", "test"
READ_STATE = "pulumi:pulumi:readStackResourceOutputs"

# Importing the library (it does so at the first use) warns of a class that nobody here uses.
with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "This resource is deprecated", DeprecationWarning)
    _ = remote.Command


def run(
    program: Callable[[], object],
    *,
    preview: bool = False,
    folder: str = ".",
    remembered: Mapping[str, Any] | None = None,
    untargeted: Mapping[str, Mapping[str, Any]] | None = None,
) -> Graph:
    """Runs a program as `pulumi up` does (or `pulumi preview`); returns what it registered.

    remembered: the outputs of all resources of the stack's last state, by URN, as the engine
    answers; a new stack has none. untargeted: by name, resources that a run with --target leaves
    out, with the outputs that their states have.
    An exception of the program comes through. Every run has a context and a loop of its own.
    """
    recorder = _Recorder(preview, remembered or {}, untargeted or {})

    async def main() -> None:
        configuration = mocks.MockSettings(  # type: ignore[no-untyped-call]
            monitor=recorder,
            engine=_Engine(recorder.graph),
            project=PROJECT,
            stack=STACK,
            dry_run=preview,
            root_directory=folder,
            organization="organization",
            outputs=set(),
            monitor_features=recorder.features(),
        )
        settings.configure(configuration)
        settings.ROOT.set(None)

        def body() -> None:
            program()

        await run_in_stack(body)

    contextvars.Context().run(asyncio.run, main())
    if recorder.refused:
        raise AssertionError("\n".join(recorder.refused))
    return recorder.graph


class _Engine(mocks.MockEngine):
    def __init__(self, graph: Graph) -> None:
        super().__init__(logging.getLogger(__name__))
        self._graph = graph

    def Log(self, request: Any) -> empty_pb2.Empty:
        if request.severity != engine_pb2.DEBUG:
            self._graph.log.append((request.severity, request.message))
        return empty_pb2.Empty()


class _NoMocks(mocks.Mocks):
    def call(self, args: mocks.MockCallArgs) -> Any:
        raise AssertionError(f"the program calls {args.token}; no such function is known here")

    def new_resource(self, args: mocks.MockResourceArgs) -> Any:
        raise AssertionError("not used: the monitor answers itself")


class _Recorder(mocks.MockMonitor):
    def __init__(
        self,
        preview: bool,
        remembered: Mapping[str, Any],
        untargeted: Mapping[str, Mapping[str, Any]],
    ) -> None:
        super().__init__(_NoMocks())
        self._remembered = remembered
        self._untargeted = untargeted
        self.graph = Graph()
        self.refused: list[str] = []  # by the host program; told in the end, all at once
        self._preview = preview

    def features(self) -> set[int]:
        """What this engine can do."""
        info = self.GetDeploymentInfo(None)  # type: ignore[no-untyped-call]
        return set(info.supportedFeatures)

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        qualified = parent.split("::")[2] + "$" + type_ if parent else type_
        return f"urn:pulumi:{STACK}::{PROJECT}::{qualified}::{name}"

    def Invoke(self, request: Any) -> Any:
        if request.tok != READ_STATE:
            raise AssertionError(f"the program invokes {request.tok}; that is not known here")
        asked = MessageToDict(request.args)
        if asked != {"stackName": f"organization/{PROJECT}/{STACK}"}:
            raise AssertionError(f"the program reads another stack's state: {asked}")
        answer = {"name": asked["stackName"], "outputs": dict(self._remembered)}
        return resource_pb2.ResourceInvokeResponse(**{"return": _struct(answer)})

    def ReadResource(self, request: Any) -> Any:
        raise AssertionError(f"the program reads {request.type}; nothing is to be read here")

    def RegisterResource(self, request: Any) -> resource_pb2.RegisterResourceResponse:
        parent = "" if STACK_TYPE in request.parent else request.parent
        urn = self.make_urn(parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return resource_pb2.RegisterResourceResponse(urn=urn)
        inputs = MessageToDict(request.object)
        state = dict(inputs)
        if request.type == COMMAND:
            self.refused += refusals(inputs)
        if request.custom:
            answers = self._answers(request.type, urn, inputs)
            secret = {*request.additionalSecretOutputs}
            state |= {
                key: {SIGNATURE: SECRET, "value": value} if key in secret else value
                for key, value in answers.items()
            }
        # (As the engine does it: resource/deploy/step_generator.go, a "same" step of the old one.)
        state = dict(self._untargeted.get(request.name, state))
        if any(each.urn == urn for each in self.graph.resources):
            raise AssertionError(f"{urn} is registered twice")
        self.graph.resources.append(
            Resource(
                urn=urn,
                type=request.type,
                name=request.name,
                parent=request.parent,
                custom=request.custom,
                protect=request.protect,
                inputs=inputs,
                dependencies=frozenset(request.dependencies),
                property_dependencies={
                    key: frozenset(value.urns)
                    for key, value in request.propertyDependencies.items()
                },
                secret_outputs=frozenset(request.additionalSecretOutputs),
                ignore_changes=tuple(request.ignoreChanges),
                replace_on_changes=tuple(request.replaceOnChanges),
                has_replacement_trigger=request.HasField("replacement_trigger"),
                retain_on_delete=request.retainOnDelete,
                outputs=state,
            )
        )
        identity = f"id-of-{request.name}" if request.custom and not self._preview else ""
        return resource_pb2.RegisterResourceResponse(urn=urn, id=identity, object=_struct(state))

    def RegisterResourceOutputs(self, request: Any) -> empty_pb2.Empty:
        self.graph.registered_outputs[request.urn] = MessageToDict(request.outputs)
        return empty_pb2.Empty()

    def _answers(self, type_: str, urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """What the resource's provider computes."""
        if type_ not in PROVIDERS:
            raise AssertionError(f"{type_}: no such resource type is known here")
        if self._preview:
            return dict.fromkeys(PROVIDERS[type_].computes, UNKNOWN)
        answers = PROVIDERS[type_].answer(urn, inputs)
        if set(answers) != set(PROVIDERS[type_].computes):
            raise AssertionError(f"{type_}: answers {sorted(answers)}")
        return answers


def _struct(values: Mapping[str, Any]) -> struct_pb2.Struct:
    result = struct_pb2.Struct()
    result.update(dict(values))
    return result
