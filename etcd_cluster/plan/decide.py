"""Decides what a run does: bootstrap or not, order, drift, refusals. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime

from ..config.hosts import HostSettings
from ..config.settings import Settings
from ..errors import HostsError
from ..hostprogram import Program
from . import (
    adopt,
    adopted,
    authorities,
    backup,
    before,
    chain,
    clocks,
    cluster,
    copies,
    departures,
    disks,
    distance,
    drift,
    endings,
    lost,
    preflight,
    restore,
    restored,
    takeover,
    upgrade,
)
from .chain import NOT_OBSERVED, Chain
from .drift import Area
from .memory import StackMemory
from .plan import Plan
from .probe import Observation
from .restore import Restoring

__all__ = ["Area", "Plan", "decide", "decide_for_hosts"]


def decide(
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
    *,
    preview: bool,
    program_digest: str = "",
) -> Plan:
    """Configuration, observations and the stack's memory -> plan.

    An unreachable host is a warning in a preview, and where its member stays. Without a cluster
    `up` needs every host, which might belong to one. Raises HostsError with every fault.
    """
    was, (observations, memory) = memory.cluster_id, restored.as_of_now(observations, memory)
    memory = lost.with_times(settings, observations, memory)
    adoption = adopt.adoption(settings, observations, memory)
    observations = adoption.observations
    own = {m.name: observations[m.name] for m in settings.living if m.name in observations}
    restoring = restore.restoring(settings, own, memory)
    # (A cluster that is taken over is there, and nobody bootstraps one beside it.)
    formed = is_formed(own, memory) or bool(restoring or adoption.pending or settings.take_over)
    faults = [*adoption.faults, *_identity(restoring, settings, observations, memory)]
    anew = restore.turns(restoring, settings, own)
    restores = bool(anew) or was != memory.cluster_id
    faults += cluster.gone_faults(settings, own, memory, formed=formed, restores=restores)
    warnings = [*_standing(restoring, settings, observations, memory)] if formed else []
    if formed:
        _changes(adoption.pending, restoring, settings, observations, own, memory, faults, warnings)
    asked = None if adoption.pending or anew else memory  # these ask for every host, or for none
    _answers(settings, own, asked, faults, warnings, formed=formed, preview=preview)
    disks.judge(settings, own, memory, anew, program_digest, faults, warnings)
    (warnings if formed else faults).extend(_between(settings, own))
    faults += _nobody_answers(settings, own) if formed and not preview else ()
    if faults:
        raise HostsError(list(dict.fromkeys(faults)))
    addresses = {m.name: chain.addresses(m, memory.members.get(m.name)) for m in settings.members}
    if adoption.pending:
        return Plan(
            formed=True,
            warnings=(*warnings, adopt.announcement(settings)),
            addresses=addresses,
            adopting=adoption.pending,
            memory=memory,
        )
    goes_on = formed and not restoring
    return Plan(
        formed=formed,
        drift=_drift(settings, own, memory, program_digest, formed=formed) | anew,
        warnings=tuple(warnings),
        chain=chain.chain(settings, observations, memory) if formed else Chain(),
        addresses=addresses,
        former_hosts=departures.former_hosts(settings, observations, memory),
        downgrade=upgrade.downgrade(settings, own) if goes_on else "",
        restoring=restoring,
        before=before.before(settings, own, memory, datetime.now(UTC)) if goes_on else None,
        backup=backup.output(settings, own),
        revision=restoring.begins_with if restoring else restored.seen_revision(own, memory),
        information=backup.information(settings, own, memory) if goes_on else (),
        memory=memory,
    )


def _drift(
    settings: Settings,
    own: Mapping[str, Observation],
    memory: StackMemory,
    program_digest: str,
    *,
    formed: bool,
) -> drift.Drift:
    claimed = drift.claimed(settings, own, memory)
    if not settings.drift_detection:
        return claimed
    found = upgrade.unfinished(settings, own) if formed else {}
    found |= drift.drift(settings, own, program_digest, memory) | claimed
    if not formed:
        return found
    found = drift.with_members(found, settings, own, memory)
    return adopted.explained(settings, own, found, memory)


def _identity(
    restoring: Restoring | None,
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
) -> Iterator[str]:
    """Whose cluster this is; of one that ends, whether it is the one that is to end."""
    if restoring:
        yield from restore.faults(restoring, settings, observations, memory)
    else:
        yield from restored.interrupted_faults(settings, observations)
        yield from takeover.faults(settings, observations, memory)
        yield from cluster.identity_faults(settings, observations, memory)
    yield from copies.faults(settings, observations, memory, restores=restoring is not None)


def _between(settings: Settings, own: Mapping[str, Observation]) -> list[str]:
    """These do not stop the repair of a running cluster."""
    differ = [*preflight.clocks_apart(own), *preflight.clocks_behind(own)]
    return [*differ, *preflight.apart(settings, own)]


def _nobody_answers(settings: Settings, own: Mapping[str, Observation]) -> Iterator[str]:
    if own and not any(seen.seen for seen in own.values()):
        reasons = "; ".join(
            f"{m.name} ({m.host}): {own[m.name].why_not}" for m in settings.living if m.name in own
        )
        yield (
            f"no host is reachable ({reasons}), so nothing is known of the cluster; check the "
            "network"
        )


def _standing(
    restoring: Restoring | None,
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory,
) -> Iterator[str]:
    """What is to be known of a formed cluster as it is; or of its end, where it starts anew."""
    if restoring:
        yield restore.warning(restoring)
        return
    own = {m.name: observations[m.name] for m in settings.living if m.name in observations}
    yield from adopt.warnings(settings, observations, memory)
    yield from takeover.warnings(settings)
    yield from cluster.warnings(settings, observations, memory)
    yield from drift.put_back_warnings(settings, own, memory)
    yield from backup.warnings(settings, own, memory)


def _changes(
    adopting: Collection[str],
    restoring: Restoring | None,
    settings: Settings,
    observations: Mapping[str, Observation],
    own: Mapping[str, Observation],
    memory: StackMemory,
    faults: list[str],
    warnings: list[str],
) -> None:
    """What stands against changes of a formed cluster, and what is to be known of them."""
    now = datetime.now(UTC)
    faults += clocks.faults(settings, own, memory, now, adopts=bool(adopting))
    if adopting:  # nothing changes then
        return
    faults += cluster.change_faults(settings, observations, memory, restores=bool(restoring))
    faults += adopted.keyless_faults(settings, observations, memory)
    waiting = [name for name, _ in restore.turns(restoring, settings, own)]
    if not waiting:
        faults += lost.packages_faults(settings, observations, memory)
    if not restoring:  # what ends has no next step; whether etcd can read the data, the hosts find
        faults += before.faults(settings, own, memory, now)
        faults += adopted.unread_faults(settings, own)
        faults += drift.undone_faults(settings, own, memory)
        faults += restored.version_faults(settings, observations, memory, waiting)
        if not waiting:
            faults += departures.faults(settings, observations, memory)
    if own:
        faults += authorities.authority_faults(settings, own, memory, now)
    warnings += upgrade.version_warnings(settings, observations)
    warnings += endings.warnings(settings, memory, now)


def is_formed(observations: Mapping[str, Observation], memory: StackMemory) -> bool:
    """Whether there is a cluster: the stack's own word, or that of a host that is this stack's."""
    return bool(memory.cluster_id) or any(
        not seen.fact("foreign") and (seen.fact("formed") or seen.fact("healthy") == "yes")
        for seen in observations.values()
    )


def _answers(
    settings: Settings,
    observations: Mapping[str, Observation],
    memory: StackMemory | None,
    faults: list[str],
    warnings: list[str],
    *,
    formed: bool,
    preview: bool,
) -> None:
    """What each host says, or that it says nothing; and what it takes to the other hosts."""
    warnings += distance.warnings(settings, observations)
    faults += preflight.same_hosts(settings, observations)
    for member in settings.living:
        seen = observations.get(member.name)
        if seen is None:  # driftDetection is off and this is a preview: no host was read
            if preview:
                continue
            seen = NOT_OBSERVED
        label = f"{member.name} ({member.host})"
        if seen.refused:
            faults.append(f"{label}: {seen.refused}")
        elif seen.unreachable:
            text = f"{label}: unreachable: {seen.unreachable}"
            if formed and (memory is None or chain.is_in_place(member, memory)):
                warnings.append(f"{text}; assuming it is unchanged")
            elif preview:
                warnings.append(f"{text}; `pulumi up` will fail until it responds")
            elif formed:
                begun = memory is not None and member.name in memory.members
                out = "give the member up (lost: true)" if begun else "take it out of members"
                faults.append(
                    f"{text}. This stack has no member there yet, so `up` begins on that host. "
                    f"Start it, correct its address, or {out}"
                )
            else:
                faults.append(
                    f"{text}. No reachable host belongs to a cluster and this one might, so a new "
                    "cluster is not bootstrapped until every host responds. Start the host, or "
                    "correct its address"
                )
        elif not seen.fact("foreign"):
            found = [*preflight.address_fault(member.address, seen)]
            found += preflight.faults(settings, seen)
            faults += [f"{label}: {fault}" for fault in found]
            warnings += [f"{label}: {warning}" for warning in preflight.warnings(settings, seen)]


def decide_for_hosts(
    settings: HostSettings,
    observations: Mapping[str, Observation],
    *,
    preview: bool,
    program_digest: str,
    programs: Sequence[Program] = (),
) -> Plan:
    """Configuration and observations -> plan, for hosts without an etcd member.

    programs: the stack's own, which were observed as well. Each names its areas itself; its own
    name is the area of its installation.
    An unreachable host is a warning in a preview; its commands then show no difference.
    Raises HostsError with every fault.
    """
    faults: list[str] = []
    warnings: list[str] = []
    for member in settings.hosts.values():
        seen = observations[member.name]
        label = f"{member.name} ({member.host})"
        if seen.refused:
            faults.append(f"{label}: {seen.refused}")
        elif seen.unreachable:
            text = f"{label}: unreachable: {seen.unreachable}"
            (warnings if preview else faults).append(
                f"{text}; start the host, or correct its address"
            )
        else:
            faults += [f"{label}: {fault}" for fault in preflight.host_faults(settings, seen)]
    if faults:
        raise HostsError(faults)
    found = drift.drift(settings, observations, program_digest)
    # These hosts run no kubelet or etcd of ours, so these areas would always differ.
    ours = {key: why for key, why in found.items() if key[1] not in ("host", "pki", "member")}
    ours |= drift.new_hosts(observations, programs)
    return Plan(formed=False, drift=ours, warnings=tuple(warnings))
