"""Preflight checks: whether a host is fit to be a member, and if not, what to do. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import combinations

from ..config.hosts import HostSettings
from ..config.settings import Settings
from ..wellknown import RUNTIME_SOCKETS, RUNTIME_UNITS
from .probe import Observation

ARCHITECTURES = ("x86_64", "aarch64")
CLOCKS_APART_SECONDS = 1.0
CLOCK_BEHIND_SECONDS = 5.0  # certificates take longer than a moment to get there
SLOW_NAME_MILLISECONDS = 1000
NO_NAME_MILLISECONDS = 3000  # as long as the host waits for it
# etcd.io, hardware guidance: the 99th percentile of WAL fsync should be below this.
SLOW_SYNC_MICROSECONDS = 10_000
# In addition to the database: the WAL (etcd keeps five files of 64 MiB) and a snapshot.
BESIDE_DATABASE_MIB = 1024
# Packages, their archives, and the unpacked images of etcd and pause.
PACKAGES_MIB = 1024


def faults(settings: Settings, seen: Observation) -> Iterator[str]:
    """Why this host cannot be the member that the settings describe."""
    yield from host_faults(settings, seen, etcdctl=True)
    backup = settings.backup
    if settings.install == "preinstalled" and backup and backup.needs_rclone:
        if seen.fact("rclone") == "absent":
            yield (
                "rclone is not installed, and backup.remote and backup.encryptionPassword need it; "
                "install it, or set backup.to to a folder alone"
            )
        elif not seen.fact("rclone"):
            yield "the host did not report whether rclone, which backups need, is installed"
    user = seen.fact("etcd-user")
    if user and user != "absent" and not re.fullmatch(r"\d+:\d+", user):
        yield user
    # Where packages are installed, they bring what is missing.
    if settings.install == "preinstalled" and seen.fact("selinux"):
        yield seen.fact("selinux")
    yield from _before_it_is_a_member(settings, seen)


def address_fault(address: str, seen: Observation) -> Iterator[str]:
    """A member listens at its address, so the host has to have it."""
    own = seen.fact("addresses").split()
    if own and address not in own:
        yield (
            f"address: {address!r} is not an address of this host, so etcd could not listen there; "
            f"expected one of {', '.join(own)}"
        )


def host_faults(
    settings: HostSettings, seen: Observation, *, etcdctl: bool = False
) -> Iterator[str]:
    """Why this host cannot run what the settings ask for; `etcdctl`: whether that is required."""
    if seen.fact("init") != "systemd":
        yield f"PID 1 is {seen.fact('init')!r}: systemd is required"
    yield from _packages(settings, seen, etcdctl)
    if (
        seen.fact("cgroup") == "v1"
        and settings.release.kubelet_knows_fail_cgroup_v1
        and not settings.allow_cgroup_v1
    ):
        yield (
            f"runs cgroup v1, which kubelet {settings.kubernetes_version} rejects; boot the host "
            "with cgroup v2, or set allowCgroupV1: true"
        )


def warnings(settings: Settings, seen: Observation) -> Iterator[str]:
    """Conditions that are allowed, but worth a warning."""
    sync = _number(seen, "sync-us")
    if sync is not None and sync > SLOW_SYNC_MICROSECONDS:
        yield (
            f"syncing a write to the disk of /var/lib/etcd takes {sync / 1000:.0f} ms; etcd "
            f"recommends less than {SLOW_SYNC_MICROSECONDS / 1000:.0f} ms. Use a faster disk, or "
            "raise etcd.heartbeatIntervalMilliseconds and etcd.electionTimeoutMilliseconds"
        )
    name = _number(seen, "own-name-ms")
    if name is not None and SLOW_NAME_MILLISECONDS < name < NO_NAME_MILLISECONDS:
        yield (
            f"the resolver takes {name / 1000:.1f} s for the host's own name, and the kubelet "
            "waits for it with every pod; add the name to /etc/hosts, or fix the resolver"
        )


def clocks_apart(observations: Mapping[str, Observation]) -> list[str]:
    """Hosts whose clocks certainly differ by more than a second: one line, for the two extremes.

    A certificate is valid from the moment it is made; a host whose clock is behind rejects it.
    """
    read = {name: seen.ahead for name, seen in observations.items() if seen.ahead}
    if not read:
        return []
    last = max(read, key=lambda name: read[name][0])
    first = min(read, key=lambda name: read[name][1])
    apart = read[last][0] - read[first][1]
    if apart <= CLOCKS_APART_SECONDS:
        return []
    return [
        f"clocks of {last} and {first} differ by at least {apart:.1f} s ({last} is ahead); "
        "synchronize them, e.g. with chrony or systemd-timesyncd"
    ]


def clocks_behind(observations: Mapping[str, Observation]) -> list[str]:
    """Hosts whose clocks are certainly behind that of this machine: it makes the certificates."""
    late = behind(observations, CLOCK_BEHIND_SECONDS)
    if not late:
        return []
    return [
        f"clocks of {', '.join(late)} are at least {min(late.values()):.1f} s behind that of "
        "this machine, so certificates made here now are not valid there yet; synchronize this "
        "machine and the hosts, e.g. with chrony or systemd-timesyncd"
    ]


def behind(observations: Mapping[str, Observation], seconds: float) -> dict[str, float]:
    """Hosts whose clocks are certainly behind ours by more than that, and by how much at least."""
    return {
        name: -seen.ahead[1]
        for name, seen in observations.items()
        if seen.ahead and -seen.ahead[1] > seconds
    }


def apart(settings: Settings, observations: Mapping[str, Observation]) -> list[str]:
    """Members that cannot reach each other although both answer us: one line per direction."""
    by_address = {member.address: member for member in settings.members}
    found: list[str] = []
    for member in settings.members:
        seen = observations.get(member.name)
        for complaint in seen.fact("unreachable").split(", ") if seen else ():
            target, _, reason = complaint.partition(" ")
            address, _, port = target.rpartition(":")
            other = by_address.get(address)
            if other is None or not _answers(observations, other.name):
                continue
            found.append(
                f"{member.name} ({member.host}): cannot reach {other.name} at {target}: {reason}; "
                f"allow TCP {port} from {member.address} to {address}, and check routing and "
                "firewalls"
            )
    return found


def same_hosts(settings: Settings, observations: Mapping[str, Observation]) -> Iterator[str]:
    """Members whose hosts are one machine: the address of one is an address of the other's, too.

    (Machine ids prove nothing: copies of a virtual machine share one.)
    """
    for one, other in combinations(settings.living, 2):
        for member, host in ((one, other), (other, one)):
            seen = observations.get(host.name)
            if seen and member.address in seen.fact("addresses").split():
                yield (
                    f"{member.name} ({member.host}): its address {member.address} is an address of "
                    f"the host of {host.name} ({host.host}), too, but a host can run only one "
                    "member. Correct it, or give the member a host of its own"
                )
                break


def _answers(observations: Mapping[str, Observation], name: str) -> bool:
    return name in observations and observations[name].seen


def _packages(settings: HostSettings, seen: Observation, etcdctl: bool) -> Iterator[str]:
    """What must be installed already, or is needed to install it."""
    if settings.install == "packages":
        if seen.fact("family") not in ("apt", "dnf"):
            yield (
                "has neither apt-get nor dnf; use Debian, or another system of the apt or dnf "
                "family (what was tested: docs/support.md), or install the packages into its image "
                "and set install: preinstalled"
            )
        if seen.fact("architecture") not in ARCHITECTURES:
            yield (
                f"architecture {seen.fact('architecture')!r} is not supported: packages exist for "
                f"{' and '.join(ARCHITECTURES)}"
            )
        return
    for program in ("kubelet", "kubeadm"):
        version = seen.fact(program)
        if version == "absent":
            yield f"{program} is not installed; install {program} {settings.kubernetes_version}"
        elif version != settings.kubernetes_version:
            yield (
                f"{program} is {version}, but kubernetesVersion is {settings.kubernetes_version}; "
                "install that version, or correct the configuration"
            )
    if etcdctl and seen.fact("etcdctl") == "absent":
        yield "etcdctl is not installed; install the etcd client"
    yield from _runtime(settings, seen, member=etcdctl)


def _runtime(settings: HostSettings, seen: Observation, *, member: bool) -> Iterator[str]:
    """The runtime of an image that somebody made. (A member's host that lost it, or where it was
    masked, has drifted: `prepare-kubelet` starts it again, and removes the mask.)
    """
    runtime, unit = settings.container_runtime, RUNTIME_UNITS[settings.container_runtime]
    silent = seen.fact("socket") == "absent" and not seen.fact("formed")
    if seen.fact("runtime") == "masked" and (silent or not member):
        yield (
            f"{runtime} is masked, so it does not start; remove the mask and start it (systemctl "
            f"unmask {unit}; systemctl unmask --runtime {unit}; systemctl start {unit})"
        )
    elif seen.fact("runtime") not in ("loaded", "masked"):
        yield f"{runtime} is not installed; install it, or correct containerRuntime"
    elif silent:
        yield (
            f"{runtime} is not listening on {RUNTIME_SOCKETS[runtime]}; start it "
            f"(systemctl start {unit})"
        )


def _before_it_is_a_member(settings: Settings, seen: Observation) -> Iterator[str]:
    """Checks of facts that a host reports, or that count, only before it is a member."""
    if seen.fact("ports-used") == "unknown":
        yield (
            "whether etcd's ports are in use could not be read from /proc/net/tcp; check that "
            "`awk 1 /proc/net/tcp` works on the host, then run it again"
        )
    elif seen.fact("ports-used"):
        yield (
            f"etcd's ports are in use: {seen.fact('ports-used')}; stop that program, or use "
            "another host"
        )
    if seen.fact("kubelet-user"):
        yield (
            f"its kubelet is in use by others ({seen.fact('kubelet-user')}), and would be taken "
            "over; use another host"
        )
    docker = seen.fact("containerd-io") if settings.install == "packages" else ""
    if docker == "unknown":
        yield (
            "whether Docker's package containerd.io is installed could not be determined; check "
            "that `dpkg-query -W` or `rpm -qa` works on the host, then run `pulumi up` again"
        )
    elif docker not in ("", "absent"):
        yield (
            f"Docker's package containerd.io is installed ({docker}), which the distribution's "
            "containerd would replace; use another host, or set install: preinstalled with a "
            "runtime in the host's image"
        )
    name = _number(seen, "own-name-ms")
    if name is not None and name >= NO_NAME_MILLISECONDS:
        yield (
            f"its own name is not in /etc/hosts, and the resolver does not answer within "
            f"{NO_NAME_MILLISECONDS / 1000:.0f} s: the kubelet looks it up for every pod; add "
            "the name to /etc/hosts, or fix the resolver"
        )
    needed = settings.etcd.quota_backend_bytes // 2**20 + BESIDE_DATABASE_MIB
    free = None if seen.fact("formed") else _number(seen, "data-free-mib")  # (see quota)
    if free is not None and free < needed:
        yield (
            f"{free} MiB free for /var/lib/etcd, but etcd.quotaBackendBytes and etcd's logs need "
            f"{needed} MiB; free some space, or lower the quota"
        )
    free = _number(seen, "var-free-mib")
    if settings.install == "packages" and free is not None and free < PACKAGES_MIB:
        yield (
            f"{free} MiB free in /var, but packages and images need {PACKAGES_MIB} MiB; free some "
            "space"
        )


def _number(seen: Observation, fact: str) -> int | None:
    text = seen.fact(fact)
    return int(text) if text.isdecimal() else None
