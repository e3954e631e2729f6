"""Snapshots that lie on the hosts, and what a restore of one has to leave behind."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab import builds
from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, up_changes_nothing

PLACE = "/root/etcd-snapshot.db"


def saved(client: Client, file: Path) -> Path:
    """A snapshot, as anybody takes one."""
    client.run("snapshot", "save", str(file), endpoints=client.endpoints[0], timeout=60)
    return file


def spread(lab: Lab, file: Path, names: Sequence[str] = NAMES) -> None:
    """The file on these hosts, where the tests' configuration looks for it."""
    for name in names:
        with file.open("rb") as stream:
            subprocess.run(
                [*lab.ssh_command(name), f"cat >{PLACE}"], stdin=stream, check=True, timeout=120
            )


def give_etcdutl(lab: Lab, names: Sequence[str]) -> None:
    """What hosts with `install: preinstalled` need where no etcd runs that has it in its image."""
    program = builds.etcd() / "etcdutl"
    for name in names:
        with program.open("rb") as stream:
            place = "/usr/local/bin/etcdutl"
            line = f"cat >{place} && chmod 755 {place}"
            subprocess.run([*lab.ssh_command(name), line], stdin=stream, check=True, timeout=60)


def revision(client: Client) -> int:
    """The cluster's revision."""
    told = json.loads(client.run("get", "/", "-w", "json").stdout)
    return int(told["header"]["revision"])


def values(client: Client) -> dict[str, str]:
    """Every key and its value."""
    lines = client.run("get", "", "--from-key").stdout.splitlines()
    return dict(zip(lines[::2], lines[1::2], strict=True))


def one_cluster(stack: Stack, client: Client, former: str, names: Sequence[str] = NAMES) -> str:
    """All members, hosts and the stack are of one cluster, which is not the former one: its id."""
    told = json.loads(client.run("endpoint", "status", "-w", "json").stdout)
    assert len(told) == len(names)
    ids = {f"{each['Status']['header']['cluster_id']:x}" for each in told}
    for name in names:
        ids.add(stack.lab.ssh(name, "cat /var/lib/etcd-host/formed").stdout.strip())
    ids.add(stack.outputs()["clusterId"])
    assert len(ids) == 1, ids
    assert former not in ids
    members = client.members()
    assert sorted(members) == sorted(names)
    assert {(row[1], row[5]) for row in members.values()} == {("started", "false")}
    return ids.pop()


def nothing_to_do(stack: Stack) -> None:
    """Neither a preview nor an `up` with the same configuration changes anything."""
    stack.pulumi("preview", "--expect-no-changes")
    up_changes_nothing(stack)


def found(pattern: str, text: str) -> bool:
    """Whether a line of the text has it."""
    return re.search(pattern, text) is not None
