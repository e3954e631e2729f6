"""What the hosts know of backups, and what is not well with them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from ..config.settings import Settings
from .memory import StackMemory
from .probe import Observation

GUIDE = "See docs/backup.md"
NOW = "`sudo etcd-host backup` on a member makes one now, or says why it cannot"
MIB = 1024 * 1024
PROOF_AGE = timedelta(days=2)
UNPROVED_AGE = timedelta(days=1)
PROOF_FAILED = "backup prove: "
"""How a failure begins that is none of a backup: PROOF_FAILED in backup.sh."""
AHEAD = timedelta(minutes=5)
"""What is from later than that is from a clock that is wrong."""


@dataclass(frozen=True, kw_only=True)
class _Newest:
    """The newest whole backup that a host knows. bytes: of its database."""

    object: str
    time: datetime
    bytes: int
    revision: int


@dataclass(frozen=True, kw_only=True)
class _Known:
    """What all hosts that answer know, together.

    newest: of all. since: since when at least there are backups, where that is known. proved: when
    one was last fetched from the store and restored; ahead: hosts whose proof is from a time that
    has not come, and so says nothing. next: when a timer runs. now: when the hosts were read.
    unread: what a host said and nobody can read, a line each.
    """

    newest: _Newest | None
    since: datetime | None
    proved: datetime | None
    ahead: Mapping[str, datetime]
    next: datetime | None
    now: datetime | None
    unread: tuple[str, ...]

    @property
    def age(self) -> timedelta | None:
        """Of the newest; None where that is not known."""
        if self.newest is None or self.now is None or self.newest.time > self.now + AHEAD:
            return None
        return max(self.now - self.newest.time, timedelta())


def warnings(settings: Settings, own: Mapping[str, Observation], memory: StackMemory) -> list[str]:
    """What is not well with backups that were set up; hosts that do not answer are spoken of
    elsewhere.
    """
    if not _is_set_up(settings, own, memory):
        return []
    found = _known(own)
    since = found.newest.time if found.newest else None
    return [
        *found.unread,
        *_age(settings, found),
        *_failures(settings, own, since),
        *_damage(own),
        *_missed(settings, own),
        *_differ(own),
        *_proof(settings, found),
    ]


def information(
    settings: Settings, own: Mapping[str, Observation], memory: StackMemory
) -> tuple[str, ...]:
    """The newest backup, in one line, where all is well; else nothing."""
    found = _known(own)
    newest = found.newest
    if newest is None or found.age is None or not _is_set_up(settings, own, memory):
        return ()
    if warnings(settings, own, memory):
        return ()
    proved = f"proved from the store at {_text(found.proved)}" if found.proved else "not proved yet"
    return (
        f"backup: newest {_text(newest.time)} ({_hours(found.age)} old, {newest.bytes / MIB:.1f} "
        f"MiB, revision {newest.revision}), {proved}",
    )


def output(settings: Settings, own: Mapping[str, Observation]) -> dict[str, str | int] | None:
    """The stack's output `backup`; None without the section, or where no host knows of one."""
    found = _known(own)
    if settings.backup is None or found.newest is None:
        return None
    return {
        "object": found.newest.object,
        "time": _text(found.newest.time),
        "bytes": found.newest.bytes,
        "revision": found.newest.revision,
        "proved": _text(found.proved) if found.proved else "",
    }


def _is_set_up(settings: Settings, own: Mapping[str, Observation], memory: StackMemory) -> bool:
    """Whether hosts that answer could know of a backup."""
    members = [memory.members.get(name) for name, seen in own.items() if seen.seen]
    return settings.backup is not None and any(each and each.backed_up for each in members)


def _known(own: Mapping[str, Observation]) -> _Known:
    newest: list[_Newest] = []
    times: dict[str, dict[str, datetime]] = {fact: {} for fact in ("proof", "timer", "since")}
    unread = []
    for name, seen in own.items():
        said = seen.fact("backup-newest")
        read = _newest(said)
        newest += [read] if read else []
        wrong = ["newest"] if said and not read else []
        for fact, found in times.items():
            said = seen.fact(f"backup-{fact}").partition(" ")[0]
            time = _time(said)
            if time:
                found[name] = time
            wrong += [fact] if said and not time else []
        unread += [
            f"{name}: what it says of backup-{fact} cannot be read, so it is not known: "
            f"{seen.fact(f'backup-{fact}')[:200]!r}. {GUIDE}"
            for fact in wrong
        ]
    now = _read_at(own)
    ahead = {name: time for name, time in times["proof"].items() if now and time > now + AHEAD}
    return _Known(
        newest=max(newest, key=lambda each: each.time, default=None),
        since=min([*times["since"].values(), *(each.time for each in newest)], default=None),
        proved=max((t for name, t in times["proof"].items() if name not in ahead), default=None),
        ahead=ahead,
        next=min(times["timer"].values(), default=None),
        now=now,
        unread=tuple(unread),
    )


def _read_at(own: Mapping[str, Observation]) -> datetime | None:
    """When the hosts were read, the last of them."""
    times = (_time(seen.at) for seen in own.values() if seen.seen)
    return max((time for time in times if time), default=None)


