"""Reads the hosts while Pulumi plans: concurrently, over SSH, without configuring anything."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncssh

from .. import hostprogram
from ..config.credentials import Access
from ..config.hosts import HostSettings
from ..config.settings import Settings
from ..config.values import spelled
from ..wellknown import RUNTIME_SOCKETS, RUNTIME_UNITS
from . import link
from .memory import StackMemory

LAST_FACT = "clock-end"
"""What `etcd-host observe` says last of all."""


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
        return not self.why_not

    @property
    def why_not(self) -> str:
        """Why the host was not read; empty where it was."""
        return self.unreachable or self.refused

    def fact(self, name: str) -> str:
        """The fact of this name, or an empty string."""
        return self.facts.get(name, "")


@dataclass(frozen=True, kw_only=True)
class Target:
    """A host to look at: where it is dialed, its pinned key, and what it is to be.

    identity: cluster, member, token and CA as `etcd-host observe` compares them, and the id of a
    cluster that is to be adopted or a snapshot to look at; `-` for a host that runs no member.
    others: the other members' addresses, to be reached from there.
    """

    name: str
    host: str
    port: int
    user: str
    host_key: str
    identity: str = "-"
    others: Sequence[str] = ()


def targets(settings: HostSettings, access: Access, memory: StackMemory | None) -> list[Target]:
    """Every host of the settings; as members where the stack's memory is given."""
    hosts = list(settings.hosts.values())
    cluster = getattr(settings, "cluster_name", "")
    restore = getattr(settings, "restore", None)
    file = restore.snapshot if restore and not restore.is_object else None
    more = getattr(settings, "adopt", None) or file
    asked = f" {more}" if more else ""
    return [
        Target(
            name=each.name,
            host=each.host,
            port=settings.ssh.port,
            user=settings.ssh.user,
            host_key=access.host_keys[each.name],
            identity=memory.identity(cluster, each.name) + asked if memory else "-",
            others=[other.address for other in hosts if other.name != each.name],
        )
        for each in hosts
    ]


def former_targets(settings: Settings, memory: StackMemory) -> list[Target]:
    """Hosts that the stack knows and the settings no longer name.

    Those of members that are to leave, by the member's name; and former hosts of a member that has
    another one now, as `NAME@HOST`. A host that was given up is dialed no more.
    """
    named = {member.name: member for member in settings.members}
    found: list[Target] = []
    for name, known in memory.members.items():
        entry = named.get(name)
        if known.given_up or (entry and entry.lost):
            continue
        now = spelled(entry.host) if entry else ""
        found += [
            Target(
                name=f"{name}@{each.host}" if entry else name,
                host=each.host,
                port=each.port,
                user=each.user,
                host_key=each.host_key,
                identity=memory.identity(settings.cluster_name, name),
            )
            for each in (known.hosts if entry else known.hosts[:1])
            if each.host and each.host_key and spelled(each.host) != now
        ]
    return found


def observe(
    looked_at: Sequence[Target],
    settings: HostSettings,
    access: Access,
    *,
    bring: bool = False,
    programs: Sequence[hostprogram.Program] = (),
) -> dict[str, Observation]:
    """Observations of these hosts, by name.

    `bring`: hosts keep the uploaded host program under /run, for the command that installs it; not
    used in a preview. Either way a host caches its packages' versions under /run, and one that is
    not a member yet writes and removes a temporary file to time its disk.
    `programs`: the stack's own, which observe every host as well.
    Uses an event loop in a thread of its own, because Pulumi's loop is running this program.
    """
    look = _Look(settings=settings, access=access, bring=bring, programs=tuple(programs))
    with ThreadPoolExecutor(1, thread_name_prefix="probe") as thread:
        return thread.submit(asyncio.run, look.at_all(looked_at)).result()


