"""The database is full: the preview says so, and `up` is the way out."""

from __future__ import annotations

import json
import re

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.full import SMALL, fill
from tests.support.hosts import NAMES, etcd_flags


@pytest.fixture(scope="module")
def formed(stack: Stack) -> Stack:
    """A cluster with the least quota there is."""
    stack.config["etcd"] = {"quotaBackendBytes": SMALL}
    stack.up()
    return stack


def forget_history(client: Client) -> None:
    """What the cluster's user does: delete, then compact."""
    client.run("del", "/big/", "--prefix")
    told = json.loads(client.run("endpoint", "status", "-w", "json").stdout)
    revision = told[0]["Status"]["header"]["revision"]
    client.run("compact", str(revision), timeout=30)


def test_a_full_cluster_is_named_in_the_preview_and_relieved_by_up(
    formed: Stack, client: Client
) -> None:
    """Each member says so; `up` defragments one after the other and clears the alarm at the end."""
    fill(client)
    forget_history(client)
    text = formed.preview()
    for name in NAMES:
        assert re.search(rf"{name} \(\S+\): out of space \(alarm NOSPACE\)", text), text
    text = formed.up()
    assert "alarm NOSPACE cleared" in text
    assert client.alarms() == ""
    client.run("put", "/after", "room")
    formed.preview("--expect-no-changes")


@pytest.mark.matrix
def test_raising_the_quota_of_a_full_cluster_works(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """A member that is out of space still votes, so the others can spare one for its restart."""
    fill(client)
    formed.config["etcd"] = {"quotaBackendBytes": 2 * 1024**3}
    formed.up()
    for name in NAMES:
        assert f"--quota-backend-bytes={2 * 1024**3}" in etcd_flags(hosts, name)
    assert client.alarms() == ""
    assert client.healthy() == len(NAMES)
    client.run("put", "/raised", "room")
    formed.preview("--expect-no-changes")
