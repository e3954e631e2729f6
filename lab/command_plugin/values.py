"""Property values: between the wire, where secrets and unknowns are marked, and plain Python."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import struct_pb2
from pulumi.provider.experimental.property_value import Computed, PropertyValue
from pulumi.runtime import rpc

Props = dict[str, PropertyValue]
"""A resource's inputs, or its outputs, by name."""


def unmarshal(struct: struct_pb2.Struct) -> Props:
    """Read a resource's properties. Nulls are left out: to the engine they are no value at all."""
    return _without_nulls(PropertyValue.unmarshal_map(struct))


def marshal(props: Props) -> struct_pb2.Struct:
    """Write a resource's properties, secrets and unknowns marked."""
    return PropertyValue.marshal_map(props)


def _without_nulls(props: Mapping[str, PropertyValue]) -> Props:
    return {key: _inner_without_nulls(value) for key, value in props.items() if not _is_null(value)}


def _inner_without_nulls(value: PropertyValue) -> PropertyValue:
    if isinstance(value.value, Mapping):
        return value.with_value(_without_nulls(value.value))
    return value


def _is_null(value: PropertyValue) -> bool:
    return value.value is None and not value.is_secret


def text(value: str) -> PropertyValue:
    """Wrap a string."""
    return PropertyValue(value)


def unknown() -> PropertyValue:
    """Make a value that a preview cannot know.

    The marker is the string that the wire uses: the SDK's own class reads no `Computed` from the
    wire and refuses to write one.
    """
    return PropertyValue(rpc.UNKNOWN)


def is_unknown(value: PropertyValue | None) -> bool:
    """Tell whether a value is not known yet, secret or not."""
    if value is None:
        return False
    return value.value == rpc.UNKNOWN or isinstance(value.value, Computed)


def has_secrets(value: PropertyValue) -> bool:
    """Tell whether a value is, or holds, a secret."""
    return value.contains_secret()


def plain(value: PropertyValue | None) -> Any:
    """Unwrap to plain Python. Only for using a value: what is stored keeps its marks."""
    if value is None:
        return None
    inner = value.value
    if isinstance(inner, Mapping):
        return {key: plain(item) for key, item in inner.items()}
    if isinstance(inner, (list, tuple)):
        return [plain(item) for item in inner]
    return inner
