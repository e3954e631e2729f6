"""One etcd member: its static pod, its health."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pulumi

from .. import kubeadm
from ..config import Settings
from ..probe import parse
from .host import EtcdHost
from .pki import Certificate
from .remote import Host


class EtcdMember(pulumi.ComponentResource):
    """A member on a prepared host.

    after: what else has to be there before its etcd starts.
    healthy: the command that ends when the member is healthy in its quorum.
    description: what the stack's output `members` says of it. cluster_id: hex.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        settings: Settings,
        token: pulumi.Output[str],
        *,
        prepared: EtcdHost,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("etcd-cluster:index:EtcdMember", name, None, opts)
        self._host = host
        self._settings = settings
        started = self._start(token, [prepared.prepared, *after])
        self.healthy = self._wait(started)
        identity = self.healthy.stdout.apply(parse)
        self.cluster_id: pulumi.Output[str] = identity.apply(
            lambda said: said.get("cluster-id", "")
        )
        self.description = self._describe(identity, prepared.certificates["server"])
        self.register_outputs({"description": self.description})

    def _start(
        self, token: pulumi.Output[str], ready: Sequence[pulumi.Resource]
    ) -> pulumi.Resource:
        host = self._host
        return host.command(
            "member",
            area="member",
            # Only a resource that is new, while no host reports a cluster, may found one.
            create=host.verb("converge" if host.plan.formed else "found"),
            update=host.verb("converge"),
            delete=host.verb("leave"),
            stdin=token.apply(
                lambda known: kubeadm.flat_yaml(
                    kubeadm.member_state(self._settings, host.member, known)
                )
            ),
            parent=self,
            depends_on=ready,
        )

    def _wait(self, started: Any) -> Any:
        host = self._host
        return host.command(
            "healthy",
            area=None,
            create=host.verb("gate"),
            update=host.verb("gate"),
            delete=None,
            stdin=started.stdout.apply(
                lambda said: kubeadm.flat_yaml(
                    kubeadm.gate_state(self._settings, host.member, parse(said)["converged"])
                )
            ),
            parent=self,
            depends_on=[started],
        )

    def _describe(
        self, identity: pulumi.Output[dict[str, str]], server: Certificate
    ) -> pulumi.Output[dict[str, str]]:
        member = self._host.member
        return pulumi.Output.all(identity, server.expiry).apply(
            lambda known: {
                "id": known[0].get("member-id", ""),
                "clientUrl": kubeadm.client_url(member),
                "peerUrl": kubeadm.peer_url(member),
                "etcdVersion": known[0].get("version", ""),
                "certificateExpiry": known[1],
            }
        )
