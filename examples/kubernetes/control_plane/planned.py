"""What is to be done: configuration, key material, and the host as it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pulumi

from etcd_cluster import access, agent, plan, probe
from etcd_cluster.access import Access
from etcd_cluster.components import program
from etcd_cluster.plan import Plan
from etcd_cluster.sources import Sources

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
    settings, material, sources = access.read_as(Settings, program.raw(NAMESPACE), folder)
    preview = pulumi.runtime.is_dry_run()
    decided = plan.decide_for_hosts(
        settings,
        probe.observe(settings, material, bring=not preview),
        preview=preview,
        agent_digest=agent.digest(),
    )
    for text in decided.warnings:
        pulumi.log.warn(text)
    return Planned(settings=settings, access=material, sources=sources, plan=decided)
