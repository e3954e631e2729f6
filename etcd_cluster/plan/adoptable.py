"""Whether a member that others made can be taken over as the declared one. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import versions
from ..config.sections import MemberEntry
from ..config.settings import Settings
from ..state import member as state_member
from ..wellknown import METRICS_PORT, RUNTIME_SOCKETS
from .memory import StackMemory
from .probe import Observation
from .theirs import PKI, certificate_faults

GUIDE = "See docs/runbooks/adopt.md"
DATA = "/var/lib/etcd"
_FILES = {
    "cert-file": "server.crt",
    "key-file": "server.key",
    "peer-cert-file": "peer.crt",
    "peer-key-file": "peer.key",
}
_TRUST = ("client-cert-auth", "peer-client-cert-auth")


def flags(seen: Observation) -> dict[str, str]:
    """etcd's flags, as it was started: {"name": "etcd01", "client-cert-auth": "true"}."""
    pairs = (word.removeprefix("--").partition("=") for word in seen.fact("adopt-flags").split())
    return {name: value if mark else "true" for name, mark, value in pairs}


def faults(
    settings: Settings, member: MemberEntry, seen: Observation, memory: StackMemory
) -> Iterator[str]:
    """Why the member on this host cannot be taken over as the one that is declared."""
    if seen.fact("adopt-node"):
        yield (
            f"this host is a node of a Kubernetes cluster ({seen.fact('adopt-node')}), and a "
            "stacked control plane's etcd is not adopted: kubeadm keeps it, and its kubelet has "
            "other work. Give the cluster hosts of its own: docs/runbooks/take-over.md"
        )
        return
    given = flags(seen)
    if not given:
        yield (
            f"no etcd runs here; a cluster is adopted while all its members are healthy. {GUIDE}"
        )
        return
    yield from _place(member, seen, given)
    yield from _tls(given)
    yield from _cluster(settings, member, seen)
    yield from _versions(settings, seen)
    yield from _kubelet(settings, seen)
    yield from certificate_faults(settings, member, seen, memory)
    # (One of ours, whose stack lost its state, reads copies that stay its own.)
    if seen.fact("etcd-uid") not in ("", "0") and seen.fact("etcd-keys") != "copies":
        yield (
            f"its etcd runs as user {seen.fact('etcd-uid')}. Its keys are given to root before its "
            "turn comes, and it could not read them any more. First remove the securityContext "
            f"from its manifest, member by member. {GUIDE}"
        )
    size = seen.fact("db-bytes")
    if size.isdecimal() and int(size) >= 0.9 * settings.etcd.quota_backend_bytes:
        yield (
            f"its database has {size} bytes, and etcd.quotaBackendBytes is "
            f"{settings.etcd.quota_backend_bytes}, so writes would soon fail; raise the quota"
        )


def _place(member: MemberEntry, seen: Observation, given: Mapping[str, str]) -> Iterator[str]:
    """Where its data is, what started it, and where it is reached."""
    elsewhere = [given[flag] for flag in ("data-dir", "wal-dir") if given.get(flag, DATA) != DATA]
    if "data-dir" not in given:
        yield f"its etcd has no --data-dir; expected one that was started with {DATA}. {GUIDE}"
    elif elsewhere:
        yield (
            f"its etcd has its data in {' and '.join(elsewhere)}, but this program keeps it in "
            f"{DATA}. {GUIDE}"
        )
    elif seen.fact("etcd") != "running":
        yield f"its etcd has its data in a {DATA} that is not the host's. {GUIDE}"
    metrics = f"http://127.0.0.1:{METRICS_PORT}"
    if metrics not in given.get("listen-metrics-urls", "").split(","):
        yield (
            f"its etcd does not report its health at {metrics}, kubeadm's default "
            f"(--listen-metrics-urls={given.get('listen-metrics-urls', '')}). This program needs "
            "that to know when the next member may restart. Add it, and restart etcd"
        )
    elif seen.fact("healthy") != "yes" and seen.fact("etcd") == "running":
        yield f"its etcd is not healthy according to {metrics}; bring it back first"
    if not seen.fact("adopt-image"):
        yield (
            "its etcd is not the static pod /etc/kubernetes/manifests/etcd.yaml: something else "
            "runs it. Members on other hosts can replace it: docs/runbooks/take-over.md"
        )
    wanted = {
        "name": member.name,
        "advertise-client-urls": state_member.client_url(member),
        "initial-advertise-peer-urls": state_member.peer_url(member),
    }
    for flag, value in wanted.items():
        if given.get(flag, "") != value:
            yield (
                f"its etcd runs with --{flag}={given.get(flag, '')}, but as a member of this stack "
                f"it has {value}; correct members[].name or address; other ports are not supported"
            )


