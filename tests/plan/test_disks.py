"""Disks of members that nobody can write to, or that are nearly full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.disks import LEAST_FREE_MIB
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from etcd_cluster.state.member import member_state
from tests.support.samples import hosts, members, ready, settings

from .decided import CLUSTER, FORMED, TOKEN, decided, faults, remembered, settled

STUCK = "/etc/kubernetes/manifests (on the mount /)"
SAYS = f"etcd02 (10.107.88.16): cannot be written to: {STUCK}. "


def told() -> StackMemory:
    """What a stack knows whose members were told all that the settings say."""
    wanted, known = settings(), remembered()
    states = {entry.name: member_state(wanted, entry, TOKEN) for entry in wanted.members}
    members = {name: replace(each, told=states[name]) for name, each in known.members.items()}
    return replace(known, members=members)


def stuck(**changes: str) -> Observation:
    """A member whose host has a disk that became read-only."""
    return ready(**{**FORMED, "read_only": STUCK, **changes})


def warned(seen: Mapping[str, Observation], **changes: Any) -> tuple[str, ...]:
    """What a plan warns of."""
    return decided(settings(**changes), seen, preview=True, memory=told()).warnings


def test_read_only_disk_is_a_warning_when_nothing_is_to_change_there() -> None:
    """The other members can be repaired meanwhile."""
    seen = settled(etcd02=stuck(), etcd03=ready(**FORMED, drift_host="swap on"))
    (text,) = warned(seen)
    assert text.startswith(f"{SAYS}Its etcd, once it stops, may not start again. ")
    assert "repair that disk and mount it for writing" in text
    assert warned(settled(etcd02=stuck(drift_host="swap on")), driftDetection="false") == (text,)


@pytest.mark.parametrize(
    ("changes", "drifted"),
    [
        ({"etcd": {"heartbeatIntervalMilliseconds": 200}}, {}),
        ({}, {"drift_host": "swap on"}),
        ({}, {"program": "absent"}),
    ],
    ids=["another flag", "drift", "no program"],
)
def test_read_only_disk_is_a_fault_when_something_is_to_change_there(
    changes: dict[str, Any], drifted: dict[str, str]
) -> None:
    """It would fail half way; the others are not named."""
    seen = settled(etcd02=stuck(**drifted))
    text = faults(preview=True, changes=changes, memory=told(), **seen)
    assert text.startswith(f"{SAYS}This run changes something there")
    assert text.endswith("; or give the member up (lost: true)")
    assert "\n" not in text


@pytest.mark.parametrize("formed", [True, False])
def test_read_only_disk_is_a_fault_of_a_host_that_was_told_nothing_yet(formed: bool) -> None:
    """As where a member is to start."""
    seen: dict[str, Any]
    if formed:
        seen = {"memory": remembered(), **settled(etcd02=stuck())}
    else:
        seen = {**hosts(etcd02=ready(read_only=STUCK))}
    text = faults(preview=True, **seen)
    assert text.startswith(SAYS)
    given_up = "give the member up (lost: true)"
    other = "take it out of members, or give it another host"
    assert text.endswith(f"; or {given_up if formed else other}")


def test_read_only_disk_is_a_fault_when_a_member_that_is_lost_anew_is_to_be_removed() -> None:
    """That runs something there, though the name is what the member was told before."""
    rows = [*members()[:2], members()[2] | {"lost": True}]
    wanted, gone = settings(members=rows), "2026-11-28"
    past = {
        each.name: member_state(wanted, each, TOKEN, {"etcd03": gone}) for each in wanted.living
    }
    seen = {name: each for name, each in settled(etcd02=stuck()).items() if name != "etcd03"}

    def since(time: str) -> StackMemory:
        known = {n: replace(e, told=past.get(n, {})) for n, e in remembered().members.items()}
        return remembered(members={**known, "etcd03": replace(known["etcd03"], lost_since=time)})

    assert decided(wanted, seen, preview=True, memory=since(gone)).formed
    text = faults(preview=True, changes={"members": rows}, memory=since("2026-11-29"), **seen)
    assert text.startswith(f"{SAYS}This run changes something there")


AWAY = "its data was on the disk mounted at /d, which is not mounted now. Mount it"


def test_disk_that_is_not_mounted_is_a_fault_when_something_is_to_change_there() -> None:
    """Its member would join anew, on another disk; else the other members can be repaired."""
    down = ready(**{**FORMED, "unmounted": AWAY, "healthy": "no", "drift_member": "not healthy"})
    seen: dict[str, Any] = {**settled(etcd02=down)}
    text = faults(preview=True, memory=told(), **seen)
    assert text == f"etcd02 (10.107.88.16): {AWAY}; or give the member up (lost: true)"
    kept = warned(seen, driftDetection="false")
    assert f"etcd02 (10.107.88.16): {AWAY}" in kept


def test_disk_that_is_missing_is_a_fault_when_a_restore_is_to_begin_there() -> None:
    """Whatever driftDetection says."""
    lines = {"snapshot": "/root/snapshot.db", "replaces": CLUSTER}
    seen: dict[str, Any] = {**settled(etcd02=ready(**FORMED, unmounted=AWAY))}
    changes = {"driftDetection": "false", "restore": lines}
    text = faults(preview=True, changes=changes, memory=told(), **seen)
    assert f"etcd02 (10.107.88.16): {AWAY}; or" in text


def test_new_member_without_a_disk_is_not_to_be_given_up() -> None:
    """There is nothing to give up yet."""
    seen: dict[str, Any] = {**hosts(etcd02=ready(unmounted=AWAY))}
    text = faults(preview=True, memory=told(), **seen)
    assert f"{AWAY}; or give the member up (lost: true)" in text
    text = faults(preview=True, **seen)
    assert text.endswith(f"{AWAY}; or take it out of members, or give it another host")


@pytest.mark.parametrize(
    ("free", "said"),
    [
        (str(LEAST_FREE_MIB - 1), "255 MiB free on the disk of /var/lib/etcd, less than 256 MiB"),
        ("0", "0 MiB free on the disk of /var/lib/etcd"),
        ("unknown", "how much is free on the disk of /var/lib/etcd is not known"),
        (str(LEAST_FREE_MIB), ""),
    ],
)
def test_full_disk_of_a_member_is_a_warning(free: str, said: str) -> None:
    """It has to be repaired all the same."""
    found = warned(settled(etcd02=ready(**FORMED, disk_free_mib=free)))
    assert len(found) == bool(said)
    assert not said or found[0].startswith(f"etcd02 (10.107.88.16): {said}")


def test_full_disk_of_a_host_without_a_member_is_no_warning_of_it() -> None:
    """What it needs is compared before it gets one."""
    seen = hosts(etcd02=ready(disk_free_mib="3"))
    assert decided(settings(), seen, preview=True).warnings == ()


FULL = "/var/log/pods (on the mount /var/log) has 3 MiB free, and 16 MiB are needed"


@pytest.mark.parametrize("drifted", [{}, {"drift_host": "swap on"}], ids=["as it is", "drift"])
def test_host_without_room_to_start_its_member_again_is_a_warning(drifted: dict[str, str]) -> None:
    """Its etcd is not stopped; most of what else is to be done there needs less."""
    seen = settled(etcd02=ready(**FORMED, **drifted, full=FULL))
    (text,) = warned(seen)
    assert text.startswith(f"etcd02 (10.107.88.16): too little room: {FULL}. Its etcd, once it")
    assert text.endswith("so `pulumi up` refuses to restart it. Make room there")


def test_host_without_room_is_no_warning_of_a_member_that_it_does_not_have() -> None:
    """What it needs to get one is asked for by itself."""
    assert decided(settings(), hosts(etcd02=ready(full=FULL)), preview=True).warnings == ()
