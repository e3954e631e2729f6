"""What the tests of a host's facts share."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from etcd_cluster.plan.probe import parse

from .bash import run


@contextlib.contextmanager
def listening(address: str = "127.0.0.1", backlog: int = 5) -> Iterator[socket.socket]:
    """A socket that listens on a free port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family) as found:
        found.bind((address, 0))
        found.listen(backlog)
        yield found


def port_of(found: socket.socket) -> int:
    """Its port."""
    number: int = found.getsockname()[1]
    return number


def free_port() -> int:
    """A port that nobody listens on."""
    with listening() as found:
        return port_of(found)


def fact(script: str, name: str, places: dict[str, str] | None = None) -> str:
    """The one fact that some bash tells."""
    done = run(script, places=places)
    assert (done.returncode, done.stderr) == (0, "")
    facts = parse(done.stdout)
    assert set(facts) == {name}
    return facts[name]
