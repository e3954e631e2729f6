"""How Pulumi is had and run: the CLI, its language host and plugins, and the stacks' backend."""

from __future__ import annotations

from lab.engine import sections
from lab.engine.cli import MAKE_PULUMI, Invocation, invocation, run
from lab.engine.setup import STATE, Engine, prepare

__all__ = [
    "MAKE_PULUMI",
    "STATE",
    "Engine",
    "Invocation",
    "invocation",
    "prepare",
    "run",
    "sections",
]
