"""What etcd and kubeadm allow when a version changes: faults of a plan. Pure.

Sources: etcd.io/docs, "Upgrading etcd clusters and applications" and "Downgrading etcd clusters and
applications"; kubernetes.io, "Upgrading kubeadm clusters".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import versions
from ..config.sections import MemberEntry
from ..config.settings import Settings
from . import kubernetes, spoken
from .chain import NOT_OBSERVED, has_member, leaving
from .drift import Drift, since_serial
from .memory import StackMemory
from .probe import Observation

GUIDE = "See docs/runbooks/upgrade.md"


def version_faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """Faults of a change of version on a formed cluster; none where no version changes.

    A roll that was cut off goes on: a member whose host was already given the wanted tag may be
    down. Going back to the tag before is always allowed while the cluster version is still its.
    """
    yield from kubernetes.faults(settings, observations, memory)
    if not _asked(settings, observations, memory):
        return
    wanted = versions.parse_etcd(settings.etcd_image_tag)
    if wanted is None:
        yield (
            f"etcd.imageTag {settings.etcd_image_tag!r} is invalid: expected a version, e.g. "
            "3.6.6-0, because it changes the version of a living cluster, which has rules"
        )
        return
    now = spoken.cluster_minor(settings, observations)
    lowest = spoken.lowest_minor(settings, observations)
    # On the way to 3.7 the cluster version is lowered for some seconds (see version.sh), and the
    # members learn of it one after the other: a run after one that was cut off then goes on.
    said = spoken.said(settings, observations)
    if lowest and wanted[:2] > lowest and said and all(each and each <= lowest for each in said):
        now = lowest
    if now is None and _only_patches(settings, observations, memory, wanted):
        return
    if now is None:
        yield (
            f"etcd {_text(wanted)}: the version would change, and the version that the cluster "
            "speaks could not be determined: no healthy member says it, or not all say the same. "
            "Set the version back, bring the members back first, or give up one that never "
            "started (lost: true, or `etcdctl member remove` where it is not in members), then "
            f"change it. {GUIDE}"
        )
        return
    step = _step_fault(wanted, now, downgrade=settings.etcd.allow_downgrade)
    if step:
        yield step
    elif wanted[:2] != now:
        if wanted[:2] > now:
            yield from _too_old(settings, observations, wanted)
        yield from _not_well(settings, observations, memory)
        yield from _other_members(settings, observations, memory)


def version_warnings(settings: Settings, observations: Mapping[str, Observation]) -> Iterator[str]:
    """Members that run a patch of etcd with a fault that can cost data."""
    first, last, why = versions.ETCD_FAULTY
    found = spoken.running(settings, observations)
    for member, running in zip(settings.living, found, strict=True):
        if running and first <= running <= last:
            advised = versions.ETCD_ADVISED[running[:2]]
            yield (
                f"{_label(member)}: runs etcd {_text(running)}: {why}. Set etcd.imageTag to "
                f"{advised}-0 or a newer patch. {GUIDE}"
            )


def downgrade(settings: Settings, observations: Mapping[str, Observation]) -> str:
    """What the cluster has to be told before its members go back a minor: `3.5 (asked TIME)`.

    The time is that at which the hosts were read, so that the same downgrade on another day is told
    anew, also where a run that failed has left the former one in the state.
    Empty where none goes back, or the cluster was told in a run before. After `version_faults`.
    """
    wanted = versions.parse_etcd(settings.etcd_image_tag)
    now = spoken.cluster_minor(settings, observations)
    if not settings.etcd.allow_downgrade or not wanted or not now or wanted[:2] >= now:
        return ""
    asked = max(seen.at for seen in observations.values())
    return f"{wanted[0]}.{wanted[1]} (asked {asked})"


def unfinished(settings: Settings, observations: Mapping[str, Observation]) -> Drift:
    """Of the first member, that the cluster speaks an older minor than all of its members run.

    A downgrade that was begun, and given up before a member went back, leaves this.
    """
    wanted = versions.parse_etcd(settings.etcd_image_tag)
    now = spoken.cluster_minor(settings, observations)
    running = set(spoken.running(settings, observations))
    if not wanted or not now or running != {wanted} or now >= wanted[:2]:
        return {}
    first = settings.living[0].name
    since = since_serial(observations[first], observations[first].fact("serial"))
    return {(first, "member"): f"{since}: the cluster still speaks etcd {now[0]}.{now[1]}"}


def _asked(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> bool:
    """Whether any member runs, or was last given, another version than the wanted one.

    A host that was installed anew, with its data kept, does not remember: then the state's counts.
    """
    for member in settings.living:
        seen = observations.get(member.name)
        if seen is None or not seen.seen or not has_member(seen):
            continue
        running = seen.fact("etcd-version")
        given = seen.fact("etcd-tag") or ("" if running else _told_tag(memory, member.name))
        if running and running != settings.etcd_version:
            return True
        if given and given != settings.etcd_image_tag:
            return True
    return False


def _only_patches(
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
    wanted: versions.Etcd,
) -> bool:
    """Whether every member that may have data was last given a version of the wanted minor.

    Then no rule of etcd's is at stake, whatever the cluster speaks; and it may be what repairs it.
    """
    found: list[str] = []
    for member in settings.living:
        seen = observations.get(member.name)
        if seen and seen.seen and not has_member(seen):
            continue
        given = (seen.fact("etcd-tag") if seen else "") or _told_tag(memory, member.name)
        found += [given, (seen.fact("etcd-version") if seen else "") or given]
    parsed = [versions.parse_etcd(each) for each in found]
    return all(each is not None and each[:2] == wanted[:2] for each in parsed)


def _told_tag(memory: StackMemory, name: str) -> str:
    """The tag that the state has of this member; empty where it has none."""
    known = memory.members.get(name)
    return known.told.get("image-tag", "") if known else ""


def _step_fault(wanted: versions.Etcd, now: tuple[int, int], *, downgrade: bool) -> str:
    """Why etcd does not go from the cluster's minor to the wanted one, or an empty string."""
    current = f"{now[0]}.{now[1]}"
    if wanted[:2] == now:
        return ""
    if wanted[:2] < now:
        possible = now in versions.ETCD_DOWNGRADES and wanted[:2] == (now[0], now[1] - 1)
        if possible and downgrade:
            return ""
        return (
            f"etcd {_text(wanted)} is older than the cluster, which speaks {current}: its members "
            "would not start (etcd: invalid downgrade). Set etcd.imageTag to a version of "
            f"{current}"
            + ("; or set etcd.allowDowngrade: true to go back" if possible else "")
            + f". {GUIDE}"
        )
    after = (now[0], now[1] + 1)
    if wanted[:2] != after or after not in versions.ETCD_LEAST:
        known = after in versions.ETCD_LEAST
        return (
            f"etcd {_text(wanted)} is not the minor after the cluster's {current}: "
            + (
                f"etcd goes up one minor at a time. Set etcd.imageTag to a version of "
                f"{after[0]}.{after[1]}, run `pulumi up`, then go on"
                if known
                else f"no step from {current} is supported yet"
            )
            + f". {GUIDE}"
        )
    return ""


