"""The host program's functions, called one by one."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping

from etcd_cluster import hostprogram

# Time passes as the program sleeps, and no faster than it can.
OWN_TIME = """
HUNDREDTHS=0
sleep() { HUNDREDTHS=$((HUNDREDTHS + $(printf %.0f "${1}e2"))); }
mark_time() { printf -v "$1" %s "$HUNDREDTHS"; }
"""


def run(
    script: str, stdin: str = "", *, places: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run some bash after the program's definitions, in place of its `main`.

    `places`: what stands in the program for a place of the host, and what to put there, as
    {"/etc/fstab": "/tmp/…/fstab"}. Nothing of the caller's environment is seen.
    """
    body, end, _ = hostprogram.text().rpartition('main "$@"')
    assert end, "the program ends with its call of main"
    for place, instead in (places or {}).items():
        assert place in body, f"the program does not mention {place}"
        body = body.replace(place, instead)
    with tempfile.NamedTemporaryFile("w", suffix=".sh") as file:  # longer than an argument may be
        file.write(body + script)
        file.flush()
        return subprocess.run(
            ["bash", file.name],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env={"PATH": "/usr/bin:/bin"},
        )
