"""Why a command is to run again although nothing was configured: drift of the hosts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from ..config.hosts import HostSettings
from ..config.settings import Settings
from ..config.values import spelled
from ..hostprogram import Program
from ..state import host as state_host
from . import outputs
from .memory import KnownMember, StackMemory
from .probe import Observation

Area = str
"""What a command on a host manages: host-program, packages, registry, host, pki, member …"""

Drift = dict[tuple[str, Area], str]
"""Per host and area, the reason."""


def drift(
    settings: HostSettings,
    observations: Mapping[str, Observation],
    program_digest: str,
    memory: StackMemory | None = None,
) -> Drift:
    """What differs on the hosts that answered. memory: of a stack with members."""
    found: Drift = {}
    for name, seen in observations.items():
        if not seen.seen:
            continue
        known = memory.members.get(name) if memory else None
        since = since_serial(seen, seen.fact("serial"), known.serial if known else 0)
        reasons: dict[Area, str] = {
            "host-program": _program_drift("etcd-host", seen.fact("program"), program_digest),
            "host": seen.fact("drift-host"),
            "pki": seen.fact("drift-pki"),
            "member": _member_drift(seen),
        }
        # Nothing manages the others, whatever a host says of them.
        if settings.install == "packages":
            reasons["packages"] = seen.fact("drift-packages")
        if state_host.has_registry(settings):
            reasons["registry"] = seen.fact("drift-registry")
        if getattr(settings, "backup", None) and known and known.backed_up:
            reasons["backup"] = seen.fact("drift-backup")
        for area, reason in reasons.items():
            reason = reason or _held_otherwise(seen, name, area, program_digest, memory)
            if reason:
                when = _by_time(seen) if area == "host-program" else since
                found[name, area] = f"{when}: {reason}"
    return found


def claimed(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Drift:
    """Hosts of members that stay, which another name has claimed: a rename that was cut off, and
    undone. What the state has of that name is deleted in this run, on the host that it has claimed,
    where a healthy member would leave with it. So this is not left to driftDetection.
    """
    found: Drift = {}
    for member in settings.living:
        seen, known = observations.get(member.name), memory.members.get(member.name)
        if not seen or not seen.seen or not known or "host-program" not in known.commands:
            continue
        owner = seen.fact("owner").split()
        here = {spelled(each.host) for each in known.hosts if each.host}
        if owner[1:2] in ([], [member.name]) or spelled(member.host) not in here:
            continue
        found[member.name, "host-program"] = f"{_by_time(seen)}: claimed for {owner[1]}"
    return found


def undone(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> dict[str, str]:
    """Members that were given another version of etcd by a run that failed, after which the
    configuration was set back, and that version: the state has nothing of that.
    """
    found = {}
    for member in settings.living:
        seen, known = observations.get(member.name), memory.members.get(member.name)
        given = seen.fact("etcd-tag") if seen and seen.seen else ""
        if known and known.told.get("image-tag") == settings.etcd_image_tag != given and given:
            found[member.name] = given
    return found


def with_undone(
    found: Drift, settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Drift:
    """The drift, and of these members what it means."""
    told = dict(found)
    for name, given in undone(settings, observations, memory).items():
        seen, so_far = observations[name], found.get((name, "member"))
        since = so_far or since_serial(seen, seen.fact("serial"), memory.members[name].serial)
        back = f"etcd goes back from {given} to {settings.etcd_image_tag}"
        told[name, "member"] = f"{since}{', ' if so_far else ': '}{back}"
    return told


def undone_faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """That these stay as they are while drift is not looked for. No preview has read them, so an
    `up` must not restart them on its own either.
    """
    if settings.drift_detection:
        return
    for name, given in undone(settings, observations, memory).items():
        yield (
            f"{name}: a `pulumi up` that failed gave it etcd {given}, and etcd.imageTag is "
            f"{settings.etcd_image_tag} again, which is drift, and driftDetection is off. Set "
            "driftDetection: true, at least until a `pulumi up` has set it back"
        )


def _member_drift(seen: Observation) -> str:
    """The member's own, and what only its turn can repair: it restarts the kubelet, guarded."""
    reasons = [seen.fact("drift-member")]
    host = seen.fact("drift-host")
    if "kubelet runs with" in host or "kubelet restarts with" in host:
        reasons.append("its kubelet is to restart")
    if "NOSPACE" in seen.fact("health"):
        reasons.append("alarm NOSPACE")
    return ", ".join(reason for reason in reasons if reason)


