"""The control plane, as one component."""

from __future__ import annotations

from importlib.resources import files

import pulumi

from etcd_cluster import HostsArgs, PreparedHost, Program, encoded, fingerprint

from .document import kubeadm_config
from .settings import Settings
from .stack import EtcdStack

_PARTS = (files(__package__) / f"{part}.sh" for part in ("control-plane", "client", "main"))
PROGRAM = Program(
    "/usr/local/sbin/kubernetes-control-plane",
    "".join(part.read_text(encoding="utf-8") for part in _PARTS),
)


class ControlPlane(pulumi.ComponentResource):
    """A control plane by kubeadm on one host, on an external etcd.

    kubeconfig: the administrator's, secret.
    """

    def __init__(
        self,
        name: str,
        args: HostsArgs[Settings],
        etcd: EtcdStack,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("kubernetes:index:ControlPlane", name, None, opts)
        self._settings = args.settings
        self._host = args.host(name, args.settings.control_plane)
        host = self._prepare()
        client = self._client(etcd, [host.prepared, self._program(host.program)])
        applied = self._apply(etcd, [client])
        self.kubeconfig: pulumi.Output[str] = self._kubeconfig(applied)
        self.register_outputs({})

    def _prepare(self) -> PreparedHost:
        """Packages, container runtime, operating system: as on the etcd hosts."""
        prepared = PreparedHost(
            "kubernetes:index:Host",
            f"{self._host.prefix}-host",
            self._host,
            opts=pulumi.ResourceOptions(parent=self),
        )
        prepared.prepare()
        return prepared

    def _client(self, etcd: EtcdStack, ready: list[pulumi.Resource]) -> pulumi.Resource:
        """CA and client certificate on the host; anew, should the etcd stack issue them anew."""
        user, name = self._host.user, self._host.member.name
        line = etcd.client_certificate.apply(
            lambda pem: PROGRAM.line(user, "client", name, fingerprint(pem))
        )
        pair = {
            "ca.crt": etcd.ca_certificate,
            "client.crt": etcd.client_certificate,
            "client.key": etcd.client_key,
        }
        return self._host.command(
            "client",
            area="client",
            create=line,
            update=line,
            delete=PROGRAM.line(user, "forget-client", name),
            stdin=pulumi.Output.secret(pulumi.Output.all(**pair).apply(encoded)),
            parent=self,
            depends_on=ready,
        )

    def _program(self, reached: pulumi.Resource) -> pulumi.Resource:
        install = PROGRAM.install_line(self._host.user)
        return self._host.command(
            "program",
            area=PROGRAM.name,
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
