"""One host: the host program, the container runtime, a standalone kubelet."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi

from .. import agent, kubeadm, packages
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
        self._host = host
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
        ready: list[pulumi.Resource] = [self.program]
        if packages.has_registry(host.settings):
            ready.append(self._registry())
        if host.settings.install == "packages":
            ready.append(self._packages())
        self.prepared = host.command(
            "host",
            area="host",
            create=host.verb("prepare"),
            update=host.verb("prepare"),
            delete=host.verb("forget-host"),
            stdin=kubeadm.flat_yaml(kubeadm.host_state(host.settings, host.member)),
            parent=self,
            depends_on=ready,
        )
        self.register_outputs({})

    def _packages(self) -> pulumi.Resource:
        host = self._host
        state = packages.packages_state(host.settings, host.sources, host.member)
        return host.command(
            "packages",
            area="packages",
            create=host.verb("install"),
            update=host.verb("install"),
            delete=host.verb("forget-packages", host.settings.cluster_name, host.member.name),
            stdin=kubeadm.flat_yaml(state),
            parent=self,
            depends_on=[self.program],
        )

    def _registry(self) -> pulumi.Resource:
        host = self._host
        stdin = kubeadm.flat_yaml(packages.registry_state(host.settings, host.sources))
        secret = host.settings.registry.password is not None
        return host.command(
            "registry",
            area="registry",
            create=host.verb("registry"),
            update=host.verb("registry"),
            delete=host.verb("forget-registry", host.settings.cluster_name, host.member.name),
            stdin=pulumi.Output.secret(stdin) if secret else stdin,
            parent=self,
            depends_on=[self.program],
        )
