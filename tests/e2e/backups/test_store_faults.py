"""The store is in the way: what is said, and that half a backup is never taken for a whole one."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.lab import Lab
from lab.stack import Stack
from lab.store import Store
from tests.support import secrets, unharmed
from tests.support import store as backups
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured
from tests.support.tiers import tiered

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(600)]
PASSWORD = "correct horse battery staple"
FAULTS: dict[str, tuple[Callable[[Store], AbstractContextManager[Any]], str]] = {
    "cut off": (Store.cut, "could not be read"),
    "full": (Store.full, "could not be stored"),
    "silent": (Store.silent, "could not be read"),
}


@pytest.mark.parametrize(("fault", "reason"), tiered(FAULTS, always=("full",)))
def test_backup_that_cannot_be_stored_is_said(
    hosts: Lab,
    quiet: Stack,
    client: Client,
    store: Store,
    fault: Callable[[Store], AbstractContextManager[Any]],
    reason: str,
) -> None:
    """By the verb, on the host and in the next preview; what was there stays."""
    leader = unharmed.leader(client)
    before = backups.objects(store)
    with fault(store):
        done = hosts.ssh(leader, "etcd-host backup", check=False)
        assert done.returncode != 0, done.stderr
        assert reason in done.stderr
        shown = quiet.preview()
    assert f"backup: failed on {leader} ({hosts.address(leader)})" in shown
    assert "60 unchanged" in shown
    assert backups.objects(store) == before
    assert "could not" in backups.fact(hosts, leader, "fault")
    hosts.ssh(leader, "etcd-host backup")
    assert backups.fact(hosts, leader, "fault") == ""
    assert "backup: failed" not in quiet.preview()


def test_slow_store_gets_it_whole(hosts: Lab, quiet: Stack, client: Client, store: Store) -> None:
    """However long it takes."""
    leader = unharmed.leader(client)
    with store.slow("512kbit"):
        hosts.ssh(leader, "etcd-host backup")
    newest = backups.objects(store)[-1]
    assert newest.stat().st_size == backups.description(newest)["gzSize"]
    assert quiet.pulumi("preview", "--expect-no-changes")


UNUSABLE: dict[str, tuple[dict[str, Any], str]] = {
    "secret": (
        {"remote": {"secret_access_key": "not-the-one-it-was"}},
        "SignatureDoesNotMatch",
    ),
    "key": ({"remote": {"access_key_id": "nobody-of-this-name"}}, "InvalidAccessKeyId"),
    "bucket": ({"to": "another-bucket/lab"}, "the bucket another-bucket is not there"),
    "authority": ({"caFile": None}, "certificate signed by unknown authority"),
    "endpoint": ({"remote": {"endpoint": "the next port"}}, "refused"),
}


@pytest.mark.parametrize(("change", "reason"), tiered(UNUSABLE, always=("secret", "bucket")))
def test_store_that_cannot_be_used_is_refused(
    hosts: Lab, formed: Stack, store: Store, change: dict[str, Any], reason: str
) -> None:
    """By `up`, with the reason and without a credential; the backups before go on."""
    before = hosts.ssh(NAMES[0], "sha256sum /var/lib/etcd-host/backup/settings").stdout
    wrong = {**backups.section(store), **{k: v for k, v in change.items() if k != "remote"}}
    wrong["remote"] = {**store.remote, **change.get("remote", {})}
    if "endpoint" in change.get("remote", {}):
        wrong["remote"]["endpoint"] = store.url[:-1] + "1"
    with configured(formed, backup={k: v for k, v in wrong.items() if v is not None}):
        done = formed.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.status != 0
    assert reason in done.text, done.text
    for secret in (store.secret_key, store.access_key, *change.get("remote", {}).values()):
        assert secret not in done.text or secret.startswith("https://")
    assert hosts.ssh(NAMES[0], "sha256sum /var/lib/etcd-host/backup/settings").stdout == before
    formed.up()


def test_disk_without_room_is_said(hosts: Lab, quiet: Stack, client: Client, store: Store) -> None:
    """Before a byte is written, with what is needed."""
    leader = unharmed.leader(client)
    before = backups.objects(store)
    place = "/var/lib/etcd-snapshots"
    hosts.ssh(leader, f"mkdir -p {place} && mount -t tmpfs -o size=20m tmpfs {place}")
    try:
        done = hosts.ssh(leader, "etcd-host backup", check=False)
        assert done.returncode == 4
        assert "bytes free, and a snapshot of" in done.stderr
        assert f"backup: failed on {leader} ({hosts.address(leader)})" in quiet.preview()
    finally:
        hosts.ssh(leader, f"umount {place}")
    assert backups.objects(store) == before
    hosts.ssh(leader, "etcd-host backup")


def test_hosts_proxy_is_not_in_the_way(hosts: Lab, quiet: Stack, client: Client) -> None:
    """As with etcdctl: a variable of the host's sends nothing elsewhere."""
    leader = unharmed.leader(client)
    line = "HTTPS_PROXY=http://127.0.0.1:1 https_proxy=http://127.0.0.1:1 RCLONE_CONFIG=/x"
    hosts.ssh(leader, f"{line} etcd-host backup")


