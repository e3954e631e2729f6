"""What a person sees at the terminal, and what is in the state after it."""

from __future__ import annotations

import json
import re
import subprocess
from typing import Any

from lab.stack import Result, Stack

ENGINE_ITSELF = "pulumi:providers:pulumi"
STACK_ITSELF = "pulumi:pulumi:Stack"
# What a person is shown when a program fails that nobody thought of.
_UNFORESEEN = ("Traceback", "unhandled", "Program failed", "panic:", 'File "')


def errors(result: Result) -> list[str]:
    """Each error that the CLI reports at its end, whole, without the indentation."""
    _, summed_up, report = result.text.partition("\nDiagnostics:\n")
    indent = "    " if summed_up else ""
    blocks: list[list[str]] = []
    within = False
    for line in (report if summed_up else result.text).splitlines():
        head = re.match(rf"{indent}(error|warning|info): ", line)
        if head:
            within = head[1] == "error"
            if within:
                blocks.append([line[head.end() :]])
        elif within and line.startswith(indent or "  "):
            blocks[-1].append(line.removeprefix(indent))
        else:
            within = False
    return ["\n".join(block).rstrip() for block in blocks]


def is_foreseen(result: Result) -> bool:
    """Whether all that was said is in words of ours: no traceback, no panic."""
    return not any(word in result.text for word in _UNFORESEEN)


def one_error(result: Result) -> str:
    """The only error of a run that failed as it should: told once, and by us."""
    assert result.status != 0, result.text
    assert is_foreseen(result), result.text
    found = errors(result)
    assert len(found) == 1, result.text
    return found[0]


def faults(error: str) -> list[str]:
    """The lines under an error's heading."""
    return re.findall(r"(?m)^  • (.*)$", error)


def created(stack: Stack) -> set[str]:
    """Types of all resources in the state, but for the stack itself and the engine's own provider,
    which is there once the program has asked for the stack's last state.
    """
    state: dict[str, Any] = json.loads(stack.state_file.read_text())
    latest = state["checkpoint"].get("latest") or {}
    return {each["type"] for each in latest.get("resources") or []} - {STACK_ITSELF, ENGINE_ITSELF}


def preview_without_passphrase(stack: Stack) -> Result:
    """A preview with no passphrase in its environment, and nobody at the terminal."""
    call = stack.invocation("preview")
    done = subprocess.run(
        call.command,
        cwd=call.cwd,
        env={key: value for key, value in call.env.items() if "PASSPHRASE" not in key},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return Result(status=done.returncode, text=done.stdout)
