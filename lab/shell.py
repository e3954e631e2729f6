"""Running other programs: argument lists only, and their own words when they fail."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from lab.errors import LabError

ENDS_WITH_US = ("setpriv", "--pdeathsig=KILL")
"""Prefix for a program that must not outlive this process, also when this is killed."""
PRIVATE = (
    *ENDS_WITH_US,
    "unshare",
    "--mount",
    "--propagation=slave",
    "--pid",
    "--fork",
    "--kill-child",
)
"""Prefix that gives a program namespaces of its own: what it mounts or starts ends with it."""


def run(
    command: Sequence[str | Path], *, env: Mapping[str, str] | None = None, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """Run a program without input and return what it said; a failure is a LabError with it.

    `check=False` is for a program whose failure is an answer ("there is no such link").
    """
    done = subprocess.run(
        [str(word) for word in command],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if check and done.returncode != 0:
        said = "\n".join((done.stdout + done.stderr).rstrip().splitlines()[-20:])
        words = " ".join(str(word) for word in command)
        raise LabError(f"{words}: exit status {done.returncode}; it said:\n{said}")
    return done