def _too_old(
    settings: Settings, observations: Mapping[str, Observation], wanted: versions.Etcd
) -> Iterator[str]:
    least = versions.ETCD_LEAST[wanted[0], wanted[1]]
    advised = versions.ETCD_ADVISED[least[0], least[1]]
    found = spoken.running(settings, observations)
    for member, running in zip(settings.living, found, strict=True):
        if running and running[:2] == least[:2] and running < least:
            yield (
                f"{_label(member)}: runs etcd {_text(running)}; {wanted[0]}.{wanted[1]} requires "
                f"{_text(least)} or newer. First set etcd.imageTag to that or newer (advised: "
                f"{advised}-0), run `pulumi up`, then change the version. {GUIDE}"
            )


def _not_well(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """Members that etcd wants well before a new minor, but for one whose own turn was cut off."""
    for member in settings.living:
        seen = observations.get(member.name)
        if seen is not None and seen.seen and seen.fact("etcd-tag") == settings.etcd_image_tag:
            continue
        reason = _illness(seen, known=member.name in memory.members)
        if reason:
            yield (
                f"{_label(member)}: {reason}; a new minor of etcd needs every member to be well. "
                f"Set the version back, run `pulumi up`, then change it. {GUIDE}"
            )


def _illness(seen: Observation | None, *, known: bool) -> str:
    if seen is None or not seen.seen:
        return f"unreachable: {(seen or NOT_OBSERVED).why_not}"
    if not has_member(seen):
        return "its data is missing" if known else ""
    health = seen.fact("health")
    if "NOSPACE" in health or "CORRUPT" in health:
        return f"an alarm is raised ({health.partition(' ')[2] or health})"
    if seen.fact("healthy") != "yes":
        return "its etcd is not healthy"
    if seen.fact("learner") == "yes":
        return "is still a learner"
    return "" if seen.fact("etcd-version") else "its version is not known"


def _other_members(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    coming = [m.name for m in settings.living if _is_new(observations.get(m.name), m, memory)]
    going = leaving(settings, memory)
    lost = [
        member.name
        for member in settings.lost
        if member.name in memory.members and not memory.members[member.name].given_up
    ]
    if coming or going or lost:
        changes = ", ".join(
            [f"{name} comes" for name in coming]
            + [f"{name} goes" for name in going]
            + [f"{name} is given up" for name in lost]
        )
        yield (
            f"members: {changes}, and etcd gets a new minor in the same run. Do one of them, "
            f"run `pulumi up`, then the other. {GUIDE}"
        )


def _is_new(seen: Observation | None, member: MemberEntry, memory: StackMemory) -> bool:
    known = memory.members.get(member.name)
    return not (known and known.started) and not (seen and has_member(seen))


def _text(version: versions.Etcd) -> str:
    return ".".join(str(number) for number in version)


def _label(member: MemberEntry) -> str:
    return f"{member.name} ({member.host})"
