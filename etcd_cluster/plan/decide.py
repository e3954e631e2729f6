"""What is to be done: bootstrap or formed, order, drift, refusals. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..config.hosts import HostSettings
from ..config.settings import Settings
from ..errors import HostsError
from ..state import host as state_host
from . import preflight
from .probe import Observation

Area = str
"""What one command on a host is about: host-program, packages, registry, host, pki, member …"""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Decisions for one run.

    formed: a cluster exists (or may exist): members only join, and everything that can disturb
    one goes member by member. drift: per member and area, why its command is to run again.
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

    A host that cannot be reached is a warning in a preview, and where a formed cluster is known:
    its commands show no difference. Only where no cluster is seen does an `up` need them all: a
    silent host might hold the cluster that bootstrapping would split.
    Raises HostsError with every fault.
    """
    formed = any(
        seen.fact("formed") or seen.fact("healthy") == "yes" for seen in observations.values()
    )
    faults = _clusters_apart(settings, observations)
    warnings: list[str] = []
    for member in settings.members:
        seen = observations.get(member.name)
        if seen is None:  # a preview that was told to read no host
            if preview:
                continue
            seen = Observation(unreachable="it was not observed")
        label = f"{member.name} ({member.host})"
        if seen.refused:
            faults.append(f"{label}: {seen.refused}")
        elif seen.unreachable and not formed and not preview:
            faults.append(
                f"{label}: cannot be reached: {seen.unreachable}. No other host reports a formed "
                "cluster, and this one may hold it: a cluster is bootstrapped only when all "
                "answer. Start the host, or correct its address"
            )
        elif seen.unreachable:
            warnings.append(
                f"{label}: cannot be reached: {seen.unreachable}; "
                + ("taken as unchanged" if formed else "`pulumi up` will refuse until it answers")
            )
        else:
            faults += [f"{label}: {fault}" for fault in preflight.faults(settings, seen)]
            warnings += [f"{label}: {warning}" for warning in preflight.warnings(settings, seen)]
    between = [*preflight.clocks_apart(observations), *preflight.apart(settings, observations)]
    # A cluster that runs is not kept from being mended by what it has lived with.
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
) -> Plan:
    """Configuration and observations -> plan, for hosts that carry no member.

    A host that cannot be reached is a warning in a preview: its commands show no difference then.
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
            text = f"{label}: cannot be reached: {seen.unreachable}"
            (warnings if preview else faults).append(
                f"{text}; start the host, or correct its address"
            )
        else:
            faults += [f"{label}: {fault}" for fault in preflight.host_faults(settings, seen)]
    if faults:
        raise HostsError(faults)
    drift = _drift(settings, observations, program_digest)
    # No kubelet of ours runs there, nor an etcd: these would always differ.
    ours = {key: why for key, why in drift.items() if key[1] not in ("host", "pki", "member")}
    for name, seen in observations.items():
        if seen.seen and not seen.fact("owner"):  # never touched, or made anew
            why = f"new at {seen.at}: nothing was done there yet"
            ours |= {(name, "host"): why, (name, "client"): why, (name, "control-plane"): why}
    return Plan(formed=False, drift=ours, warnings=tuple(warnings))


def _clusters_apart(settings: Settings, observations: Mapping[str, Observation]) -> list[str]:
    """Hosts that were part of different clusters are never made one."""
    clusters: dict[str, list[str]] = {}
    for name, seen in observations.items():
        if seen.fact("formed"):
            clusters.setdefault(seen.fact("formed"), []).append(name)
    if len(clusters) < 2:
        return _other_owner(settings, observations)
    found = "; ".join(f"{', '.join(names)}: {cluster}" for cluster, names in clusters.items())
    return [
        f"the hosts belong to different formed clusters ({found}); give each cluster its own "
        "hosts, or let a host forget its old one (sudo etcd-host abandon; its data is moved aside)"
    ]


def _other_owner(settings: Settings, observations: Mapping[str, Observation]) -> list[str]:
    """A formed cluster is not taken over under another name; its certificates would not fit."""
    return [
        f"{name}: belongs to the formed cluster {seen.fact('owner').partition(' ')[0]!r}, "
        f"clusterName says {settings.cluster_name!r}; set clusterName back, or give this cluster "
        "its own hosts"
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
        serial = seen.fact("serial")
        # A host without a past has no serial that would tell two such findings apart.
        since = f"drift after {serial}" if serial not in ("", "0") else f"new at {seen.at}"
        reasons: dict[Area, str] = {
            "host-program": _program_drift(seen, program_digest),
            "packages": seen.fact("drift-packages") if settings.install == "packages" else "",
            "registry": seen.fact("drift-registry") if state_host.has_registry(settings) else "",
            "host": seen.fact("drift-host"),
            "pki": seen.fact("drift-pki"),
            "member": seen.fact("drift-member"),
            "client": seen.fact("drift-client"),
        }
        for area, reason in reasons.items():
            if reason:
                drift[name, area] = f"{since}: {reason}"
    return drift


def _program_drift(seen: Observation, program_digest: str) -> str:
    installed = seen.fact("program")
    if installed == program_digest:
        return ""
    return "etcd-host missing" if installed == "absent" else "etcd-host differs"