def _age(settings: Settings, found: _Known) -> Iterator[str]:
    assert settings.backup is not None
    limit = settings.backup.max_age_hours
    after = f" (the timers run next at {_text(found.next)})" if found.next else ""
    if found.newest is None:
        yield f"backup: no host knows of one yet{after}. {NOW}. {GUIDE}"
    elif found.age is None:
        yield (
            f"backup: the age of the newest is not known: it is of {_text(found.newest.time)} "
            f"({found.newest.object}), and the hosts were read at "
            f"{_text(found.now) if found.now else 'an unknown time'}. Synchronize the clocks of "
            f"the hosts and of this machine. {GUIDE}"
        )
    elif found.age > timedelta(hours=limit):
        yield (
            f"backup: the newest is {_hours(found.age)} old ({found.newest.object}), and "
            f"backup.maxAgeHours is {limit}{after}. {NOW}. {GUIDE}"
        )


def _failures(
    settings: Settings, own: Mapping[str, Observation], since: datetime | None
) -> Iterator[str]:
    """What failed on a host after the newest backup of all."""
    for entry in settings.living:
        seen = own.get(entry.name)
        said, _, reason = seen.fact("backup-fault").partition(" ") if seen else ("", "", "")
        time = _time(said)
        # (A backup may fail in the second in which it began, when it had been made. A proof that
        # failed is not made good by a newer backup: the host says when it is.)
        answered = time and since and time < since and not reason.startswith(PROOF_FAILED)
        if said and not answered:
            yield (
                f"backup: failed on {entry.name} ({entry.host}) at {said}: "
                f"{reason or 'no reason given'}. {GUIDE}"
            )


def _damage(own: Mapping[str, Observation]) -> Iterator[str]:
    """What lies in the store and is not what it was: once, although several hosts may know."""
    found: dict[str, str] = {}
    for name, seen in own.items():
        for line in re.split(r";(?=[^ ;]+[.]db[.]gz )", seen.fact("backup-damage")):
            what, _, rest = line.partition(" ")
            if what:
                found.setdefault(what, f"{rest} ({name})")
    for what, rest in found.items():
        yield (
            f"backup: {what} in the store is damaged: {rest}. It does not count, and is "
            f"kept for you to examine; then delete it and its .json. {GUIDE}"
        )


def _missed(settings: Settings, own: Mapping[str, Observation]) -> Iterator[str]:
    """What a host has seen in the store, and nothing as old is there any more."""
    for entry in settings.living:
        seen = own.get(entry.name)
        missed = seen.fact("backup-missed") if seen else ""
        if seen and missed and missed not in seen.fact("backup-fault"):
            yield (
                f"backup: {entry.name} ({entry.host}) has seen {missed} in the store, and nothing "
                "as old is there any more. Is that the store, and is it mounted? If they were "
                f"deleted, run `sudo etcd-host backup accept` on {entry.name}. {GUIDE}"
            )


def _differ(own: Mapping[str, Observation]) -> Iterator[str]:
    """Members that hold something else, as long as no host has found that all hold the same."""
    now = _read_at(own)
    found = (_time(each.fact("backup-compared")) for each in own.values())
    # (What a clock that was ahead has dated says nothing, however long that takes to come.)
    same = [time for time in found if time and not (now and time > now + AHEAD)]
    for name, seen in own.items():
        said, _, reason = seen.fact("backup-differ").partition(" ")
        time = _time(said)
        told = reason in seen.fact("backup-fault")
        if reason and not told and not (time and any(each > time for each in same)):
            yield (
                f"backup: {name} compared the members at {said}: {reason}. See "
                f"docs/runbooks/damaged-member.md; `sudo etcd-host backup` on {name} compares them "
                "again"
            )


def _proof(settings: Settings, found: _Known) -> Iterator[str]:
    assert settings.backup is not None
    # (It comes with a backup, and those may be rarer than days.)
    limit = max(PROOF_AGE, timedelta(hours=settings.backup.max_age_hours))
    prove = "`sudo etcd-host backup prove` on a member does it now, or says why it cannot"
    for name, time in found.ahead.items():
        yield (
            f"backup: {name} dates its last restore test {_text(time)}, but the hosts were read at "
            f"{_text(found.now) if found.now else '-'}, so that test does not count. Synchronize "
            "the clocks of the hosts and of this machine, then run `sudo etcd-host backup prove` "
            f"on {name}. {GUIDE}"
        )
    if found.now is None or found.newest is None:
        return
    if found.proved is not None:
        age = found.now - found.proved
        if age > limit:
            yield (
                "backup: the last restore test of a backup from the store was "
                f"{age / timedelta(days=1):.1f} days ago ({_text(found.proved)}); one is expected "
                f"{'every day' if limit == PROOF_AGE else 'with each backup'}. {prove}. {GUIDE}"
            )
    elif found.since is not None and found.now - found.since > limit - UNPROVED_AGE:
        yield (
            "backup: no backup has been fetched from the store and restored as a test yet, so it "
            f"is unknown whether they can be. {prove}. {GUIDE}"
        )


def _newest(said: str) -> _Newest | None:
    words = said.split()
    time = _time(words[1]) if len(words) == 4 else None
    if time is None or not words[2].isdecimal() or not words[3].isdecimal():
        return None
    return _Newest(object=words[0], time=time, bytes=int(words[2]), revision=int(words[3]))


def _time(text: str) -> datetime | None:
    """A moment; None for what is none, or has no zone."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else None


def _text(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%M:%SZ}"


def _hours(age: timedelta) -> str:
    return f"{age / timedelta(hours=1):.1f} h"
