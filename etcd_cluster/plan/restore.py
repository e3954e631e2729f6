"""Whether a run restores, from what, and what stands against it. Pure.

A restore gives the cluster another id. `replaces` names the id that ends, so the same lines carry a
restore out once: after that hosts and stack have the new id, and remember what it came from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from .. import versions
from ..config.settings import Settings
from ..state import member as state_member
from ..state.text import digest_of
from .chain import NOT_OBSERVED, has_member, is_same_host, leaving
from .cluster import foreign_faults
from .drift import Drift
from .memory import NO_CLUSTER, StackMemory
from .probe import Observation
from .restored import BILLION, GUIDE, begun, goes_on, ids, results, seen_revision

MIB = 1024 * 1024
RAISES_REVISIONS = (3, 5, 10)
"""Since then `etcdutl snapshot restore` has --bump-revision (etcd#16165)."""


@dataclass(frozen=True, kw_only=True)
class Restoring:
    """A restore that this run carries out.

    id: tells it from every other one: of the source and its checksum where one is given, of what it
    replaces, and of the members.
    snapshot: a file on every host, or a backup by its path in the store. mark: size and checksum of
    that file; of a backup the hosts find out. replaces: the id of the cluster that ends, or `none`.
    seen: a revision that the cluster that ends has passed, in whole billions. running: hosts whose
    etcd runs. asked: when the hosts were read, so that each run asks them
    again.
    """

    id: str
    snapshot: str = ""
    mark: str = ""
    sha256: str = ""
    survivor: str = ""
    replaces: str = NO_CLUSTER
    seen: int = 0
    running: frozenset[str] = frozenset()
    asked: str = ""

    @property
    def source(self) -> str:
        """What the new cluster begins with, for people."""
        if self.survivor:
            return f"what {self.survivor} holds"
        if self.in_store:
            return f"the backup {self.snapshot}"
        size, _, checksum = self.mark.partition(" ")
        known = f" ({int(size) / MIB:.1f} MiB, {checksum[:12]})" if size else ""
        return f"{self.snapshot}{known}"

    @property
    def in_store(self) -> bool:
        """Whether hosts fetch the snapshot from the store of backups."""
        return bool(self.snapshot) and not self.snapshot.startswith("/")

    @property
    def begins_with(self) -> int:
        """A revision that the new cluster has at least, in whole billions (see restore_bump)."""
        return self.seen + 2 * BILLION if self.seen else BILLION

    @property
    def ends(self) -> str:
        """What comes to an end, for people."""
        return "a new cluster" if self.replaces == NO_CLUSTER else f"cluster {self.replaces} ends"

    def told(self) -> dict[str, str]:
        """The keys of `restore-stage` and `restore-fence`, besides the member's own."""
        keys = {
            "restore-id": self.id,
            "restore-replaces": "" if self.replaces == NO_CLUSTER else self.replaces,
            "restore-snapshot": "" if self.in_store else self.snapshot,
            "restore-object": self.snapshot if self.in_store else "",
            "restore-mark": self.mark,
            "restore-sha256": self.sha256,
            "restore-survivor": self.survivor,
            "restore-seen": str(self.seen or ""),
            "asked": self.asked,
        }
        return {key: value for key, value in keys.items() if value}


def turns(wanted: Restoring | None, settings: Settings, own: Mapping[str, Observation]) -> Drift:
    """Members that start anew in this run, and why: all of them; or, where some have started, those
    whose host was fenced and has not.
    """
    if wanted:
        why = f"restore: {wanted.ends}, {wanted.source}"
        return {(m.name, "member"): why for m in settings.living}
    return {
        (m.name, "member"): f"the restore {begun(own[m.name])} goes on"
        for m in settings.living
        if m.name in own and goes_on(own[m.name])
    }


def restoring(
    settings: Settings, own: Mapping[str, Observation], memory: StackMemory
) -> Restoring | None:
    """The restore that is to be carried out; None where there is none, or where it is done.

    own, memory: as `as_of_now` has them. Where a host has started anew it is not begun again:
    whoever was fenced goes on by itself, and whoever has no data joins.
    """
    section = settings.restore
    if section is None or ids(own, memory) & results(section.replaces or NO_CLUSTER, own, memory):
        return None
    mark = ""
    if section.snapshot and not section.is_object:
        mark = next((seen.fact("snapshot") for seen in own.values() if _whole(seen)), "")
    source = section.survivor or (section.snapshot if section.is_object else mark) or ""
    replaces = section.replaces or NO_CLUSTER
    parts = [source, replaces, state_member.initial_cluster(settings)]
    if section.sha256:  # one that was added later is compared, too, by hosts that have staged
        parts.append(section.sha256)
    seen_before = seen_revision(own, memory)
    if seen_before:  # hosts make other data then
        parts.append(f"above {seen_before}")
    return Restoring(
        id=digest_of("\n".join(parts))[:16],
        snapshot=section.snapshot or "",
        mark=mark,
        sha256=section.sha256 or "",
        survivor=section.survivor or "",
        replaces=replaces,
        seen=seen_before,
        running=frozenset(name for name, seen in own.items() if seen.fact("etcd") == "running"),
        asked=max((seen.at for seen in own.values()), default=""),
    )


def faults(
    wanted: Restoring,
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
) -> Iterator[str]:
    """Why this restore cannot be carried out; nothing is touched where there is any."""
    own = {m.name: observations[m.name] for m in settings.living if m.name in observations}
    yield from foreign_faults(settings, observations)
    yield from _wrong_cluster(wanted, own, memory)
    for member in settings.living:
        seen = own.get(member.name)
        if seen is None or (seen.unreachable and not seen.refused):
            why = (seen or NOT_OBSERVED).why_not
            yield (
                f"{member.name} ({member.host}): unreachable: {why}. A restore needs every "
                "host: one that is left out might go on in the old cluster. Start it, give it up "
                "(members[].lost: true), or give the member another host"
            )
    for name in leaving(settings, memory):
        yield (
            f"members: {name} is no longer listed, and would leave a cluster that ends in the same "
            "run. List it again, restore, and remove it after that; if its host is dead, with "
            "lost: true"
        )
    for name, seen in observations.items():
        member_name, at, host = name.partition("@")
        known, now = memory.members.get(member_name), observations.get(member_name)
        same = is_same_host(known, now, host, seen)
        if at and seen.seen and not same and has_member(seen):
            yield (
                f"{member_name}: its former host {host} answers, and holds a member of the cluster "
                'that ends. Move the member before the restore or after it, or run "sudo etcd-host '
                'abandon" on that host (its data is moved aside)'
            )
    yield from _source_faults(wanted, settings, own)


def _wrong_cluster(
    wanted: Restoring, own: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    found: dict[str, list[str]] = {}
    for name, seen in own.items():
        found.setdefault(seen.fact("formed"), []).append(name)
    if memory.cluster_id:
        found.setdefault(memory.cluster_id, []).append("the stack's state")
    found.pop("", None)
    named = found.pop(wanted.replaces, None)
    for cluster, names in found.items():
        who = ", ".join(names)
        if wanted.replaces == NO_CLUSTER:
            yield (
                f"restore: {who}: cluster {cluster} exists, and replaces is not set, which is "
                f"for new hosts. Set restore.replaces: '{cluster}' to end that one. {GUIDE}"
            )
        else:
            yield (
                f"restore.replaces names cluster {wanted.replaces}, but {who}: cluster {cluster}. "
                f"Set restore.replaces: '{cluster}' to end that one, or remove the section restore"
            )
    if not found and named is None and wanted.replaces != NO_CLUSTER:
        yield (
            f"restore.replaces names cluster {wanted.replaces}, which neither a host nor the "
            "stack's state knows. Remove replaces to restore onto hosts without one; if this "
            "stack's state was lost, see docs/runbooks/lost-state.md"
        )


def _source_faults(
    wanted: Restoring, settings: Settings, own: Mapping[str, Observation]
) -> Iterator[str]:
    for member in settings.living:
        seen = own.get(member.name)
        if seen is None or not seen.seen:
            continue
        label = f"{member.name} ({member.host})"
        running = versions.parse_etcd(seen.fact("etcd-version"))
        if running and running < RAISES_REVISIONS and seen.fact("etcd") == "running":
            yield (
                f"{label}: runs etcd {seen.fact('etcd-version')}, whose etcdutl cannot raise "
                "revisions, without which API servers would trust stale caches: expected 3.5.10 "
                "or newer. Set etcd.imageTag to a newer patch, run `pulumi up`, then restore"
            )
        if wanted.survivor:
            if seen.fact("healthy") == "yes":
                yield (
                    f"{label}: a quorum still answers its etcd, so no survivor is needed. Remove "
                    "the section restore and run `pulumi up`, which repairs the others; give up a "
                    "dead host with members[].lost: true"
                )
            # (A fenced one may have been cut off between moving its old data and its new.)
            elif (
                member.name == wanted.survivor
                and seen.fact("data") != "present"
                and begun(seen) != wanted.id
            ):
                yield (
                    f"{label}: is named as restore.survivor, and has no data. Name a member that "
                    "has, or restore a snapshot"
                )
            continue
        if not wanted.in_store:
            found = _file(wanted, settings, seen)
            yield from (f"{label}: restore.snapshot: {text}" for text in found)


def _file(wanted: Restoring, settings: Settings, seen: Observation) -> Iterator[str]:
    mark = seen.fact("snapshot")
    size = mark.partition(" ")[0]
    if not _whole(seen):
        reasons = {
            "missing": f"{wanted.snapshot} is not there; copy the file to every host",
            "unreadable": f"{wanted.snapshot} is not a file that can be read",
            "cut": f"{wanted.snapshot} ({mark.partition(' ')[2]} bytes) is not a whole snapshot "
            "as `etcdctl snapshot save` writes it; copy it again",
        }
        yield reasons.get(size, f"{wanted.snapshot} could not be read")
    elif mark != wanted.mark:
        yield (
            f"{wanted.snapshot} is another snapshot ({mark}) than that of the first host "
            f"({wanted.mark}); copy the same file to every host"
        )
    elif int(size) > settings.etcd.quota_backend_bytes:
        yield (
            f"{wanted.snapshot} has {size} bytes, more than etcd.quotaBackendBytes, "
            f"{settings.etcd.quota_backend_bytes}: writes would fail at once. Raise it first"
        )


def _whole(seen: Observation) -> bool:
    return seen.fact("snapshot")[:1].isdecimal()


def warning(wanted: Restoring) -> str:
    """What this run ends, for a preview."""
    if wanted.replaces == NO_CLUSTER:
        return f"restore: the new cluster begins with {wanted.source}. {GUIDE}"
    lost = "" if wanted.survivor else " What was written after the snapshot is lost."
    return (
        f"restore: cluster {wanted.replaces} ends, and a new one begins with {wanted.source}."
        f"{lost} No member serves meanwhile; the old data is moved aside on each host. {GUIDE}"
    )
