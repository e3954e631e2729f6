"""Sections that the lab adds to a stack's committed configuration: in a copy of it, below .state.

While there is a copy, every command on the stack reads it. But for these sections it is what is
committed, also after that was edited.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lab import TREE
from lab.engine.setup import STATE

_KEYS = {name: f"etcd-cluster:{name}" for name in ("backup", "restore")}


def place(stack: str) -> Path:
    """Where a stack's copy is, if it has one."""
    return STATE / "config" / f"Pulumi.{stack}.yaml"


def text(configuration: Mapping[str, Any]) -> str:
    """A stack's file, as JSON: that is YAML with all strings in quotes. For PyYAML 12e34 needs
    none, and Pulumi reads a number.
    """
    return json.dumps(configuration, indent=2)


def added(stack: str) -> dict[str, Any]:
    """The sections that a stack's copy has beside what is committed, by their names."""
    try:
        config = yaml.safe_load(place(stack).read_text())["config"]
    except FileNotFoundError:
        return {}
    return {name: config[key] for name, key in _KEYS.items() if key in config}


def write(stack: str, sections: Mapping[str, Any]) -> Path:
    """Make the copy anew, with these sections; root alone may read it."""
    told = yaml.safe_load((TREE / f"Pulumi.{stack}.yaml").read_text())
    told["config"] |= {_KEYS[name]: section for name, section in sections.items()}
    path = place(stack)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = path.with_suffix(".new")
    half.unlink(missing_ok=True)
    half.touch(mode=0o600)
    half.write_text(text(told))
    half.replace(path)
    return path


def current(stack: str) -> Path | None:
    """The copy, with what is committed now; None where the lab has added nothing."""
    sections = added(stack)
    return write(stack, sections) if sections else None


def forget(stack: str) -> None:
    """Go back to what is committed."""
    place(stack).unlink(missing_ok=True)
