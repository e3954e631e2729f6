"""Create, Update and Delete: which command runs, and what becomes of its output."""

import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from lab.command_plugin.checks import Field
from lab.command_plugin.engine import ResourceLog
from lab.command_plugin.values import Props, is_unknown, plain, text, unknown


class Output(NamedTuple):
    """What a command wrote, one closing newline of each removed."""

    stdout: str
    stderr: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """One command to run."""

    command: str
    inputs: Mapping[str, Any]
    """The resource's inputs, unwrapped."""
    previous: Output
    """What the command before this one wrote; empty on a create."""
    log: ResourceLog
    dial_seconds: float | None
    """Seconds. As in the official plugin it bounds the dialing, not the command."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the user sets; refusing one of these is an error."""
        return dict(self.inputs.get("environment") or {})

    @property
    def previous_environment(self) -> dict[str, str]:
        """The previous output as variables, unless that is switched off or there is none."""
        if self.inputs.get("addPreviousOutputInEnv") is False:
            return {}
        both = {
            "PULUMI_COMMAND_STDOUT": self.previous.stdout,
            "PULUMI_COMMAND_STDERR": self.previous.stderr,
        }
        return {name: value for name, value in both.items() if value}

    @property
    def stdin(self) -> bytes:
        """The bytes for the command's standard input."""
        return str(self.inputs.get("stdin") or "").encode()


Runner = Callable[[Run], Awaitable[Output]]


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A type of resource: the inputs it takes, and where its commands run."""

    fields: Mapping[str, Field]
    run: Runner

    async def create(
        self, inputs: Props, *, preview: bool, log: ResourceLog, dial_seconds: float | None
    ) -> Props:
        """Run `create`; return the outputs. A preview runs nothing and knows no output."""
        if preview:
            return {**inputs, "stdout": unknown(), "stderr": unknown()}
        output = Output("", "")
        if "create" in inputs:
            output = await self._run("create", inputs, output, log, dial_seconds)
        return {**inputs, "stdout": text(output.stdout), "stderr": text(output.stderr)}

    async def update(
        self,
        state: Props,
        inputs: Props,
        *,
        preview: bool,
        log: ResourceLog,
        dial_seconds: float | None,
    ) -> Props:
        """Run `update`, or `create` where there is none; return the outputs."""
        if preview:
            return {**inputs, **self._previewed_outputs(state, inputs)}
        output = _previous(state)
        verb = "update" if "update" in inputs else "create"
        if verb in inputs:
            output = await self._run(verb, inputs, output, log, dial_seconds)
        return {**inputs, "stdout": text(output.stdout), "stderr": text(output.stderr)}

    async def delete(self, state: Props, *, log: ResourceLog, dial_seconds: float | None) -> None:
        """Run the state's `delete`, over the state's connection."""
        if "delete" in state:
            await self._run("delete", state, _previous(state), log, dial_seconds)

    def _previewed_outputs(self, state: Props, inputs: Props) -> Props:
        # The official plugin keeps the old output in a preview unless an input that the state
        # holds too has changed, or is not known yet.
        changed = any(
            is_unknown(inputs.get(name)) or (name in state and inputs.get(name) != state[name])
            for name in self.fields
        )
        old = _previous(state)
        if changed:
            return {"stdout": unknown(), "stderr": unknown()}
        return {"stdout": text(old.stdout), "stderr": text(old.stderr)}

    async def _run(
        self,
        verb: str,
        props: Props,
        previous: Output,
        log: ResourceLog,
        dial_seconds: float | None,
    ) -> Output:
        inputs = {name: plain(value) for name, value in props.items()}
        return await self.run(
            Run(
                command=inputs[verb],
                inputs=inputs,
                previous=previous,
                log=log,
                dial_seconds=dial_seconds,
            )
        )


def new_id(urn: str) -> str:
    """Make an id for a new resource: its name and eight random hexadecimal digits."""
    name = urn.split("::", 3)[-1]
    return name + secrets.token_hex(4)


def _previous(state: Props) -> Output:
    return Output(plain(state.get("stdout")) or "", plain(state.get("stderr")) or "")
