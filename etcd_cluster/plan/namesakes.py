"""Clusters of other names in a stack's state. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .memory import CLUSTER_TYPE
from .outputs import kind_and_name


def other_clusters(outputs: Mapping[str, Any], cluster: str) -> tuple[str, ...]:
    """Those of another name of which the state has a member's etcd.

    outputs: all resources, by URN (see memory.parse).
    """
    found = [kind_and_name(urn) for urn in outputs]
    names = sorted(name for kind, name in found if kind.endswith(CLUSTER_TYPE) and name != cluster)
    # (Of `etcd` and `etcd-blue` both begin with `etcd-`; what is not this one's is another's.)
    members = [
        name
        for kind, name in found
        if name.endswith("-member") and not kind.rpartition("$")[2].startswith("etcd-cluster:")
    ]
    return tuple(name for name in names if any(each.startswith(f"{name}-") for each in members))
