"""A backup in the store becomes the cluster: on the hosts that there are, and on new ones."""

from __future__ import annotations

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.store import Store
from tests.support import secrets, snapshots, unharmed
from tests.support import store as backups
from tests.support.etcd import Client
from tests.support.hosts import NAMES

pytestmark = [pytest.mark.matrix, pytest.mark.long, pytest.mark.timeout(600)]


@pytest.mark.parametrize("hosts_are", ["there", "reinstalled"])
def test_backup_is_restored(
    hosts: Lab, quiet: Stack, client: Client, store: Store, hosts_are: str
) -> None:
    """One `up`; backups of the new cluster lie beside those of the old one."""
    former = quiet.outputs()["clusterId"]
    client.run("put", "/kept", hosts_are)
    hosts.ssh(unharmed.leader(client), "etcd-host backup")
    newest = backups.objects(store, former)[-1]
    client.run("put", "/kept", "written later")
    if hosts_are == "reinstalled":
        hosts.fresh(NAMES)
        snapshots.give_etcdutl(hosts, NAMES)
    quiet.config["restore"] = {"snapshot": backups.path(newest), "replaces": former}
    assert backups.path(newest) in quiet.preview()
    quiet.up()
    assert client.all_healthy(30)
    assert snapshots.values(client)["/kept"] == hosts_are
    now = snapshots.one_cluster(quiet, client, former)
    hosts.ssh(unharmed.leader(client), "etcd-host backup")
    assert backups.objects(store, now)
    assert newest.exists()
    quiet.up()
    assert quiet.outputs()["backup"]["object"].startswith(f"etcd/{now}/")
    quiet.pulumi("preview", "--expect-no-changes")
    # The step that fetched it stays in the state as it is.
    for each in secrets.in_base64(store.secret_key.encode()):
        assert each not in quiet.state_file.read_bytes()
