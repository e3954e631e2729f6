"""Reading the hosts while Pulumi plans: all at once, over SSH, changing nothing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncssh

from .. import hostprogram
from ..config.credentials import Access
from ..config.hosts import HostSettings
from ..config.sections import HostEntry
from ..wellknown import RUNTIME_SOCKETS, RUNTIME_UNITS

DEADLINE_SECONDS = 5.0


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One host, as `etcd-host observe` saw it.

    `unreachable` says why nobody answered; `refused` why the host answered and would not let us
    look (a wrong host key, no sudo). Where either is set, `facts` is empty. `at`: when, in UTC.
    `ahead`: the least and the most, in seconds, by which its clock is ahead of ours: between
    sending and hearing, nobody knows when a clock was read. None where it was not.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    at: str = ""
    ahead: tuple[float, float] | None = None
    unreachable: str = ""
    refused: str = ""

    @property
    def seen(self) -> bool:
        """Whether the host could be read."""
        return not self.unreachable and not self.refused

    def fact(self, name: str) -> str:
        """A fact, or an empty string."""
        return self.facts.get(name, "")


def observe(
    settings: HostSettings, access: Access, *, bring: bool = False
) -> dict[str, Observation]:
    """Every host of the settings, by its name.

    `bring`: hosts keep the host program that they are read with, under /run, for the command that
    installs it. Not for a preview, which writes nothing.
    Runs its own event loop in its own thread: Pulumi's runs the program already.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="probe") as thread:
        return thread.submit(asyncio.run, _observe_all(settings, access, bring)).result()


async def _observe_all(
    settings: HostSettings, access: Access, bring: bool
) -> dict[str, Observation]:
    members = list(settings.hosts.values())
    seen = await asyncio.gather(*(_observe(settings, access, each, bring) for each in members))
    return {member.name: observation for member, observation in zip(members, seen, strict=True)}


async def _observe(
    settings: HostSettings, access: Access, member: HostEntry, bring: bool
) -> Observation:
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await _ask(settings, access, member, bring)
    except TimeoutError:
        return Observation(unreachable=f"no answer within {DEADLINE_SECONDS:g} s")
    except asyncssh.HostKeyNotVerifiable:
        return Observation(
            refused="its host key is not the one in ssh.knownHostsFile; if the host was made "
            "anew, replace its line there, else somebody else answers at its address"
        )
    except asyncssh.PermissionDenied:
        return Observation(
            refused=f"user {settings.ssh.user!r} may not log in with the given key; add its "
            "public key to the user's authorized_keys"
        )
    except (OSError, asyncssh.Error) as error:
        return Observation(unreachable=_reason(error))


async def _ask(
    settings: HostSettings, access: Access, member: HostEntry, bring: bool
) -> Observation:
    runtime = settings.container_runtime
    user = settings.ssh.user
    others = (other.address for other in settings.hosts.values() if other.name != member.name)
    line = hostprogram.observe_line(
        user, RUNTIME_UNITS[runtime], RUNTIME_SOCKETS[runtime], *others, bring=bring
    )
    pinned = asyncssh.import_public_key(access.host_keys[member.name])
    async with asyncssh.connect(
        member.host,
        port=settings.ssh.port,
        username=user,
        client_keys=[asyncssh.import_private_key(access.private_key)],
        known_hosts=([pinned], [], []),
        server_host_key_algs=[pinned.get_algorithm()],
        agent_path=None,
        config=None,
    ) as connection:
        asked = time.time()
        done = await connection.run(line, input=hostprogram.text())
        heard = time.time()
    if done.exit_status != 0:
        return Observation(refused=_refusal(user, str(done.stderr or "").strip()))
    facts = parse(str(done.stdout or ""))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Observation(facts=facts, at=now, ahead=ahead(facts, asked, heard))


def ahead(facts: Mapping[str, str], asked: float, heard: float) -> tuple[float, float] | None:
    """By how much, at least and at most, a clock is ahead that was read in between, in seconds."""
    try:
        begin, end = float(facts["clock-begin"]), float(facts["clock-end"])
    except (KeyError, ValueError):
        return None
    return end - heard, begin - asked


def _reason(error: OSError | asyncssh.Error) -> str:
    """«No route to host», as every other program says it; asyncio has texts of its own."""
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)


def _refusal(user: str, said: str) -> str:
    last = said.splitlines()[-1] if said else "nothing was said"
    if said.startswith("sudo:"):
        return (
            f"user {user!r} has no passwordless sudo ({last}); allow it, e.g. "
            f"`{user} ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d"
        )
    return f"it could not be read: {last}"


def parse(text: str) -> dict[str, str]:
    """`key: value` lines as a dictionary: {"kubelet": "v1.35.4", "drift-member": ""}."""
    pairs = (line.partition(": ") for line in text.splitlines() if ":" in line)
    return {key.rstrip(":"): value.strip() for key, _, value in pairs}
