"""What a program registered, as tests look at it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

STACK_TYPE = "pulumi:pulumi:Stack"
COMMAND = "command:remote:Command"
SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registered resource, as the engine was told of it."""

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    protect: bool
    inputs: Mapping[str, Any]
    dependencies: frozenset[str]
    property_dependencies: Mapping[str, frozenset[str]]
    secret_outputs: frozenset[str]
    ignore_changes: tuple[str, ...]
    replace_on_changes: tuple[str, ...]
    has_replacement_trigger: bool
    retain_on_delete: bool
    outputs: Mapping[str, Any]

    def value(self, *path: str) -> Any:
        """An input without its secret wrapping; raises where it is missing or unknown."""
        value = open_secret(self._at(path))
        if contains_unknown(value):
            raise AssertionError(f"{self.name}: {'.'.join(path)} is unknown")
        return value

    def text(self, *path: str) -> str:
        """An input that is a string."""
        value = self.value(*path)
        if not isinstance(value, str):
            raise AssertionError(f"{self.name}: {'.'.join(path)} is no string: {value!r}")
        return value

    def is_secret(self, *path: str) -> bool:
        """Whether an input is secret, or stands inside of one that is."""
        return any(is_secret(self._at(path[:end])) for end in range(1, len(path) + 1))

    def _at(self, path: tuple[str, ...]) -> Any:
        value: Any = dict(self.inputs)
        for part in path:
            value = open_secret(value)
            if not isinstance(value, dict) or part not in value:
                raise AssertionError(f"{self.name} has no input {'.'.join(path)}")
            value = value[part]
        return value


@dataclass(repr=False)
class Graph:
    """All that a program registered, in its order."""

    resources: list[Resource] = field(default_factory=list)
    registered_outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    log: list[tuple[int, str]] = field(default_factory=list)

    def get(self, type_: str, name: str) -> Resource:
        """The one resource of this type and name."""
        found = [each for each in self.resources if (each.type, each.name) == (type_, name)]
        if len(found) != 1:
            known = sorted(each.name for each in self.resources if each.type == type_)
            raise AssertionError(f"{len(found)} resources {type_} {name}; there are {known}")
        return found[0]

    def command(self, name: str) -> Resource:
        """The remote command of this name."""
        return self.get(COMMAND, name)

    def of_type(self, type_: str) -> list[Resource]:
        """All resources of a type; at least one."""
        found = [each for each in self.resources if each.type == type_]
        if not found:
            raise AssertionError(f"no resource {type_}")
        return found

    def names(self, type_: str) -> set[str]:
        """The names of all resources of a type; at least one."""
        return {each.name for each in self.of_type(type_)}

    def parent(self, resource: Resource) -> Resource | None:
        """The resource above this one; None where that is the stack."""
        return next((each for each in self.resources if each.urn == resource.parent), None)

    def depends(self, later: Resource, earlier: Resource) -> bool:
        """Whether one resource waits for another, however many stand between."""
        pending, seen = [later], set[str]()
        while pending:
            for urn in pending.pop().dependencies - seen:
                if urn == earlier.urn:
                    return True
                seen.add(urn)
                pending += [each for each in self.resources if each.urn == urn]
        return False

    def stack_output(self, name: str) -> Any:
        """An output of the stack, with its secret wrapping; raises where there is none."""
        outputs = self.stack_outputs()
        if name not in outputs:
            raise AssertionError(f"no output {name}; there are {sorted(outputs)}")
        return outputs[name]

    def stack_outputs(self) -> Mapping[str, Any]:
        """All outputs of the stack; raises where the program did not get that far."""
        for urn, outputs in self.registered_outputs.items():
            if f"::{STACK_TYPE}::" in urn:
                return outputs
        raise AssertionError("the stack's outputs were never registered")


def is_secret(value: Any) -> bool:
    """Whether a value is wrapped as a secret."""
    return isinstance(value, dict) and value.get(SIGNATURE) == SECRET


def open_secret(value: Any) -> Any:
    """A value without its secret wrapping."""
    return value["value"] if is_secret(value) else value


def contains_unknown(value: Any) -> bool:
    """Whether a value, or anything inside of it, is unknown."""
    if isinstance(value, dict):
        return any(contains_unknown(each) for each in value.values())
    if isinstance(value, list):
        return any(contains_unknown(each) for each in value)
    return bool(value == UNKNOWN)


def readable(value: Any) -> Iterator[str]:
    """Every string of a value that is not inside of a secret."""
    if is_secret(value):
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from readable(each)
    elif isinstance(value, list):
        for each in value:
            yield from readable(each)
