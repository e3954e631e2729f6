"""One host: the host program, packages, the container runtime, certificates, a kubelet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

from .. import agent, kubeadm, packages
from ..config import Settings
from ..plan import Area
from .pki import CLIENT, SERVER_AND_CLIENT, Certificate, CertificateArgs, CertificateAuthority
from .remote import Host


class PreparedHost(pulumi.ComponentResource):
    """A host that has what its packages, repositories and registry are configured to be.

    verb, state: what it is prepared with in the end, and what that verb is told. forget: the verb
    that takes it back, if there is one. etcdctl: the version to install, empty for none. after:
    what has to be there before anything is done on it.
    program: the command that installs the host program, which every verb needs.
    prepared: the command that ends when the host is prepared.
    """

    def __init__(
        self,
        type_: str,
        name: str,
        host: Host,
        *,
        verb: str,
        state: Mapping[str, str],
        forget: str | None = None,
        etcdctl: str = "",
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(type_, name, None, opts)
        self._host = host
        install = agent.install_line(host.user)
        self.program = host.command(
            "agent",
            area="agent",
            create=install,
            update=install,
            delete=self._forget("uninstall"),
            parent=self,
            depends_on=after,
        )
        ready: list[pulumi.Resource] = [self.program]
        if packages.has_registry(host.settings):
            ready.append(self._registry())
        if host.settings.install == "packages":
            ready.append(self._packages(etcdctl))
        ready += self._further()
        self.prepared = host.command(
            "host",
            area="host",
            create=host.verb(verb),
            update=host.verb(verb),
            delete=host.verb(forget) if forget else None,
            stdin=kubeadm.flat_yaml(state),
            parent=self,
            depends_on=ready,
        )
        self.register_outputs({})

    def _further(self) -> Sequence[pulumi.Resource]:
        """What else has to be on a host of this kind before it is prepared."""
        return ()

    def _packages(self, etcdctl: str) -> pulumi.Resource:
        host = self._host
        owner = {"cluster": host.owner, "member": host.member.name}
        state = owner | packages.packages_state(host.settings, host.sources, etcdctl)
        return self._command("packages", host.verb("install"), kubeadm.flat_yaml(state))

    def _registry(self) -> pulumi.Resource:
        host = self._host
        stdin = kubeadm.flat_yaml(packages.registry_state(host.settings, host.sources))
        secret = host.settings.registry.password is not None
        return self._command(
            "registry", host.verb("registry"), pulumi.Output.secret(stdin) if secret else stdin
        )

    def _command(
        self, thing: Area, line: pulumi.Input[str], stdin: pulumi.Input[str]
    ) -> pulumi.Resource:
        return self._host.command(
            thing,
            area=thing,
            create=line,
            update=line,
            delete=self._forget(f"forget-{thing}"),
            stdin=stdin,
            parent=self,
            depends_on=[self.program],
        )

    def _forget(self, verb: str) -> str:
        return self._host.verb(verb, self._host.owner, self._host.member.name)


class EtcdHost(PreparedHost):
    """A host with a member's certificates, and a standalone kubelet that serves with one of them.

    certificates: the member's, by what they are for.
    """

    def __init__(
        self,
        name: str,
        host: Host,
        settings: Settings,
        ca: CertificateAuthority,
        *,
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        self._ca = ca
        super().__init__(
            "etcd-cluster:index:EtcdHost",
            name,
            host,
            verb="prepare",
            state=kubeadm.host_state(settings, host.member),
            forget="forget-host",
            etcdctl=settings.etcd_version,
            after=after,
            opts=opts,
        )

    def _further(self) -> Sequence[pulumi.Resource]:
        self.certificates = self._issue()
        return [self._push()]

    def _issue(self) -> dict[str, Certificate]:
        member = self._host.member
        served: dict[str, Any] = {
            "common_name": member.name,
            "uses": SERVER_AND_CLIENT,
            "dns_names": ["localhost", member.name],
            "ip_addresses": ["127.0.0.1", "::1", member.address],
        }
        wanted = {
            "server": CertificateArgs(**served),
            "peer": CertificateArgs(**served),
            "healthcheck-client": CertificateArgs(
                common_name="kube-etcd-healthcheck-client", uses=CLIENT
            ),
        }
        return {
            thing: self._ca.issue(f"{self._host.prefix}-{thing}", args, self)
            for thing, args in wanted.items()
        }

    def _push(self) -> pulumi.Resource:
        files: dict[str, pulumi.Input[str]] = {"ca.crt": self._ca.certificate}
        for thing, certificate in self.certificates.items():
            files[f"{thing}.crt"] = certificate.certificate
            files[f"{thing}.key"] = certificate.key
        line = pulumi.Output.all(
            **{thing: each.fingerprint for thing, each in self.certificates.items()}
        ).apply(lambda prints: self._pki_line(dict(prints)))
        return self._command(
            "pki", line, pulumi.Output.secret(pulumi.Output.all(**files).apply(kubeadm.encoded))
        )

    def _pki_line(self, prints: dict[str, str]) -> str:
        return self._host.verb("pki", *(f"{thing}={value}" for thing, value in prints.items()))
