"""Is a host fit to be a member? Every answer names what is wrong and what to do. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..config.hosts import HostSettings
from ..config.settings import Settings
from ..wellknown import RUNTIME_SOCKETS, RUNTIME_UNITS
from .probe import Observation

ARCHITECTURES = ("x86_64", "aarch64")
CLOCKS_APART_SECONDS = 1.0
SLOW_NAME_MILLISECONDS = 1000
# etcd.io, hardware guidance: the 99th percentile of a WAL entry's fsync is to be below this.
SLOW_SYNC_MICROSECONDS = 10_000
# Beside the database: the WAL (etcd keeps five files of 64 MiB), and a snapshot on its way.
BESIDE_DATABASE_MIB = 1024
# Packages, their archives and the images of etcd and pause, unpacked.
PACKAGES_MIB = 1024


def faults(settings: Settings, seen: Observation) -> Iterator[str]:
    """Why this host cannot be the member that the settings want it to be."""
    yield from host_faults(settings, seen, etcdctl=True)
    yield from _before_it_is_a_member(settings, seen)


def host_faults(
    settings: HostSettings, seen: Observation, *, etcdctl: bool = False
) -> Iterator[str]:
    """Why this host cannot carry what is wanted on it; `etcdctl`: whether it has to have that."""
    if seen.fact("init") != "systemd":
        yield f"process 1 is {seen.fact('init')!r}; a host with systemd is needed"
    yield from _packages(settings, seen, etcdctl)
    if (
        seen.fact("cgroup") == "v1"
        and settings.release.kubelet_knows_fail_cgroup_v1
        and not settings.allow_cgroup_v1
    ):
        yield (
            f"it runs cgroup v1, which the kubelet {settings.kubernetes_version} refuses; boot "
            "it with cgroup v2, or set allowCgroupV1: true"
        )


def warnings(settings: Settings, seen: Observation) -> Iterator[str]:
    """What is allowed but deserves a word."""
    sync = _number(seen, "sync-us")
    if sync is not None and sync > SLOW_SYNC_MICROSECONDS:
        yield (
            f"a write takes {sync / 1000:.0f} ms to be on the disk of /var/lib/etcd, where etcd's "
            f"guidance is less than {SLOW_SYNC_MICROSECONDS / 1000:.0f} ms; give it a faster disk, "
            "or longer etcd.heartbeatIntervalMilliseconds and electionTimeoutMilliseconds"
        )
    if seen.fact("selinux") == "1":
        yield (
            "SELinux is enforcing, which was not tried: where etcd may not read its files, "
            "give /var/lib/etcd and /etc/kubernetes/pki the type container_file_t"
        )


def clocks_apart(observations: Mapping[str, Observation]) -> list[str]:
    """Hosts whose clocks surely differ by more than a second: one sentence, of the two extremes.

    A certificate is valid from the moment it is made: to a host that is behind, it is not yet.
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
        f"{last}, {first}: their clocks are at least {apart:.1f} s apart ({last} is ahead); set "
        "them right, e.g. with chrony or systemd-timesyncd"
    ]


def apart(settings: Settings, observations: Mapping[str, Observation]) -> list[str]:
    """Members that do not reach each other, although both answer us: a sentence for each way."""
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
                f"{member.name} ({member.host}): does not reach {other.name} at {target}: "
                f"{reason}; open TCP {port} from {member.address} to {address}, and check the way"
            )
    return found


def _answers(observations: Mapping[str, Observation], name: str) -> bool:
    return name in observations and observations[name].seen


def _packages(settings: HostSettings, seen: Observation, etcdctl: bool) -> Iterator[str]:
    """What has to be there already, or has to be there to install it."""
    if settings.install == "packages":
        if seen.fact("family") not in ("apt", "dnf"):
            yield (
                "it has neither apt-get nor dnf; use Debian, Ubuntu, RHEL, Rocky, CentOS Stream or "
                "Fedora, or install the packages into its image and set install: preinstalled"
            )
        if seen.fact("architecture") not in ARCHITECTURES:
            yield (
                f"its architecture is {seen.fact('architecture')!r}; packages are there for "
                f"{' and '.join(ARCHITECTURES)}"
            )
        return
    for program in ("kubelet", "kubeadm"):
        version = seen.fact(program)
        if version == "absent":
            yield f"{program} is not installed; install {program} {settings.kubernetes_version}"
        elif version != settings.kubernetes_version:
            yield (
                f"{program} is {version}, kubernetesVersion says {settings.kubernetes_version}; "
                "install that version or correct the configuration"
            )
    if etcdctl and seen.fact("etcdctl") == "absent":
        yield "etcdctl is not installed; install the etcd client"
    runtime = settings.container_runtime
    if seen.fact("runtime") != "loaded":
        yield f"{runtime} is not installed; install it, or set containerRuntime to what is there"
    elif seen.fact("socket") == "absent" and not seen.fact("formed"):
        # (A member's host that lost its runtime has drifted; `prepare-kubelet` starts it again.)
        yield (
            f"{runtime} has no socket at {RUNTIME_SOCKETS[runtime]}; start it "
            f"(systemctl start {RUNTIME_UNITS[runtime]})"
        )


def _before_it_is_a_member(settings: Settings, seen: Observation) -> Iterator[str]:
    """Facts that a host tells only as long as it is none."""
    if seen.fact("ports-used"):
        yield (
            f"ports of etcd are in use: {seen.fact('ports-used')}; stop that program, or take "
            "another host"
        )
    slow = _number(seen, "own-name-ms")
    if slow is not None and slow > SLOW_NAME_MILLISECONDS:
        yield (
            f"looking its own name up takes {slow / 1000:.1f} s, for which a kubelet waits at each "
            "pod; add its name to its /etc/hosts, or mend its resolver"
        )
    needed = settings.etcd.quota_backend_bytes // 2**20 + BESIDE_DATABASE_MIB
    free = _number(seen, "data-free-mib")
    if free is not None and free < needed:
        yield (
            f"{free} MiB are free for /var/lib/etcd, and etcd.quotaBackendBytes with its logs "
            f"needs {needed} MiB; make room, or lower the quota"
        )
    free = _number(seen, "var-free-mib")
    if settings.install == "packages" and free is not None and free < PACKAGES_MIB:
        yield f"{free} MiB are free in /var, packages and images need {PACKAGES_MIB} MiB; make room"


def _number(seen: Observation, fact: str) -> int | None:
    text = seen.fact(fact)
    return int(text) if text.isdecimal() else None
