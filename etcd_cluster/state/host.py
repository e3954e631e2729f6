"""Desired state of a host: packages, registry, operating system, runtime, kubelet. Pure."""

from __future__ import annotations

from ..config.hosts import HostSettings
from ..config.sections import HostEntry
from ..config.settings import Settings
from ..config.sources import Repository
from ..config.trust import Sources
from ..wellknown import RUNTIME_PACKAGES, RUNTIME_SOCKETS, RUNTIME_UNITS
from .text import in_one_line


def packages_state(settings: HostSettings, sources: Sources, etcdctl: str = "") -> dict[str, str]:
    """Input of `etcd-host install`. `etcdctl`: its version, empty for a host without it."""
    runtime = settings.container_runtime
    version = settings.runtime_version or ""
    if not version and runtime == "crio":
        # Its minor has to be Kubernetes' (CRI-O's compatibility matrix); which patch is open.
        version = f"{settings.release.name}."
    state = {
        "kubernetes-version": settings.kubernetes_version,
        "runtime-package": RUNTIME_PACKAGES[runtime],
        "runtime-version": version or "any",
        **_repository("kubernetes", settings.repositories.kubernetes, settings, sources),
    }
    if runtime == "crio":
        state |= _repository("crio", settings.repositories.crio, settings, sources)
    if isinstance(settings, Settings) and settings.backup and settings.backup.needs_rclone:
        state["backup-tool"] = "rclone"
    return state | (_etcdctl(settings, sources, etcdctl) if etcdctl else {})


def _etcdctl(settings: HostSettings, sources: Sources, version: str) -> dict[str, str]:
    state = {"etcdctl-version": version}
    if settings.repositories.etcd:
        return state | _repository("etcd", settings.repositories.etcd, settings, sources)
    state["etcdctl-url"] = settings.etcdctl.url
    if settings.etcdctl.sha256:
        state["etcdctl-sha256"] = settings.etcdctl.sha256
    return state


def registry_host(settings: HostSettings) -> str:
    """`mirror.example.com:5000` of `mirror.example.com:5000/kubernetes`."""
    return settings.image_repository.partition("/")[0]


def has_registry(settings: HostSettings) -> bool:
    """Whether the runtime needs any configuration for the registry."""
    return bool(settings.registry.ca_file or settings.registry.username)


def registry_state(settings: HostSettings, sources: Sources) -> dict[str, str]:
    """Input of `etcd-host registry`. Secret if it contains a password."""
    state = {"registry": registry_host(settings), "runtime": settings.container_runtime}
    if sources.registry_ca:
        state["ca"] = in_one_line(sources.registry_ca)
    if settings.registry.password:
        login = f"{settings.registry.username}:{settings.registry.password.get_secret_value()}"
        state["login"] = in_one_line(login)
    return state


def runtime_state(settings: HostSettings) -> dict[str, str]:
    """The container runtime's part of the input of `prepare-host` and `prepare-kubelet`."""
    runtime = settings.container_runtime
    state = {
        "runtime-unit": RUNTIME_UNITS[runtime],
        "runtime-socket": RUNTIME_SOCKETS[runtime],
        "cgroup-driver": settings.cgroup_driver,
    }
    if settings.install == "packages":
        # What the packages leave open; whoever made an image has decided it there.
        state["pause-image"] = image(settings, "pause", settings.release.pause_tag)
        state["registry-login"] = "given" if settings.registry.username else "none"
    return state


def host_state(settings: Settings, member: HostEntry) -> dict[str, str]:
    """Input of `etcd-host prepare-kubelet`."""
    if not settings.release.kubelet_knows_fail_cgroup_v1:
        cgroup_v1 = "unknown"
    else:
        cgroup_v1 = "allowed" if settings.allow_cgroup_v1 else "refused"
    state = {
        "cluster": settings.cluster_name,
        "member": member.name,
        "kubernetes-version": settings.kubernetes_version,
        **runtime_state(settings),
        "cgroup-v1": cgroup_v1,
    }
    if settings.install == "packages":
        state["etcd-image"] = image(settings, "etcd", settings.etcd_image_tag)
    return state


def image(settings: HostSettings, name: str, tag: str) -> str:
    """An image's reference: `registry.k8s.io/pause:3.10.1`."""
    return f"{settings.image_repository}/{name}:{tag}"


def _repository(
    name: str, repository: Repository, settings: HostSettings, sources: Sources
) -> dict[str, str]:
    state = {f"repository.{name}.url": repository.url.replace("{minor}", settings.release.name)}
    if name in sources.signing_keys:
        state[f"repository.{name}.key"] = in_one_line(sources.signing_keys[name])
    return state
