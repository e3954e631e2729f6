"""The section backup: where backups go, and what a restore takes from there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etcd_cluster.config import trust
from etcd_cluster.config.backup import Backup, Keep
from tests.support.samples import PASSWORD, faults, settings

S3 = {"type": "s3", "provider": "AWS", "access_key_id": "AKIA", "secret_access_key": PASSWORD}
STORE = {"to": "etcd-backups/prod", "remote": S3}
FOLDER = {"to": "/mnt/etcd-backups"}
OBJECT = "etcd/cdf818194e3a8c32/2026-11-28T22-00-00Z_r4711_etcd01.db.gz"


def section(**given: Any) -> Backup:
    """The section, as it is read."""
    found = settings(backup=given).backup
    assert found is not None
    return found


def options(found: Backup) -> dict[str, str]:
    """The remote's options as rclone gets them."""
    return {name: value.get_secret_value() for name, value in (found.remote or {}).items()}


def test_there_is_none_without_the_section() -> None:
    """Nobody is made to have a store."""
    assert settings().backup is None


def test_a_store_needs_two_keys() -> None:
    """All else has a default."""
    found = section(**STORE)
    assert (found.to, options(found)) == ("etcd-backups/prod", S3)
    assert (found.schedule, found.max_age_hours) == ("hourly", 3)
    assert found.keep == Keep(hourly=24, daily=7, weekly=4, monthly=6)
    assert found.needs_rclone


def test_a_folder_needs_one() -> None:
    """And no rclone, unless it is encrypted."""
    assert not section(**FOLDER).needs_rclone
    assert section(**FOLDER, encryptionPassword=PASSWORD).needs_rclone


def test_what_pulumi_made_a_number_or_a_boolean_is_text_again() -> None:
    """`pulumi config set --path` does so with whatever looks like one."""
    given = {**S3, "force_path_style": True, "chunk_size": 16, "access_key_id": 20261128}
    found = options(section(to="b/p", remote=given))
    assert found["force_path_style"] == "true"
    assert (found["chunk_size"], found["access_key_id"]) == ("16", "20261128")


def test_no_value_of_the_remote_is_shown() -> None:
    """Not by a print in a program of one's own either."""
    assert PASSWORD not in repr(section(**STORE, encryptionPassword=PASSWORD))


@pytest.mark.parametrize(
    ("given", "kept"), [("b/p/", "b/p"), ("b", "b"), ("b/a=1/c@d", "b/a=1/c@d")]
)
def test_path_in_the_store_is_taken(given: str, kept: str) -> None:
    """A slash at its end means nothing."""
    assert section(to=given, remote=S3).to == kept


def test_keep_may_be_the_stores_own_business() -> None:
    """With credentials that cannot delete."""
    assert section(**STORE, keep="bucket").keep is None


def test_one_number_of_keep_leaves_the_others() -> None:
    """As they are without the section."""
    assert section(**STORE, keep={"hourly": 48}).keep == Keep(hourly=48)


@pytest.mark.parametrize(
    "schedule",
    [
        "daily",
        "*-*-* 00/6:00:00",
        "Mon..Fri 02:30",
        "*:0/15",
        "*-*~1 03:00",
        "daily America/New_York",
    ],
)
def test_schedule_is_systemds_when_its_age_is_given(schedule: str) -> None:
    """The host itself asks systemd whether it is one."""
    assert section(**STORE, schedule=schedule, maxAgeHours=26).schedule == schedule


def test_restore_takes_an_object_of_the_store() -> None:
    """The section backup says where that is."""
    found = settings(backup=STORE, restore={"snapshot": OBJECT}).restore
    assert found is not None
    assert found.is_object
    assert not settings(restore={"snapshot": "/root/s.db"}).restore.is_object  # type: ignore[union-attr]


def test_restore_takes_the_name_by_which_an_encrypted_backup_is_listed() -> None:
    """It is the same restore by either name."""
    store = {**STORE, "encryptionPassword": "correct horse"}
    found = settings(backup=store, restore={"snapshot": f"{OBJECT}.bin"}).restore
    assert found == settings(backup=store, restore={"snapshot": OBJECT}).restore
    assert found is not None
    assert found.snapshot == OBJECT
    assert settings(restore={"snapshot": "/root/s.bin"}).restore.snapshot == "/root/s.bin"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("snapshot", "backup", "said"),
    [
        (OBJECT, None, "no section backup"),
        (OBJECT.removesuffix(".gz"), STORE, "CLUSTER/CLUSTERID/NAME.db.gz"),
        (f"prod/{OBJECT}", STORE, "CLUSTER/CLUSTERID/NAME.db.gz"),
        (OBJECT.replace("etcd/", "../"), STORE, "CLUSTER/CLUSTERID/NAME.db.gz"),
        ("snapshot.db", STORE, "the absolute path"),
        (f"{OBJECT}.bin", STORE, "backup.encryptionPassword is not set"),
    ],
)
def test_restore_takes_no_other_name(snapshot: str, backup: Any, said: str) -> None:
    """And none without a store."""
    changes = {"restore": {"snapshot": snapshot}} | ({"backup": backup} if backup else {})
    (found,) = faults(**changes)
    assert found.startswith("restore.snapshot: ")
    assert repr(snapshot) in found or "not shown" in found
    assert said in found


def test_ca_is_read_from_its_file(tmp_path: Path) -> None:
    """And nothing else that is in it."""
    block = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    (tmp_path / "ca.pem").write_text(f"the store's\n{block}")
    wanted = settings(backup={**STORE, "caFile": "ca.pem"})
    found: list[str] = []
    read = trust.read(wanted.repositories, wanted.registry, tmp_path, found, wanted.backup)
    assert (read.backup_ca, read.registry_ca, found) == (block, "", [])


def test_ca_that_cannot_be_read_is_a_fault(tmp_path: Path) -> None:
    """With its key."""
    wanted = settings(backup={**STORE, "caFile": "ca.pem"})
    found: list[str] = []
    trust.read(wanted.repositories, wanted.registry, tmp_path, found, wanted.backup)
    assert found == [
        "backup.caFile: 'ca.pem' cannot be read (No such file or directory): expected a CA "
        "certificate in PEM form"
    ]
