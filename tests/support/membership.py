"""Members that come, go and move while a client writes."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lab.lab import Lab
from lab.stack import Result, Stack
from tests.support.etcd import Client
from tests.support.writer import Writer

SEVEN = tuple(f"etcd0{number}" for number in range(1, 8))
FIVE = SEVEN[:5]
PORT = 2379


def entries(lab: Lab, *members: str) -> list[dict[str, Any]]:
    """`members` of the configuration; `etcd02@etcd04` is etcd02 on the host etcd04."""
    found = []
    for each in members:
        name, _, host = each.partition("@")
        found.append({"name": name, "address": lab.address(host or name)})
    return found


def left_nothing_but_data(lab: Lab, name: str) -> None:
    """Nothing of a member runs or lies on the host that it has left, but its data, set aside."""
    assert lab.ssh(name, "pgrep -x 'etcd|kubelet'", check=False).stdout == ""
    assert lab.ssh(name, "ls -A /var/lib/etcd", check=False).stdout == ""
    assert lab.ssh(name, "ls /etc/kubernetes/pki", check=False).stdout == ""
    assert lab.ssh(name, "ls /var/lib/etcd.aside").stdout.split()


def urls(addresses: Sequence[str]) -> list[str]:
    """The client URLs at these addresses."""
    return [f"https://{address}:{PORT}" for address in addresses]


def addresses(stack: Stack) -> list[str]:
    """Those in the configuration, of members that are not lost."""
    return [each["address"] for each in stack.config["members"] if not each.get("lost")]


class Membership:
    """A cluster whose members change, and a client that writes through old and new ones."""

    def __init__(self, lab: Lab, stack: Stack, folder: Path) -> None:
        self.lab = lab
        self.stack = stack
        self._folder = folder
        self._runs = 0

    def client(self, *silent: str) -> Client:
        """A client of the cluster as it is.

        silent: hosts that it does not ask. They are dead; or about to go, of which clients are told
        first: etcd fails the writes that reach a member just as it is removed.
        """
        return self._client(self.stack.outputs(), *silent)

    def _client(self, outputs: Mapping[str, Any], *silent: str) -> Client:
        client = Client(self._folder / "client", outputs)
        gone = urls([self.lab.address(name) for name in silent])
        client.endpoints = [each for each in client.endpoints if each not in gone]
        return client

    @contextmanager
    def written(self, *silent: str, further: Sequence[str] = ()) -> Iterator[None]:
        """Nothing acknowledged is lost while this lasts, and it stays one and the same cluster.

        At most one write fails for each time that the leadership moves. silent: as for `client`.
        further: endpoints that will be there at the end.
        """
        self._runs += 1
        before = self.stack.outputs()
        client = self._client(before, *silent)
        term = client.term()
        client.endpoints = list(dict.fromkeys([*client.endpoints, *further]))
        with Writer(client, f"/run{self._runs}/") as writer:
            yield
        outputs = self.stack.outputs()
        after = self._client(outputs, *silent)
        client.endpoints = after.endpoints
        assert len(writer.acknowledged) > 20
        assert not writer.lost()
        assert len(writer.failed) <= after.term() - term, writer.failed
        assert outputs["clusterId"] == before["clusterId"]

    def starts_as(self, *names: str) -> None:
        """These are the members, each on its own host, if they are not yet."""
        wanted = entries(self.lab, *names)
        if self.stack.config["members"] != wanted:
            self.becomes(wanted)

    def becomes(self, members: Sequence[dict[str, Any]], *silent: str, **settings: Any) -> str:
        """One `up` with these members; what it said. The next one has nothing to do."""
        self.stack.config |= {"members": copy.deepcopy(list(members)), **settings}
        with self.written(*silent, further=urls(addresses(self.stack))):
            text = self.stack.up()
        self.is_whole()
        return text

    def is_whole(self) -> None:
        """Each configured member that is not lost serves, nobody else is listed, nothing is left
        to do.
        """
        client = self.client()
        wanted = {each["name"] for each in self.stack.config["members"] if not each.get("lost")}
        rows = client.members()
        assert set(rows) == wanted
        assert {(row[1], row[5]) for row in rows.values()} == {("started", "false")}
        assert client.healthy() == len(wanted)
        self.stack.pulumi("preview", "--expect-no-changes")

    def is_unchanged(self) -> None:
        """The preview and the next `up` find nothing to do."""
        self.stack.pulumi("preview", "--expect-no-changes")
        self.stack.pulumi("up", "--yes", "--skip-preview", "--expect-no-changes")

    def refused(self, *silent: str, **changes: Any) -> Result:
        """One `up` with these changes that fails, while the cluster stays as it was."""
        before, config = self.client(*silent).members(), copy.deepcopy(self.stack.config)
        self.stack.config |= changes
        try:
            with self.written(*silent):
                done = self.stack.pulumi("up", "--yes", "--skip-preview", check=False)
        finally:
            self.stack.config = config
        assert done.status != 0
        assert self.client(*silent).members() == before
        return done
