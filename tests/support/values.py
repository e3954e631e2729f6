"""Values as the engine has them: secret, unknown, or to be read by anybody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.runtime.rpc import UNKNOWN

SIGNATURE = "4dabf18193072939515e22adb298388d"
SECRET = "1b47061264138c4ac30d75fd1eb44270"


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


def text(inputs: Mapping[str, Any], name: str) -> str:
    """An input as text, without its secret wrapping."""
    return str(open_secret(inputs[name]))
