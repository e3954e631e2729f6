"""Decides what a run does: bootstrap or not, order, drift, refusals. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..config.hosts import HostSettings
from ..config.settings import Settings
from ..errors import HostsError
from ..hostprogram import Program
from ..state import host as state_host
from . import preflight
from .probe import Observation

Area = str
"""What a command on a host manages: host-program, packages, registry, host, pki, member …"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Decisions for one run.

    formed: a cluster exists (or may exist): members only join, and everything that can disturb
    one is done member by member. drift: per member and area, why its command has to run again.
    """

    formed: bool
    drift: Mapping[tuple[str, Area], str]
    warnings: tuple[str, ...] = ()

    def why(self, member: str, area: Area) -> str:
        """The reason to run this command again, or an empty string."""
        return self.drift.get((member, area), "")


def decide(
    settings: Settings,
    observations: Mapping[str, Observation],
    *,
    preview: bool,
    program_digest: str = "",
) -> Plan:
    """Configuration and observations -> plan.

    An unreachable host is a warning in a preview, and where a formed cluster is known; its
    commands then show no difference. If no cluster is seen, an `up` needs every host: an
    unreachable one might belong to a cluster that bootstrapping would split.
    Raises HostsError with every fault.
    """
    formed = any(
        seen.fact("formed") or seen.fact("healthy") == "yes" for seen in observations.values()
    )
    faults = _clusters_apart(settings, observations)
    warnings: list[str] = []
    for member in settings.members:
        seen = observations.get(member.name)
        if seen is None:  # driftDetection is off and this is a preview: no host was read
            if preview:
                continue
            seen = Observation(unreachable="the host was not observed")
        label = f"{member.name} ({member.host})"
        if seen.refused:
            faults.append(f"{label}: {seen.refused}")
        elif seen.unreachable and not formed and not preview:
            faults.append(
                f"{label}: unreachable: {seen.unreachable}. No reachable host belongs to a cluster "
                "and this one might, so a new cluster is not bootstrapped until every host "
                "responds. Start the host, or correct its address"
            )
        elif seen.unreachable:
            warnings.append(
                f"{label}: unreachable: {seen.unreachable}; "
                + (
                    "assuming it is unchanged"
                    if formed
                    else "`pulumi up` will fail until it responds"
                )
            )
        else:
            faults += [f"{label}: {fault}" for fault in preflight.faults(settings, seen)]
            warnings += [f"{label}: {warning}" for warning in preflight.warnings(settings, seen)]
    between = [*preflight.clocks_apart(observations), *preflight.apart(settings, observations)]
    # These do not stop the repair of a running cluster.
    (warnings if formed else faults).extend(between)
    if faults:
        raise HostsError(faults)
    return Plan(
        formed=formed,
        drift=_drift(settings, observations, program_digest) if settings.drift_detection else {},
        warnings=tuple(warnings),
    )


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
    drift = _drift(settings, observations, program_digest)
    # These hosts run no kubelet or etcd of ours, so these areas would always differ.
    ours = {key: why for key, why in drift.items() if key[1] not in ("host", "pki", "member")}
    for name, seen in observations.items():
        if seen.seen and not seen.fact("owner"):  # never configured, or reinstalled
            ours[name, "host"] = f"new at {seen.at}: host not configured yet"
        for program in programs:
            ours |= _program_areas(name, seen, program)
    return Plan(formed=False, drift=ours, warnings=tuple(warnings))


def _clusters_apart(settings: Settings, observations: Mapping[str, Observation]) -> list[str]:
    """Hosts of different clusters are never merged into one."""
    clusters: dict[str, list[str]] = {}
    for name, seen in observations.items():
        if seen.fact("formed"):
            clusters.setdefault(seen.fact("formed"), []).append(name)
    if len(clusters) < 2:
        return _other_owner(settings, observations)
    found = "; ".join(f"{', '.join(names)}: {cluster}" for cluster, names in clusters.items())
    return [
        f"the hosts belong to different formed clusters ({found}); use separate hosts for each "
        "cluster, or run `sudo etcd-host abandon` on a host that is to leave its old one (its "
        "data is moved aside)"
    ]


def _other_owner(settings: Settings, observations: Mapping[str, Observation]) -> list[str]:
    """A formed cluster cannot be renamed: the new certificates would not match."""
    return [
        f"{name}: belongs to the formed cluster {seen.fact('owner').partition(' ')[0]!r}, "
        f"but clusterName is {settings.cluster_name!r}; change clusterName back, or use other "
        "hosts"
        for name, seen in observations.items()
        if seen.fact("formed")
        and seen.fact("owner")
        and seen.fact("owner").partition(" ")[0] != settings.cluster_name
    ]


def _drift(
    settings: HostSettings, observations: Mapping[str, Observation], program_digest: str
) -> dict[tuple[str, Area], str]:
    drift: dict[tuple[str, Area], str] = {}
    for name, seen in observations.items():
        if not seen.seen:
            continue
        since = _since(seen, seen.fact("serial"))
        reasons: dict[Area, str] = {
            "host-program": _program_drift("etcd-host", seen.fact("program"), program_digest),
            "packages": seen.fact("drift-packages") if settings.install == "packages" else "",
            "registry": seen.fact("drift-registry") if state_host.has_registry(settings) else "",
            "host": seen.fact("drift-host"),
            "pki": seen.fact("drift-pki"),
            "member": seen.fact("drift-member"),
        }
        for area, reason in reasons.items():
            if reason:
                drift[name, area] = f"{since}: {reason}"
    return drift


def _program_areas(host: str, seen: Observation, program: Program) -> dict[tuple[str, Area], str]:
    """Why commands of the stack's own program are to run again on this host."""
    facts = seen.programs.get(program.name)
    if facts is None:
        return {}
    reasons = {
        fact.removeprefix("drift-"): reason
        for fact, reason in facts.items()
        if fact.startswith("drift-")
    }
    reasons[program.name] = _program_drift(program.name, facts["program"], program.digest)
    since = _since(seen, facts.get("serial", ""))
    return {(host, area): f"{since}: {reason}" for area, reason in reasons.items() if reason}


def _since(seen: Observation, serial: str) -> str:
    """A host without a serial needs the time, so that a second such finding is a new line."""
    return f"drift after {serial}" if serial not in ("", "0") else f"new at {seen.at}"


def _program_drift(name: str, installed: str, digest: str) -> str:
    if installed == digest:
        return ""
    return f"{name} missing" if installed == "absent" else f"{name} differs"