def _tls(given: Mapping[str, str]) -> Iterator[str]:
    """TLS that is off, or that is not as kubeadm sets it up."""
    plain = [
        url
        for flag in ("listen-client-urls", "listen-peer-urls", "advertise-client-urls")
        for url in given.get(flag, "http://localhost").split(",")
        if not url.startswith("https://")
    ]
    off = [flag for flag in _TRUST if given.get(flag) != "true"]
    if plain or off:
        found = ", ".join([*dict.fromkeys(plain), *(f"no --{flag}" for flag in off)])
        yield (
            f"its etcd does not use TLS with client certificates everywhere ({found}), and this "
            "program keeps none without; turn TLS on first"
        )
        return
    elsewhere = [
        f"--{flag}={given.get(flag, '')}"
        for flag, name in _FILES.items()
        if given.get(flag) != f"{PKI}/{name}"
    ]
    if elsewhere:
        yield (
            f"its certificates are not where kubeadm has them, in {PKI}: {', '.join(elsewhere)}; "
            "move them there, and restart it"
        )


def _cluster(settings: Settings, member: MemberEntry, seen: Observation) -> Iterator[str]:
    auth = seen.fact("adopt-auth")
    if auth == "true":
        yield (
            "etcd's own authentication is on, and this program, like Kubernetes, does not use etcd "
            "users; turn it off: etcdctl auth disable"
        )
    elif seen.fact("adopt-why"):
        yield f"its cluster could not be asked who its members are: {seen.fact('adopt-why')}"
    elif seen.fact("adopt-cluster") != settings.adopt:
        yield (
            f"its etcd is a member of cluster {seen.fact('adopt-cluster')}, but adopt names "
            f"{settings.adopt}; correct one of them"
        )
    elif not seen.fact("adopt-id"):
        yield "its etcd does not report its member id; check it with `etcdctl endpoint health`"
    elif auth != "false":
        yield f"whether etcd's own authentication is off could not be determined: {auth}"


def _versions(settings: Settings, seen: Observation) -> Iterator[str]:
    """The first `up` changes no version, and the second rolls nothing but settings."""
    tag = seen.fact("adopt-image").partition("@")[0].rpartition(":")[2]
    running = seen.fact("adopt-version")
    parsed = versions.parse_etcd(running or tag)
    if parsed is not None and parsed[:2] not in {(3, 5), *versions.ETCD_LEAST}:
        yield f"runs etcd {running or tag}: 3.5 to 3.7 can be adopted; upgrade it first. {GUIDE}"
    elif seen.fact("adopt-image") and tag != settings.etcd_image_tag:
        yield (
            f"runs etcd of the image tag {tag}, but etcd.imageTag is {settings.etcd_image_tag}; an "
            f"adoption changes no version. Set etcd.imageTag: {tag}, and change it later"
        )
    for program in ("kubelet", "kubeadm"):
        version = seen.fact(program)
        # (What an image has is compared for every host.)
        if settings.install == "packages" and version not in (
            "absent",
            settings.kubernetes_version,
        ):
            yield (
                f"{program} is {version}, but kubernetesVersion is {settings.kubernetes_version}; "
                "an adoption changes no version. Set kubernetesVersion: "
                f"{version.removeprefix('v')}, and change it later"
            )


def _kubelet(settings: Settings, seen: Observation) -> Iterator[str]:
    def path(socket: str) -> str:
        return socket.removeprefix("unix://").replace("/var/run/", "/run/")

    used = seen.fact("adopt-runtime") or RUNTIME_SOCKETS["containerd"]
    if path(used) != path(RUNTIME_SOCKETS[settings.container_runtime]):
        yield (
            f"containerRuntime is {settings.container_runtime}, but its kubelet uses the runtime "
            f"at {used}, which would keep its etcd; correct containerRuntime"
        )
    driver = seen.fact("adopt-cgroup-driver")
    if settings.install == "preinstalled" and driver not in ("", settings.cgroup_driver):
        yield (
            f"its kubelet has the cgroup driver {driver}, as its runtime should, but cgroupDriver "
            f"is {settings.cgroup_driver}; set cgroupDriver: {driver}"
        )
