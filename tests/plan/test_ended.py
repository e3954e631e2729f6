"""Certificates that ended while members are still connected: new ones come before all turns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from etcd_cluster.plan.decide import Plan
from etcd_cluster.plan.endings import has_ended
from etcd_cluster.plan.memory import KnownAuthority, StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.cas import authority, leaf
from tests.support.samples import ready, settings

from .decided import CA, CLUSTER, FORMED, decided, faults, known, remembered

NAMES = ("etcd01", "etcd02", "etcd03")
NEW_CA = "b" * 64
AT = "2027-03-01T00:00:00+00:00"
DOWN: dict[str, Any] = {"healthy": "no", "health": "false RAFT NO LEADER"}
GONE = ("data", "etcd", "healthy", "trusts", "issuer", "certificates")
EMPTIED: dict[str, Any] = {"formed": CLUSTER, **dict.fromkeys(GONE, "")}
OLD = {"etcd-tag": "3.6.6-0", "etcd-version": "3.6.6", "cluster-version": "3.6"}
UPGRADE = {"etcd": {"imageTag": "3.6.16-0"}}


@cache
def until(days: int) -> str:
    """A certificate from the start of 2026, as a host tells it."""
    return leaf(authority(), ["etcd01"], days).der


def host(days: int = 365, **facts: str) -> Observation:
    """A host of the cluster whose member's certificates last so long."""
    said = {**FORMED, **OLD, "certificates": until(days), **facts}
    return replace(ready(**said), at=AT)


def memory(**told: str) -> StackMemory:
    """What the stack knows: its state may have had new certificates for long."""
    tags = dict.fromkeys(NAMES, "3.6.6-0") | told
    return remembered(
        authorities={1: KnownAuthority(fingerprint=CA), 2: KnownAuthority(fingerprint=NEW_CA)},
        members={
            name: known(f"10.107.88.{15 + index}", told={"image-tag": tags[name]})
            for index, name in enumerate(NAMES)
        },
    )


def plan(changes: Mapping[str, Any] | None = None, **named: Any) -> Plan:
    """The plan of three hosts whose certificates have ended, but for those that are named."""
    seen = {name: named.get(name, host()) for name in NAMES}
    wanted = settings(**{"etcd": {"imageTag": "3.6.6-0"}, **(changes or {})})
    return decided(wanted, seen, preview=False, memory=memory())


@pytest.mark.parametrize(
    ("certificates", "at", "ended"),
    [
        (until(365), AT, True),
        (until(3650), AT, False),
        (f"{until(3650)} {until(3650)} {until(365)}", AT, True),
        (until(365), "2026-12-31T23:59:59+00:00", False),
        (until(365), "", False),
        ("", AT, False),
        ("AAAA x", AT, False),
    ],
    ids=["ended", "valid", "one of three", "not yet", "not read", "none", "garbage"],
)
def test_end_is_read_from_what_the_host_has(certificates: str, at: str, ended: bool) -> None:
    """A state has new ones from the first run on, whether or not that came to bring them there."""
    seen = replace(ready(certificates=certificates), at=at)
    assert has_ended(seen) is ended


@pytest.mark.parametrize(
    ("named", "ended"),
    [
        ({}, NAMES),
        ({"etcd03": host(**DOWN)}, NAMES),
        ({"etcd03": host(**DOWN, etcd="stopped")}, NAMES),
        ({"etcd03": host(**EMPTIED)}, NAMES[:2]),
        ({"etcd01": host(3650), "etcd03": Observation(unreachable="timeout")}, ("etcd02",)),
    ],
    ids=["connected", "one has no leader", "one is stopped", "one is emptied", "one has new ones"],
)
def test_members_whose_certificates_have_ended_get_new_ones_first(
    named: dict[str, Any], ended: tuple[str, ...]
) -> None:
    """Else the first of them waits to be healthy for ever: the others' are refused."""
    assert plan(**named).chain.ended == set(ended)


def test_no_backup_is_asked_for_when_nobody_would_accept_it() -> None:
    """A step that was cut off goes on without one: to take it back would be one, too."""
    trusts = f"{CA} {NEW_CA}"
    found = plan({"certificates": {"authorities": [1, 2]}}, etcd01=host(trusts=trusts))
    assert found.before is None
    found = plan({"certificates": {"authorities": [1, 2]}}, **{n: host(3650) for n in NAMES})
    assert found.before is not None


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        (UPGRADE, "etcd 3.6.6 becomes 3.6.16"),
        ({"certificates": {"authorities": [1, 2]}}, "certificates.authorities [1] becomes [1, 2]"),
    ],
)
def test_change_that_has_a_backup_before_it_waits_for_the_renewal(
    changes: dict[str, Any], step: str
) -> None:
    """Nobody can be asked for that backup."""
    wanted = {"etcd": {"imageTag": "3.6.6-0"}, **changes}
    seen = {"etcd01": host(3650), "etcd02": host(), "etcd03": host()}
    text = faults(preview=True, changes=wanted, memory=memory(), **seen)
    assert "etcd02 (10.107.88.16), etcd03 (10.107.88.17): certificates have expired" in text
    assert f"so no backup can be made before {step}" in text
    assert "take that change back, run `pulumi up`, then make it again" in text


def test_change_goes_on_where_nobody_is_healthy() -> None:
    """A patch may be what repairs them, and all are mended side by side."""
    found = plan(UPGRADE, **{name: host(**DOWN) for name in NAMES})
    assert found.chain.stopped == NAMES
    assert found.before is None
