"""Waiting until hosts can be used."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from lab.errors import LabError
from lab.hosts import qemu, ssh
from lab.hosts.host import LabHost, State
from lab.hosts.keys import Keys

BOOT_SECONDS = 60.0


def wait_until_ready(host: LabHost, keys: Keys) -> None:
    """Wait until a host that boots can be used."""
    deadline = time.monotonic() + _seconds(host)
    wait_for_ssh(host)
    while not ssh.booted(keys, host.address):
        _still_booting(host, deadline)
        time.sleep(0.1)


def wait_for_ssh(host: LabHost) -> None:
    """Wait until a host's sshd greets."""
    deadline = time.monotonic() + _seconds(host)
    while not ssh.answers(host.address):
        _still_booting(host, deadline)
        time.sleep(0.02)


def each(work: Callable[[LabHost], None], hosts: Sequence[LabHost]) -> None:
    """Do it for all hosts at once; the first failure is raised when all have ended."""
    if not hosts:
        return
    with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
        for outcome in [pool.submit(work, host) for host in hosts]:
            outcome.result()


def _seconds(host: LabHost) -> float:
    return qemu.BOOT_SECONDS if host.kind.machine else BOOT_SECONDS


def _still_booting(host: LabHost, deadline: float) -> None:
    state = host.state
    if state is not State.RUNNING or time.monotonic() > deadline:
        raise LabError(
            f"{host.name} is {state.value} and cannot be used after boot; `python -m lab logs "
            f"{host.name}` says more (after `up --keep`). Its console ends:\n{host.tail()}"
        )
