"""Diff: which inputs changed, property by property, so that a preview can show each."""

import re
from collections.abc import Iterable, Mapping

from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime.proto import provider_pb2 as pb

from lab.command_plugin.values import Props

_IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*\Z")
_Changes = dict[str, pb.PropertyDiff.Kind.ValueType]

_REPLACE: dict[pb.PropertyDiff.Kind.ValueType, pb.PropertyDiff.Kind.ValueType] = {
    pb.PropertyDiff.ADD: pb.PropertyDiff.ADD_REPLACE,
    pb.PropertyDiff.DELETE: pb.PropertyDiff.DELETE_REPLACE,
    pb.PropertyDiff.UPDATE: pb.PropertyDiff.UPDATE_REPLACE,
}


def with_ignored(inputs: Props, state: Props, ignored: Iterable[str]) -> Props:
    """Keep the state's value of each input whose changes are to be ignored."""
    return {**inputs, **{name: state[name] for name in ignored if name in state}}


def diff(old: Props, new: Props) -> pb.DiffResponse:
    """Compare two sets of inputs."""
    changes: _Changes = {}
    _compare_maps("", old, {k: v for k, v in new.items() if not k.startswith("__")}, changes)
    if "triggers" in changes:
        # Only triggers that appear or vanish as a whole replace from here, as in the official
        # plugin. For a change inside them the SDK asks: replace_on_changes=["triggers[*]"].
        changes["triggers"] = _REPLACE[changes["triggers"]]
    names = sorted({re.split(r"[.\[]", path, maxsplit=1)[0] for path in changes})
    return pb.DiffResponse(
        changes=pb.DiffResponse.DIFF_SOME if changes else pb.DiffResponse.DIFF_NONE,
        diffs=names,
        replaces=["triggers"] if changes.get("triggers") in _REPLACE.values() else [],
        detailedDiff={path: pb.PropertyDiff(kind=kind) for path, kind in changes.items()},
        hasDetailedDiff=True,
    )


def _compare_maps(
    at: str,
    old: Mapping[str, PropertyValue],
    new: Mapping[str, PropertyValue],
    changes: _Changes,
) -> None:
    for name in sorted(old.keys() | new.keys()):
        path = _join(at, name)
        if name not in new:
            changes[path] = pb.PropertyDiff.DELETE
        elif name not in old:
            changes[path] = pb.PropertyDiff.ADD
        else:
            _compare(path, old[name], new[name], changes)


def _compare(at: str, old: PropertyValue, new: PropertyValue, changes: _Changes) -> None:
    # A secret is one value: looking inside would name what it holds.
    if not old.is_secret and not new.is_secret:
        before, after = old.value, new.value
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            _compare_maps(at, before, after, changes)
            return
        if isinstance(before, tuple) and isinstance(after, tuple):
            for index, (left, right) in enumerate(zip(before, after, strict=False)):
                _compare(f"{at}[{index}]", left, right, changes)
            for index in range(len(after), len(before)):
                changes[f"{at}[{index}]"] = pb.PropertyDiff.DELETE
            for index in range(len(before), len(after)):
                changes[f"{at}[{index}]"] = pb.PropertyDiff.ADD
            return
    if old != new:
        changes[at] = pb.PropertyDiff.UPDATE


def _join(at: str, name: str) -> str:
    if not _IDENTIFIER.match(name):
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'{at}["{escaped}"]'
    return f"{at}.{name}" if at else name
