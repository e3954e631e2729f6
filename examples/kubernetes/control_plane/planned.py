"""What is to be done: configuration, key material, and the host as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pulumi

from etcd_cluster import hostprogram
from etcd_cluster.components import program
from etcd_cluster.config import reading
from etcd_cluster.config.credentials import Access
from etcd_cluster.config.trust import Sources
from etcd_cluster.plan import decide, probe
from etcd_cluster.plan.decide import Plan

from .settings import Settings

NAMESPACE = "kubernetes"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What the control plane is (settings), how its host is reached, what is to be repaired."""

    settings: Settings
    access: Access
    sources: Sources
    plan: Plan


def prepare() -> Planned:
    """Reads configuration and host. Raises EtcdClusterError with every fault of the first wrong."""
    folder = Path(pulumi.get_root_directory() or ".")
    read = reading.read(Settings, program.raw(NAMESPACE), folder)
    preview = pulumi.runtime.is_dry_run()
    plan = decide.decide_for_hosts(
        read.settings,
        probe.observe(read.settings, read.access, bring=not preview),
        preview=preview,
        program_digest=hostprogram.digest(),
    )
    for text in plan.warnings:
        pulumi.log.warn(text)
    return Planned(settings=read.settings, access=read.access, sources=read.sources, plan=plan)
