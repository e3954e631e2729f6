"""What the host program writes in TOML, read again."""

from __future__ import annotations

import shlex
import tomllib
from collections.abc import Mapping
from typing import Any

from .bash import run


def rendered(function: str, state: Mapping[str, str]) -> dict[str, Any]:
    """What a function writes for this state, read as TOML."""
    script = "".join(f"S[{key}]={shlex.quote(value)}; " for key, value in state.items())
    done = run(script + function)
    assert done.returncode == 0, done.stderr
    return tomllib.loads(done.stdout)
