"""Backups in the lab's store: the section that asks for them, what is there, and on the hosts."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.lab import Lab
from lab.store import Store

BUCKET = "etcd-backups"
PREFIX = "lab"


def section(store: Store, **more: Any) -> dict[str, Any]:
    """The section `backup`, for this store."""
    return {
        "to": f"{BUCKET}/{PREFIX}",
        "remote": store.remote,
        "caFile": str(store.authority),
        "schedule": "yearly",
        "maxAgeHours": 1,
        **more,
    }


def objects(store: Store, cluster: str = "*", bucket: str = BUCKET) -> list[Path]:
    """The files of whole backups, oldest first: those whose description is there, too."""
    found = (store.folder / bucket / PREFIX).glob(f"etcd/{cluster}/*.db.gz")
    return sorted(each for each in found if described(each).exists())


def described(file: Path) -> Path:
    """The description beside it."""
    return file.with_name(file.name.removesuffix(".db.gz") + ".json")


def description(file: Path) -> dict[str, Any]:
    """What it says."""
    told: dict[str, Any] = json.loads(described(file).read_text())
    return told


def path(file: Path) -> str:
    """The object as `restore.snapshot` names it."""
    return "/".join(file.parts[-3:])


def fact(lab: Lab, host: str, name: str) -> str:
    """What a host remembers of its backups."""
    return lab.ssh(host, f"cat /var/lib/etcd-host/backup-{name} 2>/dev/null || true").stdout.strip()


def said(lab: Lab, host: str, lines: int = 30) -> str:
    """The last of what the timer's runs said."""
    line = f"journalctl -u etcd-host-backup --no-pager -o cat -n {lines}"
    return lab.ssh(host, line, check=False).stdout


def until(met: Callable[[], Any], seconds: float = 60) -> Any:
    """What it returns, once that is something; fails when the time is over."""
    deadline = time.monotonic() + seconds
    while not (found := met()):
        assert time.monotonic() < deadline, f"not within {seconds:g} s"
        time.sleep(0.3)
    return found
