"""Three hosts with backups in a store."""

from __future__ import annotations

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
def stack(
    hosts: Lab,
    store: Store,
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
) -> Stack:
    """A stack with backups; on a schedule that a module says, or once a year."""
    made = Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES)
    schedule = getattr(request.module, "SCHEDULE", "yearly")
    made.config["backup"] = backups.section(store, schedule=schedule)
    if schedule != "yearly":  # what a test looks at is not deleted meanwhile
        made.config["backup"]["keep"] = "bucket"
    return made


def _rests(lab: Lab, name: str) -> bool:
    line = "systemctl is-active etcd-host-backup.service || true"
    return lab.ssh(name, line).stdout.strip() in ("inactive", "failed")


@pytest.fixture
def quiet(hosts: Lab, formed: Stack) -> Stack:
    """The first backup has been made, so what a test does is all that happens."""
    backups.until(lambda: all(_rests(hosts, name) for name in NAMES))
    return formed
