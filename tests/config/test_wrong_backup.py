"""The section backup: one clear error for everything that is not taken, and no secret in it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.samples import PASSWORD, assert_one_fault, faults

from .test_backup import FOLDER, S3, STORE

# Changes of the section; the key that the error must name; what it must repeat; what it must offer.
WRONG: dict[str, tuple[Any, str, str, str]] = {
    "text": ("s3://bucket", "backup", "the given value (not shown)", "expected a map"),
    "a key that is none": (
        {**STORE, "encryptionPasword": PASSWORD},
        "backup.encryptionPasword",
        "unknown key",
        "did you mean encryptionPassword?",
    ),
    "no place": ({"remote": S3}, "backup.to", "required", "a path in `remote`"),
    "no remote": ({"to": "etcd-backups"}, "backup", "to is 'etcd-backups' without", "set remote"),
    "folder with a remote": (
        {"to": "/mnt/b", "remote": S3},
        "backup",
        "to is '/mnt/b' with remote",
        "e.g. etcd-backups/prod",
    ),
    "empty place": ({"to": "", "remote": S3}, "backup.to", "''", "e.g. etcd-backups/prod"),
    "root": ({"to": "/"}, "backup.to", "'/'", "e.g. /mnt/etcd-backups"),
    "way up": ({"to": "b/../c", "remote": S3}, "backup.to", "'b/../c'", "bucket/prefix"),
    "blank in the place": ({"to": "b/a c", "remote": S3}, "backup.to", "'b/a c'", "digits"),
    "URL as the place": ({"to": "s3://b", "remote": S3}, "backup.to", "'s3://b'", "bucket/prefix"),
    "inside etcd's own": (
        {"to": "/var/lib/etcd/backup"},
        "backup.to",
        "'/var/lib/etcd/backup'",
        "e.g. /var/backups/etcd",
    ),
    "inside this program's own": (
        {"to": "/var/lib/etcd-host/backup"},
        "backup.to",
        "'/var/lib/etcd-host/backup'",
        "e.g. /var/backups/etcd",
    ),
    "inside the snapshots": (
        {"to": "/var/lib/etcd-snapshots/.backup"},
        "backup.to",
        "'/var/lib/etcd-snapshots/.backup'",
        "expected a folder outside /var/lib/etcd-snapshots",
    ),
    "where the kubelet takes each file for a pod": (
        {"to": "/etc/kubernetes/manifests"},
        "backup.to",
        "'/etc/kubernetes/manifests'",
        "expected a folder outside /etc/kubernetes",
    ),
    "metrics inside etcd's data": (
        {**STORE, "metricsFolder": "/var/lib/etcd/member"},
        "backup.metricsFolder",
        "'/var/lib/etcd/member'",
        "e.g. /var/lib/prometheus/node-exporter",
    ),
    "metrics where the kubelet takes each file for a pod": (
        {**STORE, "metricsFolder": "/etc/kubernetes/manifests/"},
        "backup.metricsFolder",
        "'/etc/kubernetes/manifests'",
        "expected a folder outside /etc/kubernetes",
    ),
    "cron's schedule": (
        {**STORE, "schedule": "0 3 * * *", "maxAgeHours": 26},
        "backup.schedule",
        "'0 3 * * *'",
        "cron's form is not supported",
    ),
    "schedule misspelled": (
        {**STORE, "schedule": "dayly", "maxAgeHours": 26},
        "backup.schedule",
        "'dayly'",
        "e.g. hourly",
    ),
    "remote is text": ({**STORE, "remote": PASSWORD}, "backup.remote", "not shown", "type: s3"),
    "remote is a list": ({**STORE, "remote": [PASSWORD]}, "backup.remote", "not shown", "a map"),
    "remote without a type": (
        {**STORE, "remote": {"provider": "AWS"}},
        "backup.remote.type",
        "required",
        "e.g. s3",
    ),
    "remote is this host": (
        {**STORE, "remote": {"type": "local"}},
        "backup.remote.type",
        "'local'",
        "remove remote",
    ),
    "remote is a view": (
        {**STORE, "remote": {"type": "crypt", "remote": "b:"}},
        "backup.remote.type",
        "'crypt'",
        "set encryptionPassword",
    ),
    "type is a list": (
        {**STORE, "remote": {"type": ["s3"]}},
        "backup.remote.type",
        "shown",
        "e.g.",
    ),
    "option in camelCase": (
        {**STORE, "remote": {**S3, "regionName": "x"}},
        "backup.remote.regionName",
        "unknown key",
        "e.g. access_key_id",
    ),
    "option is a map": (
        {**STORE, "remote": {**S3, "secret_access_key": {"a": PASSWORD}}},
        "backup.remote.secret_access_key",
        "not shown",
        "expected a string",
    ),
    "option is a fraction": (
        {**STORE, "remote": {**S3, "secret_access_key": 1.5}},
        "backup.remote.secret_access_key",
        "not shown",
        "expected a string",
    ),
    "option is empty": (
        {**STORE, "remote": {**S3, "region": ""}},
        "backup.remote.region",
        "''",
        "remove the key",
    ),
    "option of two lines": (
        {**STORE, "remote": {**S3, "secret_access_key": f"{PASSWORD}\ntype = local"}},
        "backup.remote.secret_access_key",
        "not shown",
        "one printable line",
    ),
    "option that rclone would read otherwise": (
        {**STORE, "remote": {**S3, "secret_access_key": f"`{PASSWORD}"}},
        "backup.remote.secret_access_key",
        "not shown",
        "no leading `",
    ),
    "proxy without a remote": ({**FOLDER, "proxy": "http://p:1"}, "backup", "proxy", "remove it"),
    "CA without a remote": ({**FOLDER, "caFile": "ca.pem"}, "backup", "caFile", "remove it"),
    "proxy with a password": (
        {**STORE, "proxy": f"http://u:{PASSWORD}@p:3128"},
        "backup.proxy",
        "not shown",
        "an http(s) URL without user",
    ),
    "schedule with a quote": (
        {**STORE, "schedule": "daily; rm", "maxAgeHours": 26},
        "backup.schedule",
        "'daily; rm'",
        "e.g. hourly",
    ),
    "another schedule without an age": (
        {**STORE, "schedule": "daily"},
        "backup.maxAgeHours",
        "'daily'",
        "e.g. 26",
    ),
    "no age": ({**STORE, "maxAgeHours": 0}, "backup.maxAgeHours", "0", "from 1 to 10000"),
    "age in words": ({**STORE, "maxAgeHours": "3h"}, "backup.maxAgeHours", "'3h'", "an integer"),
    "keep is nothing": ({**STORE, "keep": None}, "backup.keep", "null", "the word bucket"),
    "keep is another word": ({**STORE, "keep": "all"}, "backup.keep", "'all'", "the word bucket"),
    "keep nothing": (
        {**STORE, "keep": {"hourly": 0, "daily": 0, "weekly": 0, "monthly": 0}},
        "backup.keep",
        "all 0",
        "e.g. {hourly: 24",
    ),
    "keep too many": (
        {**STORE, "keep": {"hourly": 1001}},
        "backup.keep.hourly",
        "1001",
        "from 0 to 1000",
    ),
    "keep by the year": (
        {**STORE, "keep": {"yearly": 1}},
        "backup.keep.yearly",
        "unknown",
        "daily",
    ),
    "a folder has no rules": ({**FOLDER, "keep": "bucket"}, "backup.keep", "'bucket'", "numbers"),
    "empty password": (
        {**STORE, "encryptionPassword": ""},
        "backup.encryptionPassword",
        "''",
        "remove the key",
    ),
    "password of two lines": (
        {**STORE, "encryptionPassword": f"{PASSWORD}\n"},
        "backup.encryptionPassword",
        "not shown",
        "openssl rand",
    ),
    "relative folder of metrics": (
        {**STORE, "metricsFolder": "node-exporter"},
        "backup.metricsFolder",
        "'node-exporter'",
        "an absolute folder",
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_fault_names_key_value_and_way_out(wrong: tuple[Any, str, str, str]) -> None:
    """And no secret."""
    given, key, repeated, offered = wrong
    assert_one_fault({"backup": given}, key, repeated, offered)
    assert PASSWORD not in "\n".join(faults(backup=given))


def test_every_fault_of_a_remote_is_told_at_once() -> None:
    """Not one in each run."""
    given = {"provider": "", "Region": "x", "secret_access_key": " "}
    found = faults(backup={"to": "/b/", "remote": given})
    assert [each.partition(":")[0] for each in found] == [
        "backup.remote.provider",
        "backup.remote.Region",
        "backup.remote.secret_access_key",
        "backup.remote.type",
    ]
