"""A client that keeps writing, to see what a change costs."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from tests.support.etcd import Client


class Writer:
    """Writes key after key through all endpoints while the block runs.

    acknowledged: the keys that etcd said it holds. failed: what was said of the others.
    longest_gap: seconds between two acknowledged writes, at most.
    """

    def __init__(self, client: Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, name="writer")
        self.acknowledged: list[str] = []
        self.failed: list[str] = []
        self.longest_gap = 0.0

    def __enter__(self) -> Writer:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()

    def lost(self) -> list[str]:
        """The acknowledged keys that are not there."""
        there = self._client.run("get", self._prefix, "--prefix", "--keys-only").stdout.split()
        return sorted(set(self.acknowledged) - set(there))

    def _write(self) -> None:
        last = time.monotonic()
        for number in range(100_000):
            if self._stop.is_set():
                return
            key = f"{self._prefix}{number}"
            done = self._client.run("put", key, "x", check=False)
            now = time.monotonic()
            if done.returncode == 0:
                self.acknowledged.append(key)
                self.longest_gap = max(self.longest_gap, now - last)
                last = now
            else:
                self.failed.append(done.stderr)
