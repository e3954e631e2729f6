"""A cluster in use that must come through: what was acknowledged is there, and it is the same."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.terminal import is_foreseen
from tests.support.writer import Writer

UP = ("up", "--yes", "--skip-preview")


def cluster_ids(client: Client) -> set[str]:
    """What each member says the cluster's id is, in hex."""
    told = json.loads(client.run("endpoint", "status", "-w", "json").stdout)
    return {f"{status['Status']['header']['cluster_id']:x}" for status in told}


@contextmanager
def unharmed(client: Client) -> Iterator[Writer]:
    """A client writes all the time. At the end all members answer, for the same cluster as before,
    and hold every write that was acknowledged.
    """
    (before,) = cluster_ids(client)
    with Writer(client, f"/{uuid.uuid4().hex[:8]}/") as writer:
        yield writer
    assert len(writer.acknowledged) > 20
    assert client.all_healthy(60)
    assert cluster_ids(client) == {before}
    assert not writer.lost()


def refused_up(stack: Stack) -> str:
    """All that an `up` says which fails with reasons of ours."""
    result = stack.pulumi(*UP, check=False)
    assert result.status != 0, result.text
    assert is_foreseen(result), result.text
    return result.text


def leader(client: Client) -> str:
    """The name of the member that leads."""
    told = json.loads(client.run("endpoint", "status", "-w", "json").stdout)
    (led,) = {each["Status"]["leader"] for each in told}
    (name,) = (name for name, row in client.members().items() if int(row[0], 16) == led)
    return name
