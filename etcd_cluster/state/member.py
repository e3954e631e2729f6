"""Desired state of a member: URLs, etcd's flags, kubeadm's configuration. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from ..config.sections import HostEntry
from ..config.settings import Settings
from ..wellknown import CLIENT_PORT, METRICS_PORT, PEER_PORT, RUNTIME_SOCKETS
from .host import host_state
from .text import digest_of, flat_yaml


def url(address: str, port: int) -> str:
    """`https://address:port`, with an IPv6 address in brackets."""
    host = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address
    return f"https://{host}:{port}"


def client_url(member: HostEntry) -> str:
    """Where clients reach this member."""
    return url(member.address, CLIENT_PORT)


def peer_url(member: HostEntry) -> str:
    """Where other members reach this member."""
    return url(member.address, PEER_PORT)


def endpoints(settings: Settings) -> list[str]:
    """Every member's client URL, in the order of the configuration."""
    return [client_url(member) for member in settings.living]


def initial_cluster(settings: Settings) -> str:
    """etcd's --initial-cluster, sorted so that the configuration's order changes nothing."""
    return ",".join(sorted(f"{member.name}={peer_url(member)}" for member in settings.living))


def trusted(settings: Settings) -> str:
    """What the files are named after that hold the CAs a member trusts: `1-2`.

    So etcd, which reads them when it starts, runs with other flags where it does not trust what
    the configuration says. Empty for the first CA alone: `ca.crt`, as kubeadm has it.
    """
    listed = settings.certificates.authorities
    return "" if listed == (1,) else "-".join(str(each) for each in sorted(listed))


def _asked(settings: Settings) -> set[str]:
    """Whom a member asks for the member list: also those of a cluster that is taken over."""
    former = settings.take_over.endpoints if settings.take_over else ()
    return {*endpoints(settings), *former}


def take_over_state(settings: Settings, member: HostEntry, token: str) -> dict[str, str]:
    """Input of `etcd-host take-over`."""
    keys = ("cluster", "token", "member", "endpoints", "initial-cluster", "take-over")
    told = member_state(settings, member, token)
    return {key: told[key] for key in keys}


def member_state(
    settings: Settings,
    member: HostEntry,
    token: str,
    lost_since: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """Input of `etcd-host bootstrap`, `converge` and `leave`; `arg.*` are etcd's flags.

    lost_since: by name, of the lost members. The host has no use for it. But a name that comes back
    and is lost anew would be the same text again, and what does not differ is not carried out.
    """
    own_client, own_peer = client_url(member), peer_url(member)
    loopback = url("127.0.0.1", CLIENT_PORT)
    # kubeadm's own default has the loopback listener; a health check on the host wants it.
    arguments = {
        "name": member.name,
        # One place for all, also where kubeadm would take [::1] for a member with IPv6.
        "listen-metrics-urls": f"http://127.0.0.1:{METRICS_PORT}",
        "listen-client-urls": f"{loopback},{own_client}",
        "advertise-client-urls": own_client,
        "listen-peer-urls": own_peer,
        "initial-advertise-peer-urls": own_peer,
        "quota-backend-bytes": str(settings.etcd.quota_backend_bytes),
        "heartbeat-interval": str(settings.etcd.heartbeat_interval_milliseconds),
        "election-timeout": str(settings.etcd.election_timeout_milliseconds),
        **settings.etcd.extra_args,
    }
    since = lost_since or {}
    times = ",".join(
        _lost(each.name, since[each.name]) for each in settings.lost if each.name in since
    )
    return {
        "cluster": settings.cluster_name,
        "token": token,
        "member": member.name,
        "advertise-address": member.address,
        "initial-cluster": initial_cluster(settings),
        "endpoints": ",".join(sorted(_asked(settings))),
        "kubernetes-version": settings.kubernetes_version,
        "kubeadm-api": settings.release.kubeadm_api,
        "image-repository": settings.image_repository,
        "image-tag": settings.etcd_image_tag,
        "cri-socket": f"unix://{RUNTIME_SOCKETS[settings.container_runtime]}",
        "health-timeout-seconds": str(settings.health_timeout_seconds),
        # A change of these restarts the kubelet, and the member with it.
        "kubelet": digest_of(flat_yaml(host_state(settings, member)))[:12],
        **({"trusted": trusted(settings)} if trusted(settings) else {}),
        **({"take-over": settings.take_over.cluster} if settings.take_over else {}),
        **({"lost": ",".join(each.name for each in settings.lost)} if settings.lost else {}),
        **({"lost-since": times} if times else {}),
        **{f"arg.{flag}": value for flag, value in sorted(arguments.items())},
    }


def _lost(name: str, since: str) -> str:
    return f"{name}={since}"


def is_told_lost(told: Mapping[str, str], name: str, since: str) -> bool:
    """Whether who was told this has seen to it that the entry of this member is gone, since then.

    One that was told of its name alone may have done so before it came back, and was lost anew.
    """
    return bool(since) and _lost(name, since) in told.get("lost-since", "").split(",")


# Who the members are.
_WHO = ("endpoints", "initial-cluster")


def as_told(wanted: Mapping[str, str], told: Mapping[str, str]) -> dict[str, str]:
    """`wanted`; but where nothing else has changed than that members were added, as it was told.

    So nothing runs on a member for others' sake. It loses nothing by that: etcd reads
    `initial-cluster` at its first start only; and `endpoints` are whom it asks for the member list
    when its own etcd is down. As long as those that it was told are members still, and are more
    than half of all, no quorum without this member is without one of them.
    """
    if any(told.get(key) != value for key, value in wanted.items() if key not in _WHO):
        return dict(wanted)
    if set(told) != set(wanted):
        return dict(wanted)
    known, all_of_them = (set(each["endpoints"].split(",")) for each in (told, wanted))
    if not known <= all_of_them or 2 * len(known) <= len(all_of_them):
        return dict(wanted)
    return {**wanted, **{key: told[key] for key in _WHO}}


def wait_healthy_state(
    settings: Settings, member: HostEntry, after: Mapping[str, str]
) -> dict[str, str]:
    """What `etcd-host wait-healthy` is told; `after`: by area, what it said of its last change."""
    return {
        "member": member.name,
        "arg.advertise-client-urls": client_url(member),
        "health-timeout-seconds": str(settings.health_timeout_seconds),
        "after": " ".join(f"{area}={number}" for area, number in sorted(after.items())),
    }
