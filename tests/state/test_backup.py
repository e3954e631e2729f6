"""What a host is told of backups."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from etcd_cluster.config.settings import Settings
from etcd_cluster.config.trust import Sources
from etcd_cluster.state import backup, host
from etcd_cluster.state.text import flat_yaml
from tests.support.samples import PASSWORD, settings

S3 = {"provider": "AWS", "type": "s3", "secret_access_key": f"{PASSWORD}=é"}
STORE = {"to": "b/prod", "remote": S3}
FOLDER = {"to": "/mnt/b"}


def state(wanted: Settings, sources: Sources | None = None) -> dict[str, str]:
    """What the first member's host is told."""
    return backup.backup_state(wanted, sources or Sources(), wanted.living[0], "0123456789abcdef")


def decoded(text: str) -> str:
    """What stands behind base64."""
    return base64.b64decode(text).decode()


def test_folder_is_told_plainly() -> None:
    """All that is needed, and in what order it stands."""
    assert state(settings(backup=FOLDER)) == {
        "cluster": "etcd",
        "token": "0123456789abcdef",
        "member": "etcd01",
        "backup-to": "/mnt/b",
        "backup-schedule": "hourly",
        "backup-keep": "24 7 4 6",
    }


def test_remote_is_a_section_of_rclones_configuration() -> None:
    """The type first, the rest in an order that the configuration's does not change."""
    found = state(settings(backup=STORE))
    wanted = f"type = s3\nprovider = AWS\nsecret_access_key = {PASSWORD}=é\n"
    assert decoded(found["backup-remote"]) == wanted
    other = {"to": "b/prod", "remote": dict(reversed(S3.items()))}
    assert state(settings(backup=other)) == found


def test_all_the_rest_is_told_where_it_is_set() -> None:
    """Texts of several lines, and secrets, in base64."""
    given = {
        **STORE,
        "proxy": "http://proxy.example.com:3128",
        "keep": "bucket",
        "encryptionPassword": PASSWORD,
        "metricsFolder": "/var/lib/metrics",
        "schedule": "*-*-* 00/6:00:00",
        "maxAgeHours": 7,
    }
    found = state(settings(backup=given), Sources(backup_ca="PEM\n"))
    assert decoded(found["backup-ca"]) == "PEM\n"
    assert decoded(found["backup-password"]) == PASSWORD
    assert found["backup-proxy"] == "http://proxy.example.com:3128"
    assert found["backup-keep"] == "bucket"
    assert found["backup-metrics"] == "/var/lib/metrics"
    assert found["backup-schedule"] == "*-*-* 00/6:00:00"
    assert "max" not in " ".join(found)
    assert PASSWORD not in flat_yaml(found)


def test_without_the_section_a_backup_stays_on_the_host() -> None:
    """It names the member, and no store."""
    found = state(settings())
    assert not [key for key in found if key.startswith("backup")]
    assert found["member"] == "etcd01"


@pytest.mark.parametrize(
    ("given", "secret"),
    [
        (FOLDER, False),
        ({**FOLDER, "encryptionPassword": PASSWORD}, True),
        (STORE, True),
        (None, False),
    ],
)
def test_it_is_a_secret_with_credentials_alone(given: Any, secret: bool) -> None:
    """A preview is there to show what changes."""
    wanted = settings(**({"backup": given} if given else {}))
    assert backup.is_secret(wanted) is secret
    told = host.packages_state(wanted, Sources())
    assert told.get("backup-tool", "") == ("rclone" if secret else "")
