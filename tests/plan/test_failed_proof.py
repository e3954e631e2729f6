"""A backup that could not be fetched and restored: a newer one does not answer that."""

from __future__ import annotations

import pytest

from etcd_cluster import hostprogram
from etcd_cluster.plan.backup import PROOF_FAILED

from .test_backup import host, plan

REFUSED = "etcd/x could not be fetched: 403 Forbidden"


@pytest.mark.parametrize(
    ("time", "reason", "told"),
    [
        ("2026-11-28T21:59:40Z", f"backup prove: {REFUSED}", True),
        ("2026-11-28T22:01:00Z", f"backup prove: {REFUSED}", True),
        ("2026-11-28T21:59:40Z", "the store could not be read: 403 Forbidden", False),
    ],
)
def test_a_failed_proof_is_told_until_the_host_forgets_it(
    time: str, reason: str, told: bool
) -> None:
    """Of a failed backup, a newer one says enough."""
    decided = plan({"etcd01": host(backup_fault=f"{time} {reason}")})
    assert (
        any(f"failed on etcd01 (10.107.88.15) at {time}" in each for each in decided.warnings)
        == told
    )
    assert bool(decided.information) != told


def test_hosts_begin_it_with_the_same_words() -> None:
    """By these the preview knows it."""
    assert f"readonly PROOF_FAILED='{PROOF_FAILED}'" in hostprogram.text()
