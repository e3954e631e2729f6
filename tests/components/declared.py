"""Clusters as tests declare them: configuration and plan given, no host asked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from etcd_cluster.components import program
from etcd_cluster.components.args import EtcdClusterArgs
from etcd_cluster.components.cluster import EtcdCluster
from etcd_cluster.config.authority import GivenAuthority
from etcd_cluster.config.trust import Sources
from etcd_cluster.plan.before import Before
from etcd_cluster.plan.chain import Chain
from etcd_cluster.plan.decide import Area, Plan
from etcd_cluster.plan.memory import KnownHost, StackMemory
from etcd_cluster.plan.restore import Restoring
from tests.support.mocks import Graph, Resource, run
from tests.support.samples import access, settings

NAMES = ("etcd01", "etcd02", "etcd03")
# The commands of one member, in the order in which they have to run.
CHAIN = ("host-program", "host", "pki", "member", "healthy")
LEAVES = ("server", "peer", "healthcheck-client")

CA_KEY = ("tls:index/privateKey:PrivateKey", "etcd-ca-key")
CA_CERTIFICATE = ("tls:index/selfSignedCert:SelfSignedCert", "etcd-ca-certificate")
TOKEN = ("random:index/randomId:RandomId", "etcd-token")
PRIVATE_KEY = "tls:index/privateKey:PrivateKey"
REQUEST = "tls:index/certRequest:CertRequest"
LEAF = "tls:index/locallySignedCert:LocallySignedCert"


def declare(
    *,
    formed: bool = False,
    drift: Mapping[tuple[str, Area], str] | None = None,
    preview: bool = False,
    sources: Sources | None = None,
    chain: Chain | None = None,
    memory: StackMemory | None = None,
    former_hosts: Mapping[str, tuple[KnownHost, ...]] | None = None,
    adopting: Collection[str] = (),
    authority: GivenAuthority | None = None,
    restoring: Restoring | None = None,
    before: Before | None = None,
    downgrade: str = "",
    newest: Mapping[str, str | int] | None = None,
    untargeted: Mapping[str, Mapping[str, Any]] | None = None,
    **changes: Any,
) -> Graph:
    """The graph of the least configuration, with changes, under a given plan.

    chain: of a formed cluster; without it all in their order, and who is not of NAMES joins.
    """
    wanted = settings(**changes)
    names = [member.name for member in wanted.living]
    order = Chain(order=tuple(names), joining=frozenset(names) - frozenset(NAMES))
    args = EtcdClusterArgs(
        settings=wanted,
        access=access(wanted),
        plan=Plan(
            formed=formed,
            drift=drift or {},
            chain=(chain or order) if formed else Chain(),
            memory=memory or StackMemory(stack="organization/etcd-cluster/test"),
            former_hosts=former_hosts or {},
            adopting=frozenset(adopting),
            restoring=restoring,
            before=before,
            downgrade=downgrade,
            backup=newest,
        ),
        sources=sources or Sources(),
        authority=authority,
    )
    return run(
        lambda: program.export(EtcdCluster(wanted.cluster_name, args)),
        preview=preview,
        untargeted=untargeted,
    )


def commands(graph: Graph, *things: str, members: tuple[str, ...] = NAMES) -> list[Resource]:
    """Every member's commands for these things, or all of them."""
    return [
        graph.command(f"etcd-{member}-{thing}") for member in members for thing in things or CHAIN
    ]
