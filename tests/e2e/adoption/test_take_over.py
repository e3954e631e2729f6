"""A cluster of services, as kubespray makes it, is taken over by replacing its members."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.authorities import step
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured, powered_off, start_times
from tests.support.service import Services
from tests.support.terminal import faults, one_error
from tests.support.unharmed import UP, cluster_ids, refused_up, unharmed
from tests.support.untouched import untouched

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(900)]
THEIRS = ("etcd04", "etcd05", "etcd06")


@pytest.fixture(scope="module")
def hosts(lab: Lab) -> Iterator[Lab]:
    """Three for the declared members, and three with a cluster of somebody else's."""
    lab.fresh((*NAMES, *THEIRS))
    yield lab
    lab.down()


@pytest.fixture(scope="module")
def services(hosts: Lab, tmp_path_factory: pytest.TempPathFactory) -> Services:
    """That cluster, with something in it."""
    found = Services(hosts, THEIRS, tmp_path_factory.mktemp("services"))
    found.client.run("put", "/theirs", "kept")
    return found


@pytest.fixture(scope="module")
def cluster_id(services: Services) -> str:
    """Its id, in hex."""
    (found,) = cluster_ids(services.client)
    return found


def test_what_is_not_that_cluster_is_not_joined(
    stack: Stack, services: Services, cluster_id: str, tmp_path: Path
) -> None:
    """Another id, another minor of etcd, a host that is off: and nothing has changed there."""
    before = services.client.members()
    services.declare(stack, tmp_path, "abc123")
    said = f"answer for cluster {cluster_id}, and takeOver.cluster is abc123"
    assert said in refused_up(stack)
    services.declare(stack, tmp_path, cluster_id)
    with configured(stack, etcd={"imageTag": "3.5.33-0"}):
        assert "run 3.6.6; not known to run the same minor" in refused_up(stack)
    with powered_off(stack.lab, "etcd02"), untouched(stack.lab, "etcd01", "etcd03"):
        (line,) = [
            each
            for each in faults(one_error(stack.pulumi(*UP, check=False)))
            if "take-over" in each
        ]
        assert line.startswith("etcd02")
    assert services.client.members() == before


def test_the_declared_members_join_and_then_the_others_leave(
    stack: Stack, services: Services, cluster_id: str, tmp_path: Path
) -> None:
    """Two edits. It is the same cluster with all that is in it, writable all the time."""
    services.declare(stack, tmp_path, cluster_id)
    assert "the former members of cluster" in stack.preview()
    with unharmed(services.client) as writer:
        stack.up()
    print(
        f"joined: {len(writer.acknowledged)} writes, failed {writer.failed}, longest gap "
        f"{writer.longest_gap:.2f} s"
    )
    assert writer.failed == []
    outputs = stack.outputs()
    assert outputs["clusterId"] == cluster_id
    client = Client(tmp_path / "client", outputs)
    assert len(client.members()) == len(NAMES) + len(THEIRS)
    assert client.run("get", "/theirs", "--print-value-only").stdout.strip() == "kept"
    # (The hosts' own etcd says so, before the configuration of the clients is another one.)
    services.client.endpoints = client.endpoints
    stack.pulumi("preview", "--expect-no-changes")

    before = start_times(stack.lab, "etcd")
    services.declare(stack, tmp_path, cluster_id, "leave")
    assert "the members that are not declared leave" in stack.preview()
    with unharmed(services.client) as writer:
        stack.up()
    print(
        f"left: {len(writer.acknowledged)} writes, failed {writer.failed}, longest gap "
        f"{writer.longest_gap:.2f} s"
    )
    assert len(writer.failed) <= 1
    assert sorted(client.members()) == sorted(NAMES)
    assert start_times(stack.lab, "etcd") == before
    stack.pulumi("preview", "--expect-no-changes")


@pytest.mark.long
def test_it_is_a_cluster_like_any_other_then(
    stack: Stack, services: Services, tmp_path: Path
) -> None:
    """Without the section nothing restarts; and a CA of the stack's own takes over."""
    before = start_times(stack.lab, "etcd")
    del stack.config["takeOver"]
    stack.up()
    assert start_times(stack.lab, "etcd") == before
    assert "etcd04" not in str(services.client.members())
    for wanted in ([0, 1], [1, 0], [1]):
        step(stack, Client(tmp_path / f"client{wanted[0]}{len(wanted)}", stack.outputs()), wanted)
    stack.pulumi("preview", "--expect-no-changes")
    final = Client(tmp_path / "final", stack.outputs())
    assert final.run("get", "/theirs", "--print-value-only").stdout.strip() == "kept"
