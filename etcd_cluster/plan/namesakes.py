"""The names of clusters in a stack's state. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .memory import CLUSTER_TYPE
from .outputs import kind_and_name


def clusters(outputs: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of those of which the state has a member's etcd.

    outputs: all resources, by URN (see memory.parse).
    """
    found = [kind_and_name(urn) for urn in outputs]
    names = {name for kind, name in found if kind.endswith(CLUSTER_TYPE)}
    having = {
        # (Those of `etcd-blue` begin with `etcd-`, too.)
        max((each for each in names if name.startswith(f"{each}-")), key=len, default="")
        for kind, name in found
        if name.endswith("-member") and not kind.rpartition("$")[2].startswith("etcd-cluster:")
    }
    return tuple(sorted(having - {""}))
