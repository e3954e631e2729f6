"""Three hosts with backups in a store."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

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


def _rests(lab: Lab, name: str) -> bool:
    line = "systemctl is-active etcd-host-backup.service || true"
    return lab.ssh(name, line).stdout.strip() in ("inactive", "failed")


@pytest.fixture
def quiet(hosts: Lab, formed: Stack) -> Iterator[Stack]:
    """No timer runs while a test lasts, so that what it does is all that happens."""
    for name in NAMES:
        hosts.ssh(name, "systemctl stop etcd-host-backup.timer")
    for name in NAMES:
        backups.until(partial(_rests, hosts, name))
    yield formed
    for name in NAMES:
        hosts.ssh(name, "systemctl start etcd-host-backup.timer")
