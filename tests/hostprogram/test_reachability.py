"""Which members a host reaches, asked for on this machine's loopback."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .facts import fact, free_port, listening, port_of

CLIENT_AND_PEER = "PORTS=(2379 2380 2381)"


@contextlib.contextmanager
def dropping() -> Iterator[int]:
    """A port that answers nobody: its queue is full, and Linux drops what comes then."""
    with listening(backlog=0) as found, contextlib.ExitStack() as waiting:
        for _ in range(2):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(found.getsockname())
        yield port_of(found)


def unreachable(*addresses: str, at: tuple[int, int]) -> tuple[str, float]:
    """What is told of these addresses at two ports, and how long it took."""
    begin = time.monotonic()
    places = {CLIENT_AND_PEER: f"PORTS=({at[0]} {at[1]} 2381)"}
    text = fact(f"unreachable_members {' '.join(addresses)}", "unreachable", places)
    return text, time.monotonic() - begin


def test_member_is_reached_when_it_listens_or_refuses() -> None:
    """Before the bootstrapping, nothing listens there: a refusal is an answer."""
    with listening() as found:
        assert unreachable("127.0.0.1", at=(port_of(found), free_port()))[0] == ""


def test_nothing_is_told_when_there_are_no_others() -> None:
    """Asked of nobody."""
    assert unreachable(at=(1, 2))[0] == ""


def test_member_is_not_reached_when_a_firewall_drops() -> None:
    """Told with address, port and the time that was waited."""
    with dropping() as port, listening() as found:
        text, _ = unreachable("127.0.0.1", at=(port, port_of(found)))
    assert text == f"127.0.0.1:{port} no answer within 3 s"


def test_all_are_waited_for_at_once_when_several_drop() -> None:
    """Four that answer nothing take as long as one: a preview waits for it."""
    with dropping() as one, dropping() as other:
        text, took = unreachable("127.0.0.1", "127.0.0.2", at=(one, other))
    assert text.count("127.0.0.1:") == 2
    assert took < 5


@pytest.mark.parametrize(
    ("address", "reason"),
    [("192.0.2.1", "Network is unreachable"), ("2001:db8::1", "Cannot assign requested address")],
)
def test_reason_is_told_when_there_is_no_way(address: str, reason: str) -> None:
    """In a network namespace of its own, where not even the loopback is up."""
    functions = "$(declare -p PORTS); $(declare -f unreachable_members cut_off)"
    alone = f"{functions}; set -euo pipefail; unreachable_members {address}"
    text = fact(f'exec unshare --net bash -c "{alone}"', "unreachable")
    assert text == f"{address}:2379 {reason}, {address}:2380 {reason}"


def test_no_file_is_left_behind_when_members_were_asked(tmp_path: Path) -> None:
    """An observation changes nothing."""
    fact(f"export TMPDIR={tmp_path}; unreachable_members 127.0.0.1", "unreachable")
    assert list(tmp_path.iterdir()) == []
