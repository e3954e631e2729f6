"""Plans as tests decide them: settings, the hosts' answers, the stack's memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from etcd_cluster.config.settings import Settings
from etcd_cluster.errors import HostsError
from etcd_cluster.plan.decide import Plan, decide
from etcd_cluster.plan.memory import KnownAuthority, KnownMember, StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import hosts, members, ready, settings

DIGEST = "d" * 64
TOKEN = "cafe" * 8
CA = "a" * 64
CLUSTER = "cdf818194e3a8c32"
SILENT = Observation(unreachable="No route to host")
FORMED = {
    "formed": CLUSTER,
    "healthy": "yes",
    "health": "true ",
    "etcd": "running",
    "data": "present",
    "serial": "3",
    "program": DIGEST,
    "trusts": CA,
    "issuer": CA,
}
"""A member that is well, on a host that this program converged."""

NOBODY = StackMemory()
"""What a stack knows that has no cluster yet."""


def known(address: str, **changes: Any) -> KnownMember:
    """A member that the stack started, at its address."""
    return KnownMember(
        **{
            "host": address,
            "user": "root",
            "host_key": "ssh-ed25519 key",
            "peer_url": f"https://{address}:2380",
            "addresses": ("127.0.0.1", "::1", address),
            "started": True,
            **changes,
        }
    )


def remembered(count: int = 3, **changes: Any) -> StackMemory:
    """What a stack knows of its formed cluster of so many members."""
    return StackMemory(
        **{
            "stack": "organization/etcd-cluster/test",
            "token": TOKEN,
            "authorities": {1: KnownAuthority(fingerprint=CA)},
            "cluster_id": CLUSTER,
            "members": {each["name"]: known(each["address"]) for each in members(count)},
            **changes,
        }
    )


def decided(
    wanted: Settings,
    seen: Mapping[str, Observation],
    *,
    preview: bool,
    memory: StackMemory = NOBODY,
) -> Plan:
    """The plan of a program that carries the host program of this digest."""
    return decide(wanted, seen, memory, preview=preview, program_digest=DIGEST)


def settled(**changed: Observation) -> Mapping[str, Observation]:
    """Three clean hosts of a formed cluster, but for those that are named."""
    return {name: changed.get(name, ready(**FORMED)) for name in hosts()}


def faults(
    *,
    preview: bool,
    changes: dict[str, Any] | None = None,
    memory: StackMemory = NOBODY,
    **seen: Observation,
) -> str:
    """Every fault, as one text."""
    with pytest.raises(HostsError) as caught:
        decided(settings(**(changes or {})), {**hosts(), **seen}, preview=preview, memory=memory)
    return "\n".join(caught.value.faults)
