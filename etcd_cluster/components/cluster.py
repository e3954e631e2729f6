"""The whole cluster, as one component."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
import pulumi_random as random

from ..config.sections import HostEntry
from ..state import member as state_member
from ..state.kubernetes import external_etcd
from .args import EtcdClusterArgs
from .certificates import CLIENT, CertificateArgs, CertificateAuthority
from .host import EtcdHost
from .member import EtcdMember
from .remote import RemoteHost


class EtcdCluster(pulumi.ComponentResource):
    """An external etcd cluster of static pods for Kubernetes.

    Attributes are the stack's outputs: endpoints, ca_certificate, client_certificate, client_key
    (secret), kubeadm_external_etcd (YAML), members (by name), cluster_id (hex), clients (further
    certificates, by name).
    """

    def __init__(
        self,
        name: str,
        args: EtcdClusterArgs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("etcd-cluster:index:EtcdCluster", name, None, opts)
        self._args = args
        settings = args.settings
        # First of all, where it may be: what is slow on a host begins while certificates are made.
        hosts = {} if args.plan.formed else {m.name: self._host(m) for m in settings.members}
        ca = CertificateAuthority(
            f"{name}-ca",
            settings.certificates,
            protect=settings.deletion_protection,
            opts=pulumi.ResourceOptions(parent=self),
        )
        # Tells this bootstrapping from every other one: two clusters with one token could merge.
        token = random.RandomId(
            f"{name}-token",
            byte_length=16,
            opts=pulumi.ResourceOptions(parent=self, protect=settings.deletion_protection),
        )
        members = self._members(hosts, ca, token.hex)
        client = ca.issue(
            f"{name}-apiserver-etcd-client",
            CertificateArgs(common_name="kube-apiserver-etcd-client", uses=CLIENT),
            self,
        )
        self.clients = {
            each: ca.issue(
                f"{name}-client-{each}", CertificateArgs(common_name=each, uses=CLIENT), self
            )
            for each in settings.clients
        }
        urls = state_member.endpoints(settings)
        # Nobody is handed an endpoint before its member is healthy.
        self.endpoints = pulumi.Output.all(*(m.healthy.stdout for m in members.values())).apply(
            lambda _: urls
        )
        self.ca_certificate = ca.certificate
        self.client_certificate = client.certificate
        self.client_key = client.key
        self.kubeadm_external_etcd = self.endpoints.apply(
            lambda known: external_etcd(settings, known)
        )
        self.members = pulumi.Output.all(**{n: m.description for n, m in members.items()})
        self.cluster_id = next(iter(members.values())).cluster_id
        self.register_outputs({"endpoints": self.endpoints, "clusterId": self.cluster_id})

    def _members(
        self,
        hosts: dict[str, EtcdHost],
        ca: CertificateAuthority,
        token: pulumi.Output[str],
    ) -> dict[str, EtcdMember]:
        """All at once while none is formed; one after the other once there is a quorum to lose."""
        everybody = self._args.settings.members
        if not self._args.plan.formed:
            members = {each.name: self._prepared(each, hosts[each.name], ca) for each in everybody}
            # Where a host's packages cannot be had, no etcd starts on the others either. (In an
            # image they are there, or the plan has refused.)
            together = self._args.settings.install == "packages"
            all_prepared = [host.prepared for host in hosts.values()] if together else []
            for name, member in members.items():
                member.start(token, [hosts[name].prepared, member.pki, *all_prepared])
            return members
        members, previous = {}, list[pulumi.Resource]()
        for each in everybody:
            host = self._host(each, previous)
            member = members[each.name] = self._prepared(each, host, ca)
            member.start(token, [host.prepared, member.pki])
            previous = [member.healthy]
        return members

    def _prepared(self, member: HostEntry, host: EtcdHost, ca: CertificateAuthority) -> EtcdMember:
        """A member that can start, with its certificates on a host that is prepared after that."""
        shared = self._shared(member)
        own = pulumi.ResourceOptions(parent=self)
        made = EtcdMember(
            f"{shared.prefix}-member",
            shared,
            self._args.settings,
            ca,
            program=host.program,
            opts=own,
        )
        host.prepare([made.pki])
        return made

    def _host(self, member: HostEntry, after: Sequence[pulumi.Resource] = ()) -> EtcdHost:
        shared = self._shared(member)
        own = pulumi.ResourceOptions(parent=self)
        return EtcdHost(f"{shared.prefix}-host", shared, self._args.settings, after=after, opts=own)

    def _shared(self, member: HostEntry) -> RemoteHost:
        return self._args.host(self._args.settings.cluster_name, member)
