"""`make bench`: what an operator waits for, as ratios of things measured in one run.

`pulumi up` on fresh hosts against the seed's steps as a script going host by host (baseline.sh),
3 members against 7, and an `up` that has nothing to do. The rounds alternate, so that a slow minute
of the machine falls on both sides; the medians are compared.

Servers have processors of their own. Here all hosts run on one machine, so without more the more
hosts there are, the slower is each of them, and 3 are not compared with 7 like them. Therefore
each host gets the same part of a core, so small that seven of them leave half of the machine to
whoever runs Pulumi or the script. The limits are for these. All is measured once more with hosts
that take what they get of the shared cores, for comparison.
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
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from lab import TREE
from lab.instance import Instance
from lab.lab import Lab
from lab.progress import say
from lab.stack import Stack
from lab.versions import TODAY

SMALL, LARGE = 3, 7
CORES = os.cpu_count() or 1
SHARE = CORES / 2 / LARGE  # of a core, for each host
SCRIPT, UP = "script, 3 members", "pulumi up, 3 members"
AGAIN, UP_LARGE = "pulumi up, no change", "pulumi up, 7 members"


@dataclass(frozen=True)
class Run:
    """One measurement: seconds by the clock, and CPU seconds that the whole machine spent."""

    seconds: float
    cpu: float


Runs = dict[str, list[Run]]


def main() -> int:
    """Measure, print the tables; 1 if a limit is passed."""
    parser = argparse.ArgumentParser(prog="python -m lab.bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="of each measurement")
    rounds = parser.parse_args().rounds
    lab = Lab(Instance(int(os.environ.get("ETCD_LAB_INSTANCE") or 7)))
    own: Runs = {}
    shared: Runs = {}
    try:
        for number in range(1, rounds + 1):
            for runs, share in ((own, SHARE), (shared, None)):
                say(f"• round {number} of {rounds}, {described(share)}")
                measure(lab, runs, share)
    finally:
        lab.down()
    print(f"\nmedian of {rounds} rounds on fresh hosts; a machine with {CORES} cores")
    status = report(own, SHARE, limits=True)
    report(shared, None, limits=False)
    return status


def described(share: float | None) -> str:
    """What processors the hosts have."""
    if share is None:
        return "hosts that share all cores with whoever runs Pulumi"
    return f"hosts with {share:.2f} of a core each"


def measure(lab: Lab, runs: Runs, share: float | None) -> None:
    """One round, on hosts that have this part of a core each; all share all cores without one."""

    def note(what: str, run: Run) -> None:
        runs.setdefault(what, []).append(run)
        say(f"  {what}: {run.seconds:.1f} s, {run.cpu:.1f} CPU seconds")

    def on_fresh(count: int, work: Callable[[], Run]) -> Run:
        lab.down()
        lab.fresh(members(count))
        if share is not None:
            for name in members(count):
                lab.limit_cpu(name, share)
        return work()

    note(SCRIPT, on_fresh(SMALL, partial(script, lab, members(SMALL))))
    with tempfile.TemporaryDirectory() as small, tempfile.TemporaryDirectory() as large:
        stack = Stack(Path(small), lab, members(SMALL))
        note(UP, on_fresh(SMALL, partial(up, stack)))
        note(AGAIN, up(stack))
        stack = Stack(Path(large), lab, members(LARGE))
        note(UP_LARGE, on_fresh(LARGE, partial(up, stack)))


def report(runs: Runs, share: float | None, *, limits: bool) -> int:
    """Print the medians and their ratios; 1 if a limit is passed, where there are limits."""
    median = {what: statistics.median(run.seconds for run in each) for what, each in runs.items()}
    print(f"\n{described(share)}\n\n  {'':<24}{'seconds':>8}{'CPU s':>8}")
    for what, value in median.items():
        cpu = statistics.median(run.cpu for run in runs[what])
        print(f"  {what:<24}{value:8.1f}{cpu:8.1f}")
    print()
    status = 0
    for what, ratio, limit in (
        ("pulumi up : script, 3 members", median[UP] / median[SCRIPT], 0.7),
        ("7 members : 3 members", median[UP_LARGE] / median[UP], 1.6),
        ("no change : first up", median[AGAIN] / median[UP], 1.0),
    ):
        passed = ratio <= limit
        status |= limits and not passed
        judged = f"   (limit {limit:.1f})  {'✓' if passed else '✗'}" if limits else ""
        print(f"  {what:<32}{ratio:5.2f}{judged}")
    return status


def members(count: int) -> list[str]:
    """The first so many hosts."""
    return [f"etcd0{number}" for number in range(1, count + 1)]


def up(stack: Stack) -> Run:
    """One `pulumi up`. Making the stack ready for it is not part of them."""
    call = stack.invocation("up", "--yes", "--skip-preview")
    return timed(call.command, call.cwd, call.env)


def timed(command: Sequence[str], cwd: Path, env: Mapping[str, str]) -> Run:
    """The command until it ends; what it said is shown if it fails."""
    start, busy = time.monotonic(), busy_seconds()
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
    took = Run(time.monotonic() - start, busy_seconds() - busy)
    if done.returncode != 0:
        sys.exit(f"{' '.join(map(str, command[:3]))}… failed:\n{done.stdout}")
    return took


def busy_seconds() -> float:
    """CPU seconds that this machine has spent since it started (user, nice, system, interrupts)."""
    user, nice, system, _idle, _wait, irq, softirq, *_ = (
        int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    )
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def script(lab: Lab, names: Sequence[str]) -> Run:
    """The seed's steps, host by host."""
    pairs = [f"{name}={lab.address(name)}" for name in names]
    command = [str(TREE / "lab" / "baseline.sh"), str(lab.identity), str(lab.known_hosts)]
    return timed([*command, TODAY.kubernetes, TODAY.etcd_tag, *pairs], TREE, os.environ)


if __name__ == "__main__":
    sys.exit(main())
