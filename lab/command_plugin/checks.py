"""Check: what a resource's inputs must be, the defaults they get, what is secret in them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pulumi.provider.experimental.property_value import PropertyValue

from lab.command_plugin.values import Props, is_unknown

Default = str | float | None


class Failure(NamedTuple):
    """Why an input is refused; `property` names it."""

    property: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Field:
    """One input: its type and what Check does about it."""

    type: str
    """One of string, number, integer, boolean, list, strings, map, object, anything."""
    required: bool = False
    secret: bool = False
    default: Default = None
    fields: "Mapping[str, Field]" = field(default_factory=dict)
    refusal: str | None = None
    """Set where the official plugin takes the input and this one cannot."""


_STRING = Field(type="string")
_SECRET = Field(type="string", secret=True)

_ENDPOINT: dict[str, Field] = {
    "user": Field(type="string", default="root"),
    "password": _SECRET,
    "host": Field(type="string", required=True),
    "port": Field(type="number", default=22.0),
    "privateKey": _SECRET,
    "privateKeyPassword": _SECRET,
    "agentSocketPath": _STRING,
    "dialErrorLimit": Field(type="integer", default=10.0),
    "perDialTimeout": Field(type="integer", default=15.0),
    "hostKey": _STRING,
}

_COMMAND: dict[str, Field] = {
    "create": _STRING,
    "update": _STRING,
    "delete": _STRING,
    "triggers": Field(type="list"),
    "stdin": _STRING,
    "logging": _STRING,
    "environment": Field(type="map"),
    "addPreviousOutputInEnv": Field(type="boolean"),
}

REMOTE_FIELDS: Mapping[str, Field] = {
    **_COMMAND,
    "connection": Field(
        type="object",
        required=True,
        secret=True,
        fields={**_ENDPOINT, "proxy": Field(type="object", fields=_ENDPOINT)},
    ),
}
"""The inputs of `command:remote:Command`."""

_NO_ASSETS = "the stand-in for Pulumi's command plugin returns no assets or archives"

LOCAL_FIELDS: Mapping[str, Field] = {
    **_COMMAND,
    "interpreter": Field(type="strings"),
    "dir": _STRING,
    "assetPaths": Field(type="strings", refusal=_NO_ASSETS),
    "archivePaths": Field(type="strings", refusal=_NO_ASSETS),
}
"""The inputs of `command:local:Command`."""


def check(fields: Mapping[str, Field], inputs: Props) -> tuple[Props, list[Failure]]:
    """Return the inputs with defaults and secrets applied, and every reason to refuse them."""
    failures: list[Failure] = []
    return _check_fields(fields, inputs, "", failures), failures


def _check_fields(
    fields: Mapping[str, Field], values: Mapping[str, PropertyValue], at: str, out: list[Failure]
) -> Props:
    checked: Props = {}
    for name, value in values.items():
        path = at + name
        if name not in fields:
            known = ", ".join(sorted(fields))
            out.append(Failure(path, f"is not an input of this resource; it takes {known}"))
            checked[name] = value
            continue
        checked[name] = _check_value(fields[name], value, path, out)
    for name, spec in fields.items():
        if name in values:
            continue
        if spec.required:
            out.append(Failure(at + name, f"missing required field '{at}{name}'"))
        elif spec.default is not None:
            checked[name] = PropertyValue(spec.default)
    return checked


def _check_value(spec: Field, value: PropertyValue, path: str, out: list[Failure]) -> PropertyValue:
    if spec.refusal is not None:
        out.append(Failure(path, spec.refusal))
    if not is_unknown(value):
        if not _fits(spec.type, value):
            out.append(Failure(path, f"must be {_NAMES[spec.type]}"))
        elif isinstance(value.value, Mapping) and spec.type == "object":
            value = value.with_value(_check_fields(spec.fields, value.value, f"{path}.", out))
    return value.with_secret(True) if spec.secret else value


_NAMES = {
    "string": "a string",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "list": "a list",
    "strings": "a list of strings",
    "map": "a map of strings",
    "object": "an object",
}


def _fits(kind: str, value: PropertyValue) -> bool:
    inner = value.value
    match kind:
        case "string":
            return isinstance(inner, str)
        case "number":
            return isinstance(inner, float)
        case "integer":
            return isinstance(inner, float) and inner.is_integer()
        case "boolean":
            return isinstance(inner, bool)
        case "list":
            return isinstance(inner, tuple)
        case "strings":
            return isinstance(inner, tuple) and all(isinstance(item.value, str) for item in inner)
        case "map":
            return isinstance(inner, Mapping) and all(
                isinstance(item.value, str) for item in inner.values()
            )
        case _:
            return isinstance(inner, Mapping)
