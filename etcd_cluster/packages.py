"""What the host's packages are told to be, and where they come from. Pure."""

from __future__ import annotations

import base64

from .config import Member, Repository, Settings
from .sources import Sources

RUNTIME_PACKAGES = {"containerd": "containerd", "crio": "cri-o"}


def packages_state(settings: Settings, sources: Sources, member: Member) -> dict[str, str]:
    """What `etcd-host install` is told."""
    runtime = settings.container_runtime
    version = settings.runtime_version or ""
    if not version and runtime == "crio":
        # Its minor has to be Kubernetes' (CRI-O's compatibility matrix); which patch is open.
        version = f"{settings.release.name}."
    repositories = settings.repositories
    state = {
        "cluster": settings.cluster_name,
        "member": member.name,
        "kubernetes-version": settings.kubernetes_version,
        "runtime-package": RUNTIME_PACKAGES[runtime],
        "runtime-version": version or "any",
        "etcdctl-version": settings.etcd_version,
        **_repository("kubernetes", repositories.kubernetes, settings, sources),
    }
    if runtime == "crio":
        state |= _repository("crio", repositories.crio, settings, sources)
    if repositories.etcd:
        return state | _repository("etcd", repositories.etcd, settings, sources)
    state["etcdctl-url"] = settings.etcdctl.url
    if settings.etcdctl.sha256:
        state["etcdctl-sha256"] = settings.etcdctl.sha256
    return state


def registry_host(settings: Settings) -> str:
    """`mirror.example.com:5000` of `mirror.example.com:5000/kubernetes`."""
    return settings.image_repository.partition("/")[0]


def has_registry(settings: Settings) -> bool:
    """Whether the runtime has to be told anything about the registry."""
    return bool(settings.registry.ca_file or settings.registry.username)


def registry_state(settings: Settings, sources: Sources) -> dict[str, str]:
    """What `etcd-host registry` is told. Secret where it holds a password."""
    state = {"registry": registry_host(settings), "runtime": settings.container_runtime}
    if sources.registry_ca:
        state["ca"] = _encoded(sources.registry_ca)
    if settings.registry.password:
        login = f"{settings.registry.username}:{settings.registry.password.get_secret_value()}"
        state["login"] = _encoded(login)
    return state


def image(settings: Settings, name: str, tag: str) -> str:
    """An image's reference: `registry.k8s.io/pause:3.10.1`."""
    return f"{settings.image_repository}/{name}:{tag}"


def _repository(
    name: str, repository: Repository, settings: Settings, sources: Sources
) -> dict[str, str]:
    state = {f"repository.{name}.url": repository.url.replace("{minor}", settings.release.name)}
    if name in sources.signing_keys:
        state[f"repository.{name}.key"] = _encoded(sources.signing_keys[name])
    return state


def _encoded(text: str) -> str:
    """In one line, as flat YAML wants it."""
    return base64.b64encode(text.encode()).decode()
