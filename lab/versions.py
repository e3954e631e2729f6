"""The versions that the lab builds, packs and runs; a new one also needs its folder in lab/go/."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Versions:
    """Versions that belong together, as a host runs them."""

    kubernetes: str
    etcd: str
    pause: str

    @property
    def etcd_tag(self) -> str:
        """The tag of etcd's image."""
        return f"{self.etcd}-0"


TODAY = Versions(kubernetes="1.35.4", etcd="3.6.6", pause="3.10.1")
"""What the stack `dev` runs, and most tests."""
SEED = Versions(kubernetes="1.27.6", etcd="3.5.9", pause="3.9")
"""What the stack `seed` runs: the manual procedure's."""
UPGRADES = (
    Versions(kubernetes="1.34.4", etcd="3.5.35", pause="3.10.1"),
    Versions(kubernetes="1.35.4", etcd="3.6.16", pause="3.10.1"),
    Versions(kubernetes="1.36.3", etcd="3.6.16", pause="3.10.2"),
    Versions(kubernetes="1.37.2", etcd="3.7.3", pause="3.10.2"),
)
"""What a cluster is taken through, step by step; built when a test first asks for it."""
OLD_PATCHES = (
    Versions(kubernetes="1.34.4", etcd="3.5.9", pause="3.10.1"),
    Versions(kubernetes="1.35.4", etcd="3.6.6", pause="3.10.1"),
)
"""Beside these: patches from which the next minor of etcd may not be taken."""
CRIO = "1.27.1"
CRI_TOOLS = "1.34.0"
VERSITYGW = "1.8.0"
