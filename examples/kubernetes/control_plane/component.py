"""The control plane, as one component."""

from __future__ import annotations

from importlib.resources import files

import pulumi

from etcd_cluster import hostprogram
from etcd_cluster.components.certificates import fingerprint
from etcd_cluster.components.host import PreparedHost
from etcd_cluster.components.remote import RemoteHost
from etcd_cluster.state import host as state_host
from etcd_cluster.state.text import encoded

from .document import kubeadm_config
from .planned import Planned
from .stack import EtcdStack

PROGRAM = hostprogram.Program(
    "/usr/local/sbin/kubernetes-control-plane",
    (files(__package__) / "control-plane.sh").read_text(encoding="utf-8"),
)


class ControlPlane(pulumi.ComponentResource):
    """A control plane by kubeadm on one host, on an external etcd.

    kubeconfig: the administrator's, secret.
    """

    def __init__(
        self,
        name: str,
        planned: Planned,
        etcd: EtcdStack,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("kubernetes:index:ControlPlane", name, None, opts)
        self._settings = planned.settings
        self._host = RemoteHost(
            owner=name,
            settings=planned.settings,
            access=planned.access,
            sources=planned.sources,
            plan=planned.plan,
            member=planned.settings.control_plane,
        )
        prepared = self._prepare()
        client = self._client(etcd, prepared.prepared)
        applied = self._apply(etcd, [self._program(prepared.program), client])
        self.kubeconfig: pulumi.Output[str] = self._kubeconfig(applied)
        self.register_outputs({})

    def _prepare(self) -> PreparedHost:
        """Packages, container runtime, operating system: as on the etcd hosts."""
        host, settings = self._host, self._settings
        own = {"cluster": host.owner, "member": host.member.name}
        prepared = PreparedHost(
            "kubernetes:index:Host",
            f"{host.prefix}-host",
            host,
            verb="prepare-host",
            state=own | state_host.runtime_state(settings),
            opts=pulumi.ResourceOptions(parent=self),
        )
        prepared.prepare()
        return prepared

    def _client(self, etcd: EtcdStack, prepared: pulumi.Resource) -> pulumi.Resource:
        """CA and client certificate on the host; anew, should the etcd stack issue them anew."""
        host = self._host
        line = etcd.client_certificate.apply(lambda pem: host.verb("client", fingerprint(pem)))
        pair = {
            "ca.crt": etcd.ca_certificate,
            "client.crt": etcd.client_certificate,
            "client.key": etcd.client_key,
        }
        return host.command(
            "client",
            area="client",
            create=line,
            update=line,
            delete=host.verb("forget-client", host.owner, host.member.name),
            stdin=pulumi.Output.secret(pulumi.Output.all(**pair).apply(encoded)),
            parent=self,
            depends_on=[prepared],
        )

    def _program(self, reached: pulumi.Resource) -> pulumi.Resource:
        install = PROGRAM.install_line(self._host.user)
        return self._host.command(
            "program",
            area="control-plane",
            create=install,
            update=install,
            delete=PROGRAM.remove_line(self._host.user),
            # As a secret it is one line in a preview; the digest in the command says what changed.
            stdin=pulumi.Output.secret(PROGRAM.packed),
            parent=self,
            depends_on=[reached],
        )

    def _apply(self, etcd: EtcdStack, ready: list[pulumi.Resource]) -> pulumi.Output[str]:
        user, settings = self._host.user, self._settings
        return self._host.command(
            "control-plane",
            area="control-plane",
            create=PROGRAM.line(user, "apply"),
            update=PROGRAM.line(user, "apply"),
            delete=PROGRAM.line(user, "reset"),
            stdin=etcd.kubeadm_external_etcd.apply(lambda text: kubeadm_config(settings, text)),
            parent=self,
            depends_on=ready,
        ).stdout

    def _kubeconfig(self, applied: pulumi.Output[str]) -> pulumi.Output[str]:
        line = PROGRAM.line(self._host.user, "kubeconfig")
        return self._host.command(
            "kubeconfig",
            area=None,
            create=line,
            update=line,
            delete=None,
            stdin=applied,  # a digest of what is read here: when that changes, it is read anew
            parent=self,
            secret_output=True,
        ).stdout
