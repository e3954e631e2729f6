"""`make bench`: what an operator waits for, as ratios of things measured in one run.

`pulumi up` on fresh hosts against the seed's steps as a script going host by host (baseline.sh),
3 members against 7, and an `up` that has nothing to do. The rounds alternate, so that a slow minute
of the machine falls on both sides; the medians are compared.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from etcd_cluster.versions import RELEASES
from lab.hosts import Lab
from lab.instance import Instance
from lab.progress import say
from lab.stack import Stack

KUBERNETES = "1.35.4"
SMALL, LARGE = 3, 7
TREE = Path(__file__).resolve().parent.parent


def main() -> int:
    """Measure, print the table; 1 if a limit is passed."""
    parser = argparse.ArgumentParser(prog="python -m lab.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement")
    rounds = parser.parse_args().rounds
    lab = Lab(Instance(int(os.environ.get("ETCD_LAB_INSTANCE") or 7)))
    seconds: dict[str, list[float]] = {}

    def note(what: str, value: float) -> None:
        seconds.setdefault(what, []).append(value)
        say(f"  {what}: {value:.1f} s")

    try:
        for number in range(1, rounds + 1):
            say(f"• round {number} of {rounds}")
            note("script, 3 members", on_fresh(lab, SMALL, partial(script, lab, members(SMALL))))
            with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as large:
                stack = Stack(Path(small), lab, members(SMALL))
                note("pulumi up, 3 members", on_fresh(lab, SMALL, partial(up, stack)))
                note("pulumi up, no change", up(stack))
                stack = Stack(Path(large), lab, members(LARGE))
                note("pulumi up, 7 members", on_fresh(lab, LARGE, partial(up, stack)))
    finally:
        lab.down()
    return report({what: statistics.median(values) for what, values in seconds.items()}, rounds)


def report(median: Mapping[str, float], rounds: int) -> int:
    """Print the medians and their ratios."""
    small = median["pulumi up, 3 members"]
    print(
        f"\nmedian of {rounds} rounds on fresh hosts, {os.cpu_count()} cores shared by all hosts\n"
    )
    for what, value in median.items():
        print(f"  {what:<24}{value:6.1f} s")
    print()
    status = 0
    for what, ratio, limit in (
        ("pulumi up : script, 3 members", small / median["script, 3 members"], 0.7),
        ("7 members : 3 members", median["pulumi up, 7 members"] / small, 1.6),
        ("no change : first up", median["pulumi up, no change"] / small, 1.0),
    ):
        passed = ratio <= limit
        status |= not passed
        print(f"  {what:<32}{ratio:5.2f}   (limit {limit:.1f})  {'✓' if passed else '✗'}")
    return status


def on_fresh(lab: Lab, count: int, work: Callable[[], float]) -> float:
    """Seconds that the work takes on hosts just made."""
    lab.down()
    lab.fresh(members(count))
    return work()


def members(count: int) -> list[str]:
    """The first so many hosts."""
    return [f"etcd0{number}" for number in range(1, count + 1)]


def up(stack: Stack) -> float:
    """Seconds of one `pulumi up`. Making the stack ready for it is not part of them."""
    call = stack.invocation("up", "--yes", "--skip-preview")
    return timed(call.command, call.cwd, call.env)


def timed(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> float:
    """Seconds until the command ends; what it said is shown if it fails."""
    start = time.monotonic()
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    took = time.monotonic() - start
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command[:3]))}… failed:\n{done.stdout}")
    return took


def script(lab: Lab, names: Sequence[str]) -> float:
    """The seed's steps, host by host."""
    pairs = [f"{name}={lab.address(name)}" for name in names]
    tag = RELEASES[35].etcd_tag
    command = [str(TREE / "lab" / "baseline.sh"), str(lab.identity), str(lab.known_hosts)]
    return timed([*command, KUBERNETES, tag, *pairs], TREE, os.environ)


if __name__ == "__main__":
    sys.exit(main())
