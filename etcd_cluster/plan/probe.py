"""Reads the hosts while Pulumi plans: concurrently, over SSH, without configuring anything."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
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
    """One host, as reported by `etcd-host observe`.

    `unreachable`: why there was no answer; `refused`: why the host answered but could not be read
    (a wrong host key, no sudo). If either is set, `facts` is empty. `at`: when, in UTC.
    `ahead`: the least and the most, in seconds, by which its clock may be ahead of ours, because
    the clock was read at an unknown moment between question and answer. None if it was not read.
    `programs`: what the stack's own programs reported, by their names.
    """

    facts: Mapping[str, str] = field(default_factory=dict)
    at: str = ""
    ahead: tuple[float, float] | None = None
    programs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unreachable: str = ""
    refused: str = ""

    @property
    def seen(self) -> bool:
        """Whether the host was read."""
        return not self.unreachable and not self.refused

    def fact(self, name: str) -> str:
        """The fact of this name, or an empty string."""
        return self.facts.get(name, "")


def observe(
    settings: HostSettings,
    access: Access,
    *,
    bring: bool = False,
    programs: Sequence[hostprogram.Program] = (),
) -> dict[str, Observation]:
    """Observations of every host in the settings, by name.

    `bring`: hosts keep the uploaded host program under /run, for the command that installs it; not
    used in a preview. Either way a host caches its packages' versions under /run, and one that is
    not a member yet writes and removes a temporary file to time its disk.
    `programs`: the stack's own, which observe every host as well.
    Uses an event loop in a thread of its own, because Pulumi's loop is running this program.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="probe") as thread:
        return thread.submit(asyncio.run, _observe_all(settings, access, bring, programs)).result()


async def _observe_all(
    settings: HostSettings,
    access: Access,
    bring: bool,
    programs: Sequence[hostprogram.Program],
) -> dict[str, Observation]:
    members = list(settings.hosts.values())
    seen = await asyncio.gather(
        *(_observe(settings, access, each, bring, programs) for each in members)
    )
    return {member.name: observation for member, observation in zip(members, seen, strict=True)}


async def _observe(
    settings: HostSettings,
    access: Access,
    member: HostEntry,
    bring: bool,
    programs: Sequence[hostprogram.Program],
) -> Observation:
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            return await _ask(settings, access, member, bring, programs)
    except TimeoutError:
        return Observation(unreachable=f"no answer within {DEADLINE_SECONDS:g} s")
    except asyncssh.HostKeyNotVerifiable:
        return Observation(
            refused="host key does not match ssh.knownHostsFile; if the host was reinstalled, "
            "replace its line there; otherwise another machine is answering at its address"
        )
    except asyncssh.PermissionDenied:
        return Observation(
            refused=f"user {settings.ssh.user!r} cannot log in with the configured key; add its "
            "public key to the user's authorized_keys"
        )
    except (OSError, asyncssh.Error) as error:
        return Observation(unreachable=_reason(error))


async def _ask(
    settings: HostSettings,
    access: Access,
    member: HostEntry,
    bring: bool,
    programs: Sequence[hostprogram.Program],
) -> Observation:
    runtime = settings.container_runtime
    user = settings.ssh.user
    addresses = (other.address for other in settings.hosts.values() if other.name != member.name)
    line = hostprogram.observe_line(
        user, RUNTIME_UNITS[runtime], RUNTIME_SOCKETS[runtime], *addresses, bring=bring
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
        others = {
            each.name: await connection.run(each.observe_line(user), input=each.text)
            for each in programs
        }
    for answer in (done, *others.values()):
        if answer.exit_status != 0:
            return Observation(refused=_refusal(user, str(answer.stderr or "").strip()))
    facts = parse(str(done.stdout or ""))
    now = datetime.now(UTC).isoformat(timespec="seconds")
    return Observation(
        facts=facts,
        at=now,
        ahead=ahead(facts, asked, heard),
        programs={name: parse(str(answer.stdout or "")) for name, answer in others.items()},
    )


def ahead(facts: Mapping[str, str], asked: float, heard: float) -> tuple[float, float] | None:
    """The least and the most, in seconds, by which a clock read in between may be ahead."""
    try:
        begin, end = float(facts["clock-begin"]), float(facts["clock-end"])
    except (KeyError, ValueError):
        return None
    return end - heard, begin - asked


def _reason(error: OSError | asyncssh.Error) -> str:
    """`No route to host`, as other programs put it; asyncio words it differently."""
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    return getattr(error, "strerror", None) or str(error)


def _refusal(user: str, said: str) -> str:
    last = said.splitlines()[-1] if said else ""
    if said.startswith("sudo:"):
        return (
            f"user {user!r} has no passwordless sudo ({last}); allow it, e.g. "
            f"`{user} ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d"
        )
    return f"observe failed: {last}" if last else "observe failed without output"


def parse(text: str) -> dict[str, str]:
    """`key: value` lines as a dictionary: {"kubelet": "v1.35.4", "drift-member": ""}."""
    pairs = (line.partition(": ") for line in text.splitlines() if ":" in line)
    return {key.rstrip(":"): value.strip() for key, _, value in pairs}