@contextmanager
def _processes(lab: Lab, host: str, file: Path) -> Iterator[None]:
    """What the host's process list shows meanwhile, each line once, in a file of this machine.

    (On the host: here Pulumi's own processes have the configuration.)
    """
    enough = "/root/enough"
    line = (
        f"until [ -e {enough} ]; do cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null"
        f" | tr '\\0' '\\n'; sleep 0.01; done | awk '!seen[$0]++'; rm {enough}"
    )
    with file.open("w") as stream:
        looking = subprocess.Popen([*lab.ssh_command(host), line], stdout=stream)
        try:
            yield
        finally:
            lab.ssh(host, f"touch {enough}")
            looking.wait(timeout=60)


def test_no_credential_is_to_be_seen(
    hosts: Lab, quiet: Stack, client: Client, store: Store, tmp_path: Path
) -> None:
    """Not in a process list, a unit, a log, a world-readable file, an output or the state."""
    leader = unharmed.leader(client)
    # Also as hosts are told them: in a text that is base64 as a whole.
    words = [
        each
        for key in (store.secret_key, store.access_key, PASSWORD)
        for each in (key, *(form.decode() for form in secrets.in_base64(key.encode())))
    ]
    file = tmp_path / "seen"
    quiet.config["backup"]["encryptionPassword"] = PASSWORD
    with _processes(hosts, leader, file):
        quiet.up()
        made = hosts.ssh(leader, "etcd-host backup").stdout.split()[1]
        hosts.ssh(leader, "etcd-host backup prove")
        # Each host fetches it, and then finds that it is not the one that was meant.
        restore = {"snapshot": f"{made}.bin", "replaces": quiet.outputs()["clusterId"]}
        with configured(quiet, restore={**restore, "sha256": "a" * 64}):
            refused = quiet.pulumi("up", "--yes", "--skip-preview", check=False).text
    assert "has the SHA-256" in refused
    seen = file.read_text(errors="replace")
    for verb in ("backup-setup", "backup", "prove", "restore-stage", "rclone"):
        assert f"\n{verb}\n" in seen, verb
    places = "/etc /run /var /usr/local /tmp /root"
    for word in words:
        assert word not in seen
        assert word not in refused
        found = hosts.ssh(leader, f"grep -rlsF -e {shlex.quote(word)} {places} || true")
        assert found.stdout.split() in (["/var/lib/etcd-host/backup/settings"], [])
        assert word not in hosts.ssh(leader, "journalctl --no-pager", check=False).stdout
        assert word not in quiet.state_file.read_text()
        assert word not in str(quiet.outputs())
    mode = hosts.ssh(
        leader, "stat -c %a /var/lib/etcd-host/backup /var/lib/etcd-host/backup/settings"
    )
    assert mode.stdout.split() == ["700", "600"]
    del quiet.config["backup"]["encryptionPassword"]
    quiet.up()
