"""Members that got another host, as a graph: who clears the one before, and who remembers it."""

from __future__ import annotations

from typing import Any

from etcd_cluster.plan.memory import HOST_TYPE, KnownHost
from tests.support.mocks import COMMAND, Graph

from .declared import NAMES, declare

OLD = KnownHost(host="10.9.9.9", port=2222, user="ops", host_key="ssh-ed25519 old")
OLDER = KnownHost(host="10.8.8.8", user="root", host_key="ssh-ed25519 older")


def outputs(graph: Graph, name: str) -> Any:
    """What the state will know of a host, from the beginning of the run on."""
    return graph.registered_outputs[graph.get(HOST_TYPE, f"etcd-{name}-host").urn]


def test_former_hosts_are_cleared_once_the_new_one_is_healthy() -> None:
    """Each where it was dialed, by whom it was."""
    graph = declare(formed=True, former_hosts={"etcd02": (OLD, OLDER)})
    for name, known in (("former-host", OLD), ("former-host-2", OLDER)):
        command = graph.command(f"etcd-etcd02-{name}")
        assert graph.command("etcd-etcd02-healthy").urn in command.dependencies
        assert " retire etcd etcd02 " in command.text("create")
        assert command.text("create").startswith("sudo ") == (known.user != "root")
        assert command.text("connection", "host") == known.host
        assert command.text("connection", "user") == known.user
        assert command.text("connection", "hostKey") == known.host_key


def test_former_hosts_are_remembered_until_then() -> None:
    """A run that is killed in between would forget them, with data and private keys."""
    graph = declare(formed=True, former_hosts={"etcd02": (OLD,)})
    (said,) = outputs(graph, "etcd02")["formerHosts"]
    assert said == {"host": "10.9.9.9", "port": 2222, "user": "ops", "hostKey": "ssh-ed25519 old"}


def test_nothing_is_remembered_without_one(formed: Graph) -> None:
    """And nothing is cleared."""
    assert not any("formerHosts" in outputs(formed, name) for name in NAMES)
    assert not [each for each in formed.of_type(COMMAND) if "former-host" in each.name]
