"""User-facing messages for what pydantic finds wrong in a configuration."""

from __future__ import annotations

import difflib
from typing import Any, get_args

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from .values import redacted

Location = tuple[int | str, ...]

# What to give where the kind of value is wrong, by pydantic's name of the error.
_WANTED = {
    "bool_parsing": "a boolean, true or false",
    "bool_type": "a boolean, true or false",
    "dict_type": "a map of keys and values",
    "int_from_float": "an integer",
    "int_parsing": "an integer",
    "int_type": "an integer",
    "model_attributes_type": "a map of keys and values",
    "model_type": "a map of keys and values",
    "path_type": "a path",
    "string_type": "text (a number in quotes)",
    "tuple_type": "a list",
}


class SectionError(ValueError):
    """A fault between keys: of the section, not of the key whose validator found it."""


def explain(error: ValidationError, root: type[BaseModel]) -> list[tuple[Location, str]]:
    """Each fault's place and its line: the key, what was given, what would do."""
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
        return f"{path}: missing; wanted: {_purpose(location, root)}"
    if kind == "extra_forbidden":
        named = path if redacted(path) == repr(path) else "a key (not repeated here)"
        return f"{named}: unknown key; {_alternatives(location, root)}"
    if kind == "value_error":
        error = context["error"]
        if isinstance(error, SectionError):
            return f"{_path(location[:-1])}: {error}"
        return str(error) if str(error).startswith((f"{path}:", f"{path}[")) else f"{path}: {error}"
    wanted = _WANTED.get(kind) or item["msg"].removeprefix("Input should be ")
    if kind in ("greater_than_equal", "less_than_equal"):
        wanted = f"a number {wanted}"
    purpose = _purpose(location, root)
    # What stands in place of a section may be what belongs into it.
    hidden = kind.startswith("model_") or _is_secret(location, root)
    given = "the given value (not repeated here)" if hidden else redacted(item["input"])
    return f"{path}: {given} will not do; give {wanted}; wanted: {purpose}"


def _is_secret(location: Location, root: type[BaseModel]) -> bool:
    field = _fields(location[:-1], root).get(str(location[-1]))
    return field is not None and SecretStr in (field.annotation, *get_args(field.annotation))


def _path(location: Location) -> str:
    path = ""
    for part in location:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path


def _purpose(location: Location, root: type[BaseModel]) -> str:
    for length in range(len(location), 0, -1):
        field = _fields(location[: length - 1], root).get(str(location[length - 1]))
        if field is not None and field.description:
            return field.description
    return "see the README's table"


def _alternatives(location: Location, root: type[BaseModel]) -> str:
    known = sorted(_fields(location[:-1], root))
    close = difflib.get_close_matches(str(location[-1]), known, n=1)
    return f"did you mean {close[0]}?" if close else f"known here: {', '.join(known)}"


def _fields(location: Location, root: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of the section at this place; none where no section is."""
    model: type[BaseModel] | None = root
    for part in location:
        if isinstance(part, str):
            field = _by_key(model).get(part)
            model = _section(field.annotation) if field else None
    return _by_key(model)


def _by_key(model: type[BaseModel] | None) -> dict[str, FieldInfo]:
    return {field.alias or n: field for n, field in model.model_fields.items()} if model else {}


def _section(annotation: Any) -> type[BaseModel] | None:
    """`Ssh` for Ssh, `HostEntry` for tuple[HostEntry, ...]."""
    for each in (annotation, *get_args(annotation)):
        if isinstance(each, type) and issubclass(each, BaseModel):
            return each
    return None
