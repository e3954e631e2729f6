"""Which of this machine's labs a test process uses: one that nobody else uses, until it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TextIO

from lab.hosts import cgroups
from lab.instance import INSTANCES, Instance
from lab.lab import Lab

VARIABLE = "ETCD_TEST_INSTANCES"
# Not 0, the developer's, and not 7, the bench's.
_DEFAULT = (9, 8, 6, 5, 4, 3, 2, 1)
WAIT_SECONDS = 300.0
_held: list[TextIO] = []


@cache
def instance() -> Instance:
    """This process's instance, claimed at the first call; whatever a killed test run left is gone.

    The claim is a lock that ends with the process, so that a killed one holds nothing.
    """
    numbers = candidates()
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        for number in numbers:
            lab = Instance(number)
            if not is_somebodys(lab) and lock(lab):
                Lab(lab).down(anyones=True)
                return lab
        time.sleep(1)
    tried = ", ".join(map(str, numbers))
    raise RuntimeError(
        f"for {WAIT_SECONDS:g} s every lab that tests may use was in use ({tried}); end the "
        f"others, start fewer workers, or name free ones, e.g. {VARIABLE}=1,2,3"
    )


def candidates() -> Iterable[int]:
    """The numbers that may be taken, in this order."""
    given = os.environ.get(VARIABLE) or os.environ.get("ETCD_LAB_INSTANCE")
    if not given:
        return _DEFAULT
    numbers = [int(word) for word in given.split(",") if word.strip().isdecimal()]
    if len(numbers) != len(given.split(",")) or not all(0 < each < INSTANCES for each in numbers):
        raise ValueError(
            f'{VARIABLE}: "{given}" is invalid: expected numbers from 1 to {INSTANCES - 1}, '
            "e.g. 8,9 (0 is the developer's lab)"
        )
    return numbers


def lock(lab: Instance) -> bool:
    """Take this instance from other test runs, of this and of other checkouts."""
    path = lab.lock.with_suffix(".tests")
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        return False
    _held.append(file)
    return True


def is_somebodys(lab: Instance) -> bool:
    """Whether a person started this lab: what tests start has pytest's name in its environment."""
    running = cgroups.processes(lab.name)
    return bool(running) and not any(b"PYTEST_CURRENT_TEST=" in environment(p) for p in running)


def environment(process: int) -> bytes:
    """What a process was started with; empty where it has ended."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/environ").read_bytes()
    return b""