def _held_otherwise(
    seen: Observation, name: str, area: Area, program_digest: str, memory: StackMemory | None
) -> str:
    """A host that an older version converged, or that holds another desired state than the stack
    had carried out: after runs that overtook each other, or a machine restored from a snapshot.
    """
    program, _, held = seen.fact(f"held-{area}").partition(" ")
    if not program:
        return ""
    known = memory.members.get(name) if memory else None
    if known and area in known.held and held != known.held[area]:
        return "holds another desired state than this stack's"
    return "converged by another version of etcd-host" if program != program_digest else ""


def with_members(
    found: Drift, settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Drift:
    """The drift, and what only a formed cluster's members can have."""
    found = with_undone(found, settings, observations, memory)
    return with_put_back(found, settings, observations, memory)


def with_put_back(
    found: Drift, settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Drift:
    """The drift; a member that was put back converges again, so that the state has its serial."""
    told = dict(found)
    for member in settings.living:
        seen = observations.get(member.name)
        if seen and _put_back(seen, memory.members.get(member.name)):
            told.setdefault(
                (member.name, "member"), f"new at {seen.at}: put back to an earlier state"
            )
    return told


def put_back_warnings(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """Members whose hosts remember less than the stack has heard from them."""
    for member in settings.living:
        seen = observations.get(member.name)
        ahead = _put_back(seen, memory.members.get(member.name))
        if seen and ahead:
            yield (
                f"{member.name} ({member.host}): was put back to an earlier state, e.g. by a "
                f"snapshot of its machine: the host counts {seen.fact('serial')} convergences, and "
                f"this stack has seen {ahead}. Its etcd may lack writes that it acknowledged: "
                "replace its data, docs/runbooks/damaged-member.md. (Its data is as it was if its "
                "system was reinstalled, or /var/lib/etcd-host was lost, and a `pulumi up` was cut "
                "off after that. In any case the next `pulumi up` ends this warning.)"
            )


def _put_back(seen: Observation | None, known: KnownMember | None) -> int:
    """The serial that the stack has heard of, where this host was put back to an earlier one."""
    if not seen or not seen.seen or not known or seen.fact("foreign"):
        return 0
    return _heard_since(seen, known) if seen.fact("data") == "present" else 0


def _heard_since(seen: Observation, known: KnownMember) -> int:
    """The highest serial that the host has told and does not remember; 0 where there is none.

    Only of areas that it remembers: one that has lost its memory counts anew, and what it has not
    repaired yet has its former number in the state. Of the member's own area while it is the same
    member; of the others, which say no member, while the host holds another state of them than the
    stack has had carried out: after the data was replaced, they may still be ahead.
    """
    serial, ahead = seen.fact("serial"), 0
    for area, converged in known.converged.items():
        program, _, held = seen.fact(f"held-{area}").partition(" ")
        if not program or not serial.isdecimal() or outputs.serial(converged) <= int(serial):
            continue
        whose = converged.partition("-")[2]
        same = bool(whose) and whose == seen.fact("member-id")
        if same if area == "member" else held != known.held.get(area, held):
            ahead = max(ahead, outputs.serial(converged))
    return ahead


def program_areas(host: str, seen: Observation, program: Program) -> Drift:
    """Why commands of the stack's own program are to run again on this host."""
    facts = seen.programs.get(program.name)
    if facts is None:
        return {}
    reasons = {
        fact.removeprefix("drift-"): reason
        for fact, reason in facts.items()
        if fact.startswith("drift-")
    }
    since = since_serial(seen, facts.get("serial", ""))
    found: Drift = {
        (host, area): f"{since}: {reason}" for area, reason in reasons.items() if reason
    }
    differs = _program_drift(program.name, facts["program"], program.digest)
    return found | ({(host, program.name): f"{_by_time(seen)}: {differs}"} if differs else {})


def new_hosts(observations: Mapping[str, Observation], programs: Sequence[Program]) -> Drift:
    """Of hosts that carry no member: those that were never configured, or were reinstalled."""
    found: Drift = {}
    for name, seen in observations.items():
        if seen.seen and not seen.fact("serial").strip("0"):
            found[name, "host"] = f"new at {seen.at}: host not configured yet"
        for program in programs:
            found |= program_areas(name, seen, program)
    return found


def since_serial(seen: Observation, serial: str, known: int = 0) -> str:
    """A host without a serial needs the time, so that a second such finding is a new line; and so
    does one that the stack has known at a higher one, as a machine that was put back to a snapshot.
    """
    went_on = serial.isdecimal() and int(serial) >= max(known, 1)
    return f"drift after {serial}" if went_on else _by_time(seen)


def _by_time(seen: Observation) -> str:
    """Of what raises no serial, as to claim a host or to install a program: the same once more is
    another line by its time alone."""
    return f"new at {seen.at}"


def _program_drift(name: str, installed: str, digest: str) -> str:
    if installed == digest:
        return ""
    return f"{name} missing" if installed == "absent" else f"{name} differs"
