"""Decisions that the tests look at, made from what hosts said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from etcd_cluster.config.settings import Settings
from etcd_cluster.errors import HostsError
from etcd_cluster.plan.decide import Plan, decide
from etcd_cluster.plan.probe import Observation
from tests.support.samples import PASSWORD, bare, hosts, ready, settings

DIGEST = "d" * 64
SILENT = Observation(unreachable="No route to host")
FORMED = {"formed": "cafe", "healthy": "yes", "data": "present", "serial": "3", "program": DIGEST}
PACKAGES = {"install": "packages"}
LOGIN = {"registry": {"username": "puller", "password": PASSWORD}}
NOT_REACHED = "10.107.88.16:2380 no answer within 1.5 s"


def decided(wanted: Settings, seen: Mapping[str, Observation], *, preview: bool) -> Plan:
    """The plan of a program that carries the host program of this digest."""
    return decide(wanted, seen, preview=preview, program_digest=DIGEST)


def settled(**changed: Observation) -> Mapping[str, Observation]:
    """Three clean hosts of a formed cluster, but for those that are named."""
    return {name: changed.get(name, ready(**FORMED)) for name in hosts()}


def faults(*, preview: bool, changes: dict[str, Any] | None = None, **seen: Observation) -> str:
    """Every fault, as one text."""
    with pytest.raises(HostsError) as caught:
        decided(settings(**(changes or {})), hosts(**seen), preview=preview)
    return "\n".join(caught.value.faults)


def all_bare(**changed: Observation) -> Mapping[str, Observation]:
    """Three hosts as they were delivered, but for those that are named."""
    return {name: changed.get(name, bare()) for name in hosts()}


def bare_faults(*, preview: bool = False, **seen: Observation) -> list[str]:
    """Every fault of bare hosts that are to get packages."""
    with pytest.raises(HostsError) as caught:
        decided(settings(**PACKAGES), all_bare(**seen), preview=preview)
    return list(caught.value.faults)


def in_area(area: str, **changes: Any) -> Mapping[tuple[str, Any], str]:
    """What is planned where a member's host reports drift in this area."""
    seen = ready(**FORMED, **{f"drift-{area}": "it was edited"})
    return decided(settings(**changes), settled(etcd02=seen), preview=True).drift
