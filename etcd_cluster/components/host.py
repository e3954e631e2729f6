"""One host: the host program, the container runtime, a standalone kubelet."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from .. import agent, kubeadm
from .remote import Host


class EtcdHost(pulumi.ComponentResource):
    """Prepares one host.

    program: the command that installs the host program, which every verb needs.
    prepared: the command that ends when the kubelet runs, which a member needs.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        *,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("etcd-cluster:index:EtcdHost", name, None, opts)
        install = agent.install_line(host.user)
        self.program = host.command(
            "agent",
            area="agent",
            create=install,
            update=install,
            delete=host.verb("uninstall", host.settings.cluster_name, host.member.name),
            # As a secret it is one line in a preview; the digest in the command says what changed.
            stdin=pulumi.Output.secret(agent.packed()),
            parent=self,
            depends_on=after,
        )
        self.prepared = host.command(
            "host",
            area="host",
            create=host.verb("prepare"),
            update=host.verb("prepare"),
            delete=host.verb("forget-host"),
            stdin=kubeadm.flat_yaml(kubeadm.host_state(host.settings, host.member)),
            parent=self,
            depends_on=[self.program],
        )
        self.register_outputs({})
