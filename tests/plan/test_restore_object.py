"""A restore from the store of backups: what the plan knows of it, and what hosts find out."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.plan.memory import StackMemory
from tests.support.samples import hosts, members, ready

from .decided import CLUSTER, NOBODY, SILENT
from .test_backup import OBJECT, STORE
from .test_restore import NEW, OLD, OTHER, done, plan, refused

SECTION = {"snapshot": OBJECT, "replaces": CLUSTER}
BACKUP = {"backup": STORE}
RCLONE = {**OLD, "snapshot": "", "rclone": "present"}


def test_object_is_restored_without_a_file_on_the_hosts() -> None:
    """Hosts that were reinstalled know no store, so they check it in their first step."""
    found = plan(SECTION, RCLONE, changes=BACKUP)
    assert found.restoring
    told = found.restoring.told()
    assert told["restore-object"] == OBJECT
    assert "restore-snapshot" not in told
    assert "restore-mark" not in told
    assert f"cluster {CLUSTER} ends, the backup {OBJECT}" in found.why("etcd01", "member")
    (warning,) = [each for each in found.warnings if each.startswith("restore: ")]
    assert (
        f"begins with the backup {OBJECT}. What was written after the snapshot is lost" in warning
    )


def test_object_is_restored_onto_hosts_of_no_cluster() -> None:
    """After all was lost but the store."""
    found = plan({"snapshot": OBJECT}, {"rclone": "present"}, NOBODY, changes=BACKUP)
    assert found.restoring
    assert found.formed


@pytest.mark.parametrize(
    "changes",
    [
        {"restore": {**SECTION, "snapshot": OBJECT.replace("r4711", "r4710")}},
        {"restore": {**SECTION, "replaces": OTHER}},
        {"members": members(5)},
    ],
    ids=["another object", "another cluster ends", "other members"],
)
def test_restore_is_another_one_when(changes: dict[str, Any]) -> None:
    """A host that staged the one does not take it for the other."""
    first = plan(SECTION, RCLONE, changes=BACKUP).restoring
    wanted = changes.pop("restore", SECTION)
    seen = {**RCLONE, "formed": wanted["replaces"]}
    named = {f"etcd0{n}": ready(rclone="present") for n in (4, 5)}
    memory = StackMemory(cluster_id=wanted["replaces"])
    second = plan(
        wanted, seen, memory, changes={**BACKUP, **changes}, **(named if changes else {})
    ).restoring
    assert first
    assert second
    assert first.id != second.id


@pytest.mark.parametrize(
    ("section", "named", "reason"),
    [
        (SECTION, {"etcd02": SILENT}, "A restore needs every host"),
        ({**SECTION, "replaces": OTHER}, {}, f"Set restore.replaces: '{CLUSTER}'"),
        (SECTION, {"etcd02": {**RCLONE, "foreign": "somebody else's"}}, "somebody else's"),
        (SECTION, {"etcd02": {**RCLONE, "rclone": "absent"}}, "rclone is not installed"),
        (SECTION, {"etcd02": {**OLD}}, "did not report whether rclone"),
    ],
)
def test_what_the_plan_can_know_it_refuses(
    section: dict[str, Any], named: dict[str, Any], reason: str
) -> None:
    """As for a file, with nothing touched."""
    assert reason in refused(section, RCLONE, changes=BACKUP, **named)


def test_it_is_done_when_the_hosts_have_the_new_id() -> None:
    """The same lines do nothing more."""
    seen = {**done(), "rclone": "present"}
    found = plan(SECTION, seen, changes=BACKUP)
    assert found.restoring is None
    assert found.memory.cluster_id == NEW
    assert set(found.chain.order) == set(hosts())
