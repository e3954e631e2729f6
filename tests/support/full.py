"""A database that has reached its quota."""

from __future__ import annotations

from .etcd import Client

SMALL = 64 * 1024**2
"""The least quota there is, in bytes."""
MEGABYTE = "x" * 1_000_000


def fill(client: Client) -> None:
    """Write until etcd takes no more."""
    for number in range(100):
        done = client.run("put", f"/big/{number}", check=False, stdin=MEGABYTE)
        if done.returncode != 0:
            assert "database space exceeded" in done.stderr
            break
    assert "NOSPACE" in client.alarms()
