"""User-facing messages for pydantic's errors in a configuration."""

from __future__ import annotations

import difflib
import re
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError

from .values import HIDDEN, redacted

Location = tuple[int | str, ...]

# What is expected, by pydantic's name of the error. Integers: see `integer`.
_EXPECTED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a map",
    "model_attributes_type": "a map",
    "model_type": "a map",
    "path_type": "a path",
    "string_type": "a string, in quotes if it is a number",
    "tuple_type": "a list",
}
_SENTENCE_END = re.compile(r"(?<!e\.g)(?<!i\.e)\. ")
_INTEGER = ("int_from_float", "int_parsing", "int_type", "greater_than_equal", "less_than_equal")


class SectionError(ValueError):
    """A fault that involves several keys; reported for the section, not for a single key."""


class SeveralFaults(ValueError):
    """Faults that a section has as a whole: a line each, which names its key."""


def no_truth(value: object) -> object:
    """The value of an integer, unless it is a truth: to Python, and so to pydantic, `true` is 1."""
    if isinstance(value, bool):
        raise PydanticCustomError("int_type", "Input should be a valid integer")
    return value


def explain(error: ValidationError, root: type[BaseModel]) -> list[tuple[Location, str]]:
    """Each fault's location and message: the key, the given value, what is expected."""
    return [
        (item["loc"], line)
        for item in error.errors(include_url=False)
        for line in _sentence(item, root).splitlines()
    ]


def _sentence(item: Any, root: type[BaseModel]) -> str:
    location: Location = item["loc"]
    kind, context = item["type"], item.get("ctx", {})
    path = _path(location)
    if kind == "missing":
        return f"{path}: required ({_purpose(location, root)})"
    if kind == "extra_forbidden":
        instead = _alternatives(location, root)
        shown = instead.startswith("did") or redacted(path) == repr(path)
        return f"{path if shown else 'a key (not shown)'}: unknown key; {instead}"
    if kind == "value_error":
        error = context["error"]
        if isinstance(error, SeveralFaults):
            return str(error)
        if isinstance(error, SectionError):
            return f"{_path(location[:-1])}: {error}"
        return str(error) if str(error).startswith((f"{path}:", f"{path}[")) else f"{path}: {error}"
    field = _field(location, root)
    if kind in _INTEGER and field is not None:
        expected = integer(field)
    else:
        expected = _EXPECTED.get(kind) or item["msg"].removeprefix("Input should be ")
        required = [key for key, each in _fields(location, root).items() if each.is_required()]
        expected += f" with {' and '.join(required)}" if required else ""
    # A value in place of a section may be a secret that belongs into it.
    hidden = kind.startswith("model_") or _is_secret(field)
    given = HIDDEN if hidden else redacted(item["input"])
    return f"{path}: {given} is invalid: expected {expected} ({_purpose(location, root)})"


def integer(field: FieldInfo) -> str:
    """`an integer from 1 to 65535`, by the limits of the field."""
    limits = {
        name: getattr(each, name)
        for each in field.metadata
        for name in ("ge", "le")
        if hasattr(each, name)
    }
    least, most = limits.get("ge"), limits.get("le")
    if least is None:
        return "an integer" if most is None else f"an integer, at most {most}"
    return (
        f"an integer of at least {least}" if most is None else f"an integer from {least} to {most}"
    )


def _field(location: Location, root: type[BaseModel]) -> FieldInfo | None:
    return _fields(location[:-1], root).get(str(location[-1]))


def _is_secret(field: FieldInfo | None) -> bool:
    return field is not None and SecretStr in (field.annotation, *get_args(field.annotation))


def _path(location: Location) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _purpose(location: Location, root: type[BaseModel]) -> str:
    """The first sentence of the description of the key, or of the section that it is in."""
    for length in range(len(location), 0, -1):
        field = _field(location[:length], root)
        if field is not None and field.description:
            sentence = _SENTENCE_END.split(field.description, maxsplit=1)[0].removesuffix(".")
            # `Port of sshd` -> `port of sshd`, but `SSH access` stays.
            return sentence if sentence[1:2].isupper() else sentence[0].lower() + sentence[1:]
    return "see docs/configuration.md"


def _alternatives(location: Location, root: type[BaseModel]) -> str:
    known = sorted(_fields(location[:-1], root))
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"valid keys: {', '.join(known)}"


def _fields(location: Location, root: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of the section at this location, by key; empty if there is no section."""
    model: type[BaseModel] | None = root
    for part in location:
        if isinstance(part, str):
            field = _by_key(model).get(part)
            model = section(field.annotation) if field else None
    return _by_key(model)


def _by_key(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    return {field.alias or n: field for n, field in model.model_fields.items()} if model else {}


def section(annotation: Any) -> type[BaseModel] | None:
    """The section in a field's type: `HostEntry` for tuple[HostEntry, ...]."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None
