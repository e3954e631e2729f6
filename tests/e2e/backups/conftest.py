"""Three hosts with backups in a store."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.store import Store
from tests.support import store as backups
from tests.support.hosts import NAMES


@pytest.fixture(scope="module")
def store(hosts: Lab) -> Store:
    """The lab's store, with a bucket."""
    made = hosts.store()
    made.bucket(backups.BUCKET)
    return made


@pytest.fixture(scope="module")
def stack(hosts: Lab, store: Store, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A stack with backups every twenty seconds."""
    made = Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES)
    made.config["backup"] = backups.section(store)
    return made


@pytest.fixture
def quiet(hosts: Lab, formed: Stack) -> Iterator[Stack]:
    """No timer runs while a test lasts, so that what it does is all that happens."""
    for name in NAMES:
        hosts.ssh(name, "systemctl stop etcd-host-backup.timer")
    for name in NAMES:
        line = "systemctl show -p ActiveState --value etcd-host-backup.service"
        backups.until(lambda name=name: "inactive" in hosts.ssh(name, line).stdout or "failed")
    yield formed
    for name in NAMES:
        hosts.ssh(name, "systemctl start etcd-host-backup.timer")
