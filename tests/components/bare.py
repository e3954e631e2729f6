"""Clusters on hosts that start bare, with all that can be configured of packages and registry."""

from __future__ import annotations

from typing import Any

import yaml

from etcd_cluster.config.trust import Sources
from etcd_cluster.plan.decide import Area
from tests.support.mocks import Graph
from tests.support.samples import PASSWORD

from .declared import CHAIN, declare

PACKAGES: dict[str, Any] = {"install": "packages"}
LOGIN = {"username": "puller", "password": PASSWORD}
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN\n-----END PGP PUBLIC KEY BLOCK-----\n"
SOURCES = Sources(signing_keys={"kubernetes": KEY}, registry_ca=CA)
# The commands of one member that starts bare and pulls from a registry of its owner's.
LONG_CHAIN = (*CHAIN, "packages", "registry")
VERBS = {"packages": ("install", "forget-packages"), "registry": ("registry", "forget-registry")}
DRIFT: dict[tuple[str, Area], str] = {
    ("etcd01", "packages"): "drift after 7: packages not held",
    ("etcd02", "registry"): "drift after 4: ca.crt edited",
}


def whole(*, registry: dict[str, str] | None = None, **changes: Any) -> Graph:
    """Bare hosts, with everything that can be configured of packages and the registry."""
    given = registry or LOGIN | {"caFile": "ca.pem"}
    return declare(sources=SOURCES, registry=given, **PACKAGES | changes)


def told(graph: Graph, name: str, thing: str) -> dict[str, str]:
    """The desired state on a command's stdin."""
    state = yaml.safe_load(graph.command(f"etcd-{name}-{thing}").text("stdin"))
    assert isinstance(state, dict)
    return state
