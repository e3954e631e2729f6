"""Outputs in a stack's state, taken as this program writes them or not at all. Pure.

A value of another form raises ValueError: it would pass for one that is not there.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import yaml

_ID = re.compile(r"[0-9a-f]+|none")


def an_object(value: Any, what: str) -> Mapping[str, Any]:
    """An object; empty where there is none, as of a resource that was being made."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError(f"{what} is not an object")
    return value


def said_by(resource: Any, name: str) -> Mapping[str, Any]:
    """The outputs of one resource of the engine's answer."""
    return an_object(an_object(resource, name).get("outputs"), f"{name}: what it put out")


def a_list(value: Any, what: str) -> Sequence[Any]:
    """A list; empty where there is none."""
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ValueError(f"{what} is not a list")
    return value


def lines(value: Any, what: str) -> dict[str, str]:
    """`key: value` lines, as commands print them and are told them; empty where there are none."""
    if value is None:
        return {}
    try:
        said = yaml.safe_load(value) if isinstance(value, str) else value
    except yaml.YAMLError:
        raise ValueError(f"{what} is not `key: value` lines") from None
    if said is None:
        return {}
    if not isinstance(value, str) or not isinstance(said, dict):
        raise ValueError(f"{what} is not `key: value` lines")
    return {str(key): str(each) for key, each in said.items()}


def ids(said: Mapping[str, str], what: str, *keys: str) -> Mapping[str, str]:
    """What a command has said, if anything: then it has said all these ids, in hex, or `none`."""
    for key in keys if said else ():
        if not _ID.fullmatch(said.get(key, "")):
            raise ValueError(f"{what} has no id as {key}: {said.get(key, '')!r}")
    return said


def kind_and_name(urn: str) -> tuple[str, str]:
    """The types of a resource and of what is above it, with `$`; and its name."""
    kind, _, name = urn.partition("::")[2].partition("::")[2].rpartition("::")
    return kind, name


def stdout(found: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, str]:
    """What the command of this name has said."""
    return lines(found.get(name, {}).get("stdout"), f"{name}: stdout")


def serial(converged: str) -> int:
    """The host's serial in what a command has said it came to; 0 where there is none."""
    number = converged.partition("-")[0]
    return int(number) if number.isdecimal() else 0


def identity(found: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, str]:
    """Whose member this one is, as it last said."""
    said = stdout(found, f"{name}-healthy")
    return ids(said, f"{name}-healthy: stdout", "member-id", "cluster-id")


def revision(outputs: Mapping[str, Any], kind: str, cluster: str) -> int:
    """The one that the cluster's own component says; 0 where it says none."""
    for urn, resource in outputs.items():
        if kind_and_name(urn) == (kind, cluster):
            return number(said_by(resource, cluster).get("revision") or 0, f"{cluster}: revision")
    return 0


def restored(found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """The cluster that came of a restore, by the one that it replaces."""
    restores = [name for name in sorted(found) if name.endswith("-restore")]
    told = [ids(stdout(found, each), f"{each}: stdout", "replaces", "cluster") for each in restores]
    return {said["replaces"]: said["cluster"] for said in told if said}


def number(value: Any, what: str) -> int:
    """A whole number, which the engine keeps as 22.0."""
    if isinstance(value, int | float) and value == int(value):
        return int(value)
    raise ValueError(f"{what} is not a number")


def print_of(pem: str) -> str:
    """SHA-256 of a certificate, hex; empty where it is none."""
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
    except ValueError:
        return ""


def time_of(text: str) -> datetime | None:
    """A time as the provider has it in the state; None where it is none."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None
