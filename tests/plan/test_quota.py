"""A quota that is to be lowered below what the databases have, or raised beyond the disks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.preflight import BESIDE_DATABASE_MIB
from etcd_cluster.plan.probe import Observation
from tests.support.samples import ready, settings

from .decided import FORMED, SILENT, decided, faults, remembered, settled

WAS = 4 * 1024**3
WANTED = 1024**3
FULL = WANTED * 9 // 10 + 1
LOWERED = {"etcd": {"quotaBackendBytes": WANTED}}


def member(size: int | str, quota: int | str = WAS, **changes: str) -> Observation:
    """One that says how large its database and its quota are."""
    sizes = {"db-bytes": str(size), "quota-bytes": str(quota), "data-free-mib": "100000"}
    return ready(**{**FORMED, **sizes, **changes})


def cluster(**changed: Observation) -> dict[str, Observation]:
    """Three small members, but for those that are named."""
    return {name: changed.get(name, member(1000)) for name in settled()}


def told(quota: int) -> StackMemory:
    """What the stack knows of members that it gave this quota."""
    known = remembered()
    given = {"arg.quota-backend-bytes": str(quota)}
    return replace(known, members={n: replace(m, told=given) for n, m in known.members.items()})


def refused(memory: StackMemory | None = None, **changed: Observation) -> str:
    """Every fault of a plan that lowers the quota."""
    seen = cluster(**changed)
    return faults(preview=True, changes=LOWERED, memory=memory or remembered(), **seen)


def test_quota_below_the_largest_database_is_refused() -> None:
    """As where a raised one is undone. The text says which member, and what would do."""
    text = refused(etcd02=member(FULL), etcd03=member(FULL + 10))
    assert f"would be lowered from {WAS} to {WANTED}, but the database of etcd03 (10.107" in text
    assert f"has {FULL + 10} bytes" in text
    enough = int(text.partition("at least ")[2].partition(";")[0])
    assert (FULL + 10) < 0.9 * enough < FULL + 20
    raised = {"etcd": {"quotaBackendBytes": enough}}
    seen = cluster(etcd03=member(FULL + 10))
    decided(settings(**raised), seen, preview=True, memory=remembered())


def test_what_would_do_is_never_more_than_there_is() -> None:
    """To leave the quota as it is is never refused."""
    text = refused(etcd01=member(WAS - 1))
    assert f"Set it to at least {WAS};" in text


@pytest.mark.parametrize(
    "etcd01",
    [
        member(FULL - 1),
        member(FULL, WANTED),
        member(FULL, WANTED // 2),
        member("", ""),
        member("", WANTED, etcd="stopped"),
        SILENT,
    ],
    ids=["small", "unchanged", "raised", "nothing known", "unchanged and stopped", "unreachable"],
)
def test_quota_that_costs_nothing_is_none(etcd01: Observation) -> None:
    """Also where a cluster is nearly full, and its quota stays or rises."""
    seen = cluster(etcd01=etcd01)
    assert decided(settings(**LOWERED), seen, preview=True, memory=remembered())


def test_size_that_is_not_known_is_refused() -> None:
    """A stopped member says neither its size nor its quota; the state has what it was told."""
    stopped = member("", "", etcd="stopped", healthy="no")
    text = refused(told(WAS), etcd02=stopped)
    assert "the size of the database is not known of etcd02 (10.107" in text
    assert "Set it back, bring these members back" in text
    assert decided(settings(**LOWERED), cluster(etcd02=stopped), preview=True, memory=told(WANTED))


def test_etcd_without_a_quota_gets_none_that_its_database_has_reached() -> None:
    """As one that was built by hand may have it."""
    text = refused(etcd02=member(FULL, -1))
    assert f"would be lowered from no quota to {WANTED}, but the database of etcd02 (10.1" in text
    assert "Set it to at least " in text
    decided(
        settings(**LOWERED), cluster(etcd02=member(1000, -1)), preview=True, memory=remembered()
    )


RAISED = {"etcd": {"quotaBackendBytes": WAS}}
NEEDED = WAS // 2**20 + BESIDE_DATABASE_MIB


def room(free: str, quota: int | str = WANTED, **changes: str) -> Observation:
    """A member that has this quota, and a disk with so many MiB for its data."""
    return member(1000, quota, **{"data_free_mib": free, **changes})


def test_quota_beyond_a_member_s_disk_is_refused() -> None:
    """A full quota stops writes, and a full disk stops etcd. The text says what would do."""
    seen = cluster(etcd02=room(str(NEEDED - 1)), etcd03=room(str(NEEDED)))
    text = faults(preview=True, changes=RAISED, memory=remembered(), **seen)
    assert text.startswith("etcd02 (10.107")
    assert "etcd03" not in text
    assert f"would be raised from {WANTED} to {WAS}" in text
    assert f"needs {NEEDED} MiB with etcd's logs, and its disk has {NEEDED - 1} MiB" in text
    enough = int(text.partition("to at most ")[2].partition(",")[0])
    changed = settings(etcd={"quotaBackendBytes": enough})
    seen = cluster(etcd01=room("9999"), etcd02=room(str(NEEDED - 1)), etcd03=room("9999"))
    assert decided(changed, seen, preview=True, memory=remembered())


def test_quota_that_a_member_has_is_never_too_much() -> None:
    """Whatever its disk: to set it back is a way out, and holds up no repair."""
    text = faults(preview=True, changes=RAISED, memory=remembered(), **cluster(etcd01=room("10")))
    assert f"to at most {WANTED}, and compact: docs/runbooks/nospace.md" in text
    full = cluster(etcd01=room("10", WAS), etcd02=room("unknown", WAS), etcd03=room("", WAS))
    assert decided(settings(**RAISED), full, preview=True, memory=remembered())


@pytest.mark.parametrize("free", ["unknown", ""])
def test_room_that_is_not_known_is_not_enough(free: str) -> None:
    """Nor none."""
    seen = cluster(etcd02=room(free))
    text = faults(preview=True, changes=RAISED, memory=remembered(), **seen)
    assert "and how much room its disk has is not known" in text
    assert "or set the quota back" in text


def test_quota_of_a_stopped_member_is_what_it_was_told() -> None:
    """It starts with the new one."""
    seen = cluster(etcd02=room("10", "", etcd="stopped", healthy="no"))
    text = faults(preview=True, changes=RAISED, memory=told(WANTED), **seen)
    assert f"etcd02 (10.107.88.16): etcd.quotaBackendBytes would be raised from {WANTED}" in text
