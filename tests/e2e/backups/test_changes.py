"""A backup comes before a change, and a backup in the store becomes a new cluster."""

from __future__ import annotations

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.store import Store
from tests.support import snapshots
from tests.support import store as backups
from tests.support.etcd import Client
from tests.support.hosts import NAMES

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(600)]
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def stack(hosts: Lab, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack with encrypted backups, none of which is deleted."""
    made = Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES)
    made.config["backup"] = backups.section(store, keep="bucket", encryptionPassword=PASSWORD)
    # The timers stay out of the way.
    made.config["backup"] |= {"schedule": "hourly", "maxAgeHours": 3}
    return made


def trusted(hosts: Lab) -> set[str]:
    """What files of CAs the hosts have."""
    line = "ls /etc/kubernetes/pki/etcd | grep trusted || true"
    return {hosts.ssh(name, line).stdout.strip() for name in NAMES}


def test_nothing_changes_before_a_backup_is_made(hosts: Lab, formed: Stack, store: Store) -> None:
    """With the store gone nothing is touched; with it back the same lines go on."""
    formed.config["certificates"] = {"authorities": [1, 2]}
    reason = "backup-before # before certificates.authorities [1] becomes [1, 2]"
    store.stop()
    assert reason in formed.preview()
    failed = formed.pulumi("up", "--yes", "--skip-preview", check=False)
    store.start()
    assert failed.status != 0
    assert "could not be read" in failed.text
    assert trusted(hosts) == {""}
    text = formed.up()
    assert "etcd-backup-before created" in text
    assert trusted(hosts) == {"trusted-1-2.crt"}
    (made,) = [
        each["outputs"]["stdout"]
        for each in formed.resources()
        if each["urn"].endswith("::etcd-backup-before")
    ]
    assert (store.folder / backups.BUCKET / backups.PREFIX / f"{made.split()[1]}.bin").exists()
    assert "backup-before" not in formed.preview()


def test_backup_in_the_store_is_restored(hosts: Lab, formed: Stack, client: Client) -> None:
    """Encrypted, fetched and checked by each host, while the old cluster serves."""
    former = formed.outputs()["clusterId"]
    client.run("put", "/registry/deployments/kept", "from the backup")
    made = hosts.ssh("etcd02", "etcd-host backup").stdout.split()[1]
    client.run("del", "/registry/deployments/kept")
    formed.config["restore"] = {"snapshot": made, "replaces": former}
    assert f"a new one begins with the backup {made}" in formed.preview()
    text = formed.up()
    assert PASSWORD not in text
    assert client.all_healthy(30)
    assert snapshots.values(client) == {"/registry/deployments/kept": "from the backup"}
    snapshots.one_cluster(formed, client, former)
    assert "backup-before" not in formed.preview()