@dataclass(frozen=True, kw_only=True)
class _Look:
    settings: HostSettings
    access: Access
    bring: bool
    programs: tuple[hostprogram.Program, ...]

    async def at_all(self, looked_at: Sequence[Target]) -> dict[str, Observation]:
        seen = await asyncio.gather(*(self._at(each) for each in looked_at))
        return {each.name: found for each, found in zip(looked_at, seen, strict=True)}

    async def _at(self, target: Target) -> Observation:
        """A dead host is not waited for, a slow one is: each step has a limit of its own."""
        ssh = self.settings.ssh
        try:
            async with asyncio.timeout(ssh.connect_timeout_seconds):
                wire = await link.connected(target.host, target.port)
        except TimeoutError:
            return Observation(unreachable=f"no answer within {ssh.connect_timeout_seconds} s")
        except OSError as error:
            return Observation(unreachable=link.reason(error))
        try:
            async with asyncio.timeout(ssh.login_timeout_seconds):
                connection = await self._login(target, wire)
        except TimeoutError:
            return Observation(
                unreachable=f"it accepts connections, but sshd did not complete the login of "
                f"{target.user!r} within {ssh.login_timeout_seconds} s; if the host is slow, raise "
                "ssh.loginTimeoutSeconds"
            )
        except (OSError, asyncssh.Error) as error:
            return _failed(target.user, error)
        try:
            async with asyncio.timeout(ssh.answer_timeout_seconds):
                return await self._ask(target, connection)
        except TimeoutError:
            return Observation(
                unreachable=f"logged in, and `etcd-host observe` took more than "
                f"{ssh.answer_timeout_seconds} s; if the host is only slow, raise "
                "ssh.answerTimeoutSeconds"
            )
        except (OSError, asyncssh.Error) as error:
            return _failed(target.user, error)
        finally:
            connection.close()
            await connection.wait_closed()

    async def _login(self, target: Target, wire: socket.socket) -> asyncssh.SSHClientConnection:
        pinned = asyncssh.import_public_key(target.host_key)
        silence = self.settings.ssh.login_timeout_seconds
        return await asyncssh.connect(
            target.host,
            port=target.port,
            sock=wire,
            username=target.user,
            client_keys=[asyncssh.import_private_key(self.access.private_key)],
            known_hosts=([pinned], [], []),
            server_host_key_algs=link.key_algorithms(pinned),
            agent_path=None,
            config=None,
            login_timeout=0,  # ours holds
            # A host that dies while it is read is not waited for until it should have answered.
            keepalive_interval=silence / 3,
            keepalive_count_max=2,
        )

    async def _ask(self, target: Target, connection: asyncssh.SSHClientConnection) -> Observation:
        runtime = self.settings.container_runtime
        line = hostprogram.observe_line(
            target.user,
            RUNTIME_UNITS[runtime],
            RUNTIME_SOCKETS[runtime],
            target.identity,
            *target.others,
            bring=self.bring,
        )
        asked = time.time()
        done = await link.run(connection, line, hostprogram.text())
        heard = time.time()
        others = {
            each.name: await link.run(connection, each.observe_line(target.user), each.text)
            for each in self.programs
        }
        for answer in (done, *others.values()):
            if answer.exit_status != 0:
                said = str(answer.stderr or "").strip() or str(answer.stdout or "").strip()
                return Observation(refused=refusal(target.user, said))
        facts = parse(str(done.stdout or ""))
        if LAST_FACT not in facts:
            # Half an answer is none: what is missing from it would pass for "nothing there".
            said = str(done.stdout or "").strip() or "nothing"
            return Observation(
                refused="the answer to `etcd-host observe` is incomplete; a forced command or a "
                f"login shell may be in the way. It said: {said.splitlines()[-1][:200]!r}"
            )
        now = datetime.now(UTC).isoformat(timespec="seconds")
        return Observation(
            facts=facts,
            at=now,
            ahead=ahead(facts, asked, heard),
            programs={name: parse(str(each.stdout or "")) for name, each in others.items()},
        )


def ahead(facts: Mapping[str, str], asked: float, heard: float) -> tuple[float, float] | None:
    """The least and the most, in seconds, by which a clock read in between may be ahead."""
    try:
        begin, end = float(facts["clock-begin"]), float(facts["clock-end"])
    except (KeyError, ValueError):
        return None
    return end - heard, begin - asked


def _failed(user: str, error: OSError | asyncssh.Error) -> Observation:
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return Observation(refused=link.WRONG_KEY)
    if isinstance(error, asyncssh.PermissionDenied):
        return Observation(
            refused=f"user {user!r} cannot log in with the configured key ({error.reason}); add "
            "its public key to the user's authorized_keys, and check that the account is not "
            "locked or expired"
        )
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return Observation(refused=link.NO_COMMON_KEY.format(reason=link.reason(error)))
    return Observation(unreachable=link.reason(error))


def refusal(user: str, said: str) -> str:
    """Why a host that let the user in could not be read, from what it said on stderr."""
    lines = link.shown(said)
    last = lines[-1] if lines else ""
    # A login may say more before, and so does a sudo that works ("unable to resolve host").
    sudo = [line for line in lines if line.startswith("sudo:") and "resolve host" not in line]
    if sudo:
        return (
            f"user {user!r} has no passwordless sudo ({sudo[-1]}); allow it, e.g. "
            f"`{user} ALL=(ALL) NOPASSWD: ALL` in /etc/sudoers.d"
        )
    return f"observe failed: {last[:300]}" if last else "observe failed without output"


def parse(text: str) -> dict[str, str]:
    """`key: value` lines as a dictionary: {"kubelet": "v1.35.4", "drift-member": ""}."""
    pairs = (line.partition(": ") for line in link.shown(text) if ":" in line)
    return {key.rstrip(":"): value.strip() for key, _, value in pairs}
