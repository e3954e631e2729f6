"""A snapshot that will not do is refused while the old cluster serves, and nothing is stopped."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab import builds
from lab.lab import Lab
from lab.stack import Stack
from tests.support import snapshots
from tests.support.etcd import Client
from tests.support.hosts import configured, start_times
from tests.support.snapshots import PLACE
from tests.support.unharmed import refused_up, unharmed

UNKNOWN = "5f3bca1e0c2d4a77"


@pytest.fixture(scope="module")
def snapshot(client: Client, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good one."""
    client.run("put", "/kept", "x" * 10_000)
    return snapshots.saved(client, tmp_path_factory.mktemp("snapshot") / "good.db")


def flipped(file: Path) -> bytes:
    """One bit of one byte in it is another; its end, which names the checksum, is as it was."""
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    return bytes(content)


def cut(file: Path) -> bytes:
    """The end is missing, as after a copy that was cut off."""
    return file.read_bytes()[:-5000]


def cut_at_a_page(file: Path) -> bytes:
    """The same, by pages: whatever is last now passes for a checksum."""
    content = file.read_bytes()
    return content[: len(content) - 32 - 4096] + content[-32:]


REFUSALS: dict[str, tuple[Callable[[Path], bytes], str]] = {
    "one byte is damaged": (flipped, "etcd02: .*(damaged|could not be restored)"),
    "it is cut": (cut, r"etcd02 .*is not a whole snapshot"),
    "it is cut at a page": (cut_at_a_page, r"etcd02 .*is another snapshot"),
    "it is empty": (lambda _: b"", r"etcd02 .*is not a whole snapshot"),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
def test_nothing_stops_for_a_snapshot_on_one_host_of_which(
    hosts: Lab,
    formed: Stack,
    client: Client,
    snapshot: Path,
    tmp_path: Path,
    case: tuple[Callable[[Path], bytes], str],
) -> None:
    """The run ends with the reason, and the writer has not noticed."""
    change, reason = case
    snapshots.spread(hosts, snapshot)
    bad = tmp_path / "bad.db"
    bad.write_bytes(change(snapshot))
    snapshots.spread(hosts, bad, ["etcd02"])
    _refused(hosts, formed, client, reason, snapshot=PLACE)


def test_nothing_stops_for_a_snapshot_that_is_missing_on_one_host(
    hosts: Lab, formed: Stack, client: Client, snapshot: Path
) -> None:
    """The preview says so already."""
    snapshots.spread(hosts, snapshot)
    hosts.ssh("etcd03", f"rm {PLACE}")
    _refused(hosts, formed, client, "etcd03 .*is not there", snapshot=PLACE)


def test_nothing_stops_for_a_snapshot_of_another_checksum_or_cluster(
    hosts: Lab, formed: Stack, client: Client, snapshot: Path
) -> None:
    """`sha256` is that of the file; `replaces` that of the cluster that is there."""
    snapshots.spread(hosts, snapshot)
    reason = "has the SHA-256 .* and restore.sha256 is"
    _refused(hosts, formed, client, reason, snapshot=PLACE, sha256="a" * 64)
    reason = f"replaces names cluster {UNKNOWN}"
    _refused(hosts, formed, client, reason, snapshot=PLACE, replaces=UNKNOWN)
    reason = "replaces is not set"
    _refused(hosts, formed, client, reason, snapshot=PLACE, replaces=None)


def test_nothing_stops_for_a_survivor_while_a_quorum_answers(
    hosts: Lab, formed: Stack, client: Client
) -> None:
    """Nothing has to survive then."""
    _refused(hosts, formed, client, "a quorum still answers", survivor="etcd02")


def test_nothing_stops_without_room(
    hosts: Lab, formed: Stack, client: Client, snapshot: Path
) -> None:
    """The restored data lies beside the old, on the disk of the data."""
    snapshots.spread(hosts, snapshot)
    staged = "/var/lib/etcd/.restore"
    hosts.ssh("etcd01", f"mkdir -p {staged} && mount -t tmpfs -o size=100m tmpfs {staged}")
    try:
        _refused(hosts, formed, client, "etcd01: .* bytes free, and .* needs", snapshot=PLACE)
    finally:
        hosts.ssh("etcd01", f"umount {staged}; rm -rf {staged}")


@pytest.mark.matrix
def test_nothing_stops_for_a_snapshot_of_a_newer_minor(
    hosts: Lab, formed: Stack, client: Client, tmp_path: Path
) -> None:
    """An older etcd would not start from it."""
    snapshots.spread(hosts, _of_another_etcd("3.7.3", tmp_path))
    _refused(hosts, formed, client, r"is of etcd 3\.7, and etcd 3\.6", snapshot=PLACE)


def _refused(lab: Lab, stack: Stack, client: Client, reason: str, **restore: Any) -> None:
    """An `up` with this restore says why it does nothing, and no etcd has stopped for it."""
    given: dict[str, Any] = {"replaces": stack.outputs()["clusterId"]} | restore
    before = start_times(lab, "etcd")
    wanted = {key: value for key, value in given.items() if value is not None}
    with unharmed(client), configured(stack, restore=wanted):
        text = refused_up(stack)
    assert snapshots.found(reason, text), text
    assert start_times(lab, "etcd") == before
    stack.up()
    assert start_times(lab, "etcd") == before


def _of_another_etcd(version: str, folder: Path) -> Path:
    """A snapshot of a cluster of one member, which this machine's etcd of that version makes."""
    programs, url = builds.etcd(version), "http://127.0.0.1:23790"
    peer = "http://127.0.0.1:23800"
    server = subprocess.Popen(
        [
            *(str(programs / "etcd"), "--name=one", f"--data-dir={folder / 'data'}"),
            *(f"--listen-client-urls={url}", f"--advertise-client-urls={url}"),
            *(f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}"),
            f"--initial-cluster=one={peer}",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    file = folder / "newer.db"
    try:
        control = [str(programs / "etcdctl"), f"--endpoints={url}"]
        time.sleep(8)  # the cluster version, and with it the data's, is known after some seconds
        subprocess.run([*control, "put", "/a", "b"], check=True, capture_output=True, timeout=20)
        saving = [*control, "snapshot", "save", str(file)]
        subprocess.run(saving, check=True, capture_output=True, timeout=20)
    finally:
        server.terminate()
        server.wait(timeout=20)
    return file
