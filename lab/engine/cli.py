"""How `pulumi` is run with the engine, on a stack that is made ready for the command."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lab import TREE
from lab.engine import backend, sections
from lab.engine.setup import STATE, prepare
from lab.progress import say

PASSPHRASE = TREE / "lab" / "dev.passphrase"
DEFAULT_STACK = "dev"
# How a person runs pulumi with this engine.
MAKE_PULUMI = ".venv/bin/python -m lab pulumi"

# Commands that work on a stack, and of these the ones that write its state.
_ON_STACK = frozenset({"cancel", "config", "destroy", "import", "preview", "refresh", "up"})
_WRITES = frozenset({"destroy", "import", "refresh", "up"})
_READS_CONFIGURATION = _WRITES | {"preview"}
# The flags that may stand before the command with a value of their own.
_FLAGS = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
_FLAGS.add_argument("--stack", "-s", nargs="?")  # "?": pulumi itself says best what is missing
_FLAGS.add_argument("--cwd", "-C", nargs="?", default="")
for _flag in (("--color",), ("--profiling",), ("--tracing",), ("--verbose", "-v")):
    _FLAGS.add_argument(*_flag, nargs="?")


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """All that is needed to run a pulumi command."""

    command: list[str]
    cwd: Path
    env: Mapping[str, str]

    def start(self, *, own_session: bool = False) -> subprocess.Popen[str]:
        """Start it without input; stderr is part of stdout, as a person sees it.

        `own_session`: no signal of this process's terminal reaches it.
        """
        return subprocess.Popen(
            self.command,
            cwd=self.cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=own_session,
        )


def invocation(
    args: Sequence[str], *, project: Path = TREE, env: Mapping[str, str] | None = None
) -> Invocation:
    """Return how to run pulumi on a project, after making the stack ready for the command.

    `env` goes over the engine's environment: tests name a backend and a passphrase of their own.
    Without them the backend is `.state/backend` and the passphrase that of the dev stack, and the
    configuration is the committed one with what the lab has added to it (lab.engine.sections).
    `-C FOLDER` among the arguments names a project below, as it does to pulumi itself.
    """
    engine = prepare()
    environment = {**engine.env, **(env or {})}
    own = not environment.get("PULUMI_BACKEND_URL")
    if own:
        place = STATE / "backend"
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment["PULUMI_BACKEND_URL"] = backend.url(place)
    if not environment.keys() & {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}:
        environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(PASSPHRASE)
    command, stack, folder = _told(args)
    words = list(args)
    # Pulumi falls back on this one where no --stack is given: no stack need ever be selected.
    environment.setdefault("PULUMI_STACK", DEFAULT_STACK)
    name = (stack or environment["PULUMI_STACK"]).rpartition("/")[2]
    if own and command in _READS_CONFIGURATION and not folder and "--config-file" not in words:
        copy = sections.current(name)
        words += ["--config-file", str(copy)] if copy else []
    if command in _ON_STACK:
        if command in _WRITES:
            say(f"• {engine.source}")
        target = backend.StoredStack(
            name=name, project=project / folder, pulumi=engine.pulumi, env=environment
        )
        target.make_ready(will_write=command in _WRITES)
    return Invocation(command=[str(engine.pulumi), *words], cwd=project, env=environment)


def run(args: Sequence[str], *, project: Path = TREE, env: Mapping[str, str] | None = None) -> int:
    """Run pulumi in place of this process, which ends with pulumi's exit status.

    In place, so that a signal to this process reaches pulumi, and killing it kills pulumi: a
    pulumi that outlives the command would hold the stack's lock with nobody waiting for it.
    """
    call = invocation(args, project=project, env=env)
    sys.stdout.flush()
    os.chdir(call.cwd)
    os.execve(call.command[0], call.command, call.env)  # noqa: S606


def _told(args: Sequence[str]) -> tuple[str, str | None, str]:
    """Return the command, such as `up`, and the stack and the folder that the arguments name."""
    flags, rest = _FLAGS.parse_known_args(args)
    command = next((word for word in rest if not word.startswith("-")), "")
    return command, flags.stack, flags.cwd or ""
