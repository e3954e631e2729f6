"""What clients of a cluster have seen: its restore begins above it, whoever still knows it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.memory import CLUSTER_TYPE, parse

from .decided import NOBODY, SILENT, remembered
from .test_memory import STACK, whole
from .test_restore import OLD, SNAPSHOT, Seen, done, plan

BILLION = 10**9
STOPPED = {**OLD, "etcd": "stopped", "healthy": "no"}


@pytest.mark.parametrize(
    ("seen", "remembered_revision", "expected"),
    [
        ({}, 0, 0),
        ({"revision": "14711"}, 0, 0),
        ({"revision": "1000014711"}, 0, BILLION),
        ({"revision": "1999999999"}, 0, BILLION),
        ({"revision": "14711", "known-revision": "1000004711"}, 0, BILLION),
        ({"known-revision": "3000000001"}, BILLION, 3 * BILLION),
        ({"known-revision": "0"}, BILLION, BILLION),
        ({"revision": "", "known-revision": "nonsense"}, 2 * BILLION, 2 * BILLION),
    ],
)
def test_restore_begins_above_what_anybody_knows(
    seen: Seen, remembered_revision: int, expected: int
) -> None:
    """The etcds that run, hosts whose etcd does not, and the state, where all hosts are new."""
    memory = replace(remembered(), revision=remembered_revision)
    one = {"etcd02": {**STOPPED, **seen}}  # the highest counts
    found = plan(SNAPSHOT, STOPPED, memory, **one)
    assert found.restoring
    assert found.restoring.seen == expected
    assert found.restoring.told().get("restore-seen", "0") == str(expected)
    assert found.revision == (expected + 2 * BILLION if expected else BILLION)


def test_hosts_make_other_data_for_another_begin() -> None:
    """All of them the same, and the same again in the run after one that was cut off."""
    first = plan(SNAPSHOT, {**OLD, "revision": "1000014711"}).restoring
    again = plan(SNAPSHOT, {**STOPPED, "known-revision": "1000000000"}).restoring
    low = plan(SNAPSHOT, {**OLD, "revision": "14711"}).restoring
    assert first
    assert again
    assert low
    assert first.id == again.id
    assert first.id != low.id


def test_state_keeps_what_a_cluster_has_passed() -> None:
    """For the day on which all its hosts are lost."""
    told: dict[str, Any] = whole() | {
        f"urn:pulumi:test::etcd-cluster::{CLUSTER_TYPE}::etcd": {
            "type": CLUSTER_TYPE,
            "outputs": {"revision": 3e9},
        },
        f"urn:pulumi:test::etcd-cluster::{CLUSTER_TYPE}::etcd-blue": {
            "type": CLUSTER_TYPE,
            "outputs": {"revision": 9e9},
        },
    }
    assert parse(STACK, told, "etcd").revision == 3 * BILLION
    assert parse(STACK, whole(), "etcd").revision == 0
    told[f"urn:pulumi:test::etcd-cluster::{CLUSTER_TYPE}::etcd"]["outputs"]["revision"] = "many"
    with pytest.raises(ValueError, match="revision is not a number"):
        parse(STACK, told, "etcd")


def test_plan_keeps_it_also_where_a_host_is_silent() -> None:
    """And none is kept of a cluster that has not come so far."""
    memory = replace(remembered(), revision=BILLION)
    assert plan(None, done(), memory, etcd02=SILENT).revision == BILLION
    assert plan(None, done()).revision == 0
    new = plan({"snapshot": SNAPSHOT["snapshot"]}, {"snapshot": OLD["snapshot"]}, NOBODY)
    assert new.restoring
    assert new.restoring.seen == 0
