"""A client that keeps writing, to see what a change costs."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import TracebackType

import grpc

from tests.support.etcd import Client

WRITES_A_SECOND = 100
DEADLINE_SECONDS = 5.0


class Writer:
    """One long-lived client that writes through all endpoints while the block runs.

    A write goes to the next endpoint that is connected, as etcd's own client does it. None is tried
    again. acknowledged: the keys that etcd said it holds. failed: what was said of the others, but
    for those that reached a learner, which takes none: its endpoint is known here too early.
    seconds: what each acknowledged write took. longest_gap: between two of them, at most.
    """

    def __init__(self, client: Client, prefix: str) -> None:
        self._client = client
        self._prefix = prefix
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, name="writer")
        self.acknowledged: list[str] = []
        self.failed: list[str] = []
        self.seconds: list[float] = []
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

    def _channel(self) -> grpc.Channel:
        files: dict[str, Path] = self._client.files
        credentials = grpc.ssl_channel_credentials(
            files["cacert"].read_bytes(), files["key"].read_bytes(), files["cert"].read_bytes()
        )
        addresses = [each.removeprefix("https://") for each in self._client.endpoints]
        family = "ipv6" if addresses[0].startswith("[") else "ipv4"
        return grpc.secure_channel(
            f"{family}:{','.join(addresses)}",
            credentials,
            options=[
                ("grpc.ssl_target_name_override", "localhost"),
                ("grpc.lb_policy_name", "round_robin"),
                ("grpc.enable_retries", 0),
                ("grpc.initial_reconnect_backoff_ms", 100),
                ("grpc.min_reconnect_backoff_ms", 100),
                ("grpc.max_reconnect_backoff_ms", 500),
            ],
        )

    def _write(self) -> None:
        with self._channel() as channel:
            put = channel.unary_unary(
                "/etcdserverpb.KV/Put",
                request_serializer=lambda key: _put_request(key, b"x"),
                response_deserializer=bytes,
            )
            last = time.monotonic()
            for number in range(1_000_000):
                if self._stop.is_set():
                    return
                key = f"{self._prefix}{number}"
                begin = time.monotonic()
                try:
                    put(key.encode(), timeout=DEADLINE_SECONDS, wait_for_ready=True)
                except grpc.RpcError as error:
                    if "not supported for learner" not in str(error.details()):
                        self.failed.append(f"{error.code()}: {error.details()}")
                else:
                    self.acknowledged.append(key)
                    now = time.monotonic()
                    self.seconds.append(now - begin)
                    self.longest_gap = max(self.longest_gap, now - last)
                    last = now
                self._stop.wait(1 / WRITES_A_SECOND)


def _put_request(key: bytes, value: bytes) -> bytes:
    """etcdserverpb.PutRequest, as protobuf has it: two fields of bytes, each shorter than 128."""
    return b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(value)]) + value
