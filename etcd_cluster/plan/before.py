"""Which change of a formed cluster has a backup made before it, and by whom. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from ..config.settings import Settings
from . import authorities, endings
from .chain import has_member, is_ended
from .memory import StackMemory
from .probe import Observation


@dataclass(frozen=True, kw_only=True)
class Before:
    """A backup that is made before a run changes anything. member: on whose host.

    reason: as in `before etcd 3.6.6 becomes 3.6.16`. asked: when the hosts were read, so that the
    same change on another day has a backup of its own. local: it stays on that host, because what
    reaches the store is not there yet, and comes with this run.
    """

    member: str
    reason: str
    asked: str
    local: bool = False

    @property
    def why(self) -> str:
        """What a preview shows."""
        return f"{self.reason} (asked {self.asked})"


def before(
    settings: Settings, own: Mapping[str, Observation], memory: StackMemory, now: datetime
) -> Before | None:
    """The backup before a change of etcd's version or of CAs; None where neither changes.

    Neither where nobody is healthy, or a CA or certificates have ended and members are still
    connected: a cluster that nobody can ask has to be repaired first. Nor where a run before this
    one has made it, and has begun the change after that.
    """
    healthy = _healthy(own)
    steps, begun = _steps(settings, own, memory)
    if not steps or not healthy or authorities.nobody_accepts(own, memory, now):
        return None
    if _ended(settings, own):
        return None
    reason = f"before {' and '.join(steps)}"
    if f"# {reason} (" in memory.backup_before and begun:
        return None
    asked = max(seen.at for seen in own.values())
    maker = _maker(settings, own, memory, healthy)
    known = memory.members.get(maker)
    return Before(
        member=maker,
        reason=reason,
        asked=asked,
        local=not (known and known.backed_up) or _lacks_rclone(settings, own[maker]),
    )


def _maker(
    settings: Settings, own: Mapping[str, Observation], memory: StackMemory, healthy: list[str]
) -> str:
    """The leader if it can: a member that can store it, or at least is not taken over under a new
    name in this very run, whose turn its host has to wait for.
    """
    known = {name: memory.members[name] for name in healthy if name in memory.members}
    stores = [
        name
        for name, each in known.items()
        if settings.backup and each.backed_up and not _lacks_rclone(settings, own[name])
    ]
    able = stores or list(known) or healthy
    leaders = [name for name in able if own[name].fact("leader") == "yes"]
    return (leaders or able)[0]


def _lacks_rclone(settings: Settings, seen: Observation) -> bool:
    return bool(
        settings.backup and settings.backup.needs_rclone and seen.fact("rclone") == "absent"
    )


def faults(
    settings: Settings, own: Mapping[str, Observation], memory: StackMemory, now: datetime
) -> Iterator[str]:
    """That such a change would begin without its backup, for which nobody can be asked. One that
    has begun goes on: to take it back would be the next one.
    """
    if not settings.certificates.can_issue:
        return  # then no run renews them
    ended = _ended(settings, own)
    steps, begun = _steps(settings, own, memory)
    if not ended or not steps or begun or not _healthy(own):
        return
    if not authorities.nobody_accepts(own, memory, now):  # (then a new CA has to take over)
        yield (
            f"{', '.join(ended)}: certificates have expired, so no backup can be made before "
            f"{' and '.join(steps)}. Renew them first: take that change back, run `pulumi up`, "
            f"then make it again. {endings.GUIDE}"
        )


def _healthy(own: Mapping[str, Observation]) -> list[str]:
    return [
        name
        for name, seen in own.items()
        if seen.seen and has_member(seen) and seen.fact("healthy") == "yes"
    ]


def _ended(settings: Settings, own: Mapping[str, Observation]) -> list[str]:
    return [f"{m.name} ({m.host})" for m in settings.living if is_ended(m, own)]


def _steps(
    settings: Settings, own: Mapping[str, Observation], memory: StackMemory
) -> tuple[list[str], bool]:
    """What changes, as `etcd 3.6.6 becomes 3.6.16`, and whether a member has some of it."""
    version, versions_begun = _version_step(settings, own, memory)
    trust, trust_begun = authorities.step(settings, own, memory)
    steps = [f"etcd {version}"] if version else []
    steps += [f"certificates.authorities {trust}"] if trust else []
    return steps, versions_begun or trust_begun


def _version_step(
    settings: Settings, own: Mapping[str, Observation], memory: StackMemory
) -> tuple[str, bool]:
    """`3.6.6 becomes 3.6.16`, and whether a member has it; empty where none changes."""
    wanted = settings.etcd_image_tag
    tags: dict[str, str] = {}
    for entry in settings.living:
        seen, memories = own.get(entry.name), memory.members.get(entry.name)
        told = memories.told.get("image-tag", "") if memories else ""
        there = seen.fact("etcd-tag") if seen else ""
        running = seen.fact("etcd-version") if seen else ""
        if told and told != wanted:
            tags[entry.name] = told
        elif there and there != wanted:
            tags[entry.name] = there
        elif running and running != settings.etcd_version:
            tags[entry.name] = running
        elif told or there:
            tags[entry.name] = wanted
    former = sorted({tag for tag in tags.values() if tag != wanted})
    if not former:
        return "", False
    shown = sorted({_version(tag) for tag in former})
    new = _version(wanted)
    if new in shown:  # another build of it
        shown, new = former, wanted
    return f"{', '.join(shown)} becomes {new}", wanted in tags.values()


def _version(tag: str) -> str:
    return tag.removeprefix("v").partition("-")[0]
