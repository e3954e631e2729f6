"""The whole cluster, as one component."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_random as random

from ..config.sections import HostEntry
from ..errors import ConfigurationError
from ..plan.restore import Restoring
from ..state import member as state_member
from ..state.kubernetes import external_etcd
from ..state.text import flat_yaml
from .args import EtcdClusterArgs
from .authorities import Authorities
from .certificates import CLIENT, Certificate, CertificateArgs
from .host import EtcdHost
from .member import EtcdMember, backup_told


class EtcdCluster(pulumi.ComponentResource):
    """An external etcd cluster of static pods for Kubernetes.

    Attributes are the stack's outputs: endpoints, ca_certificate (of every CA that is trusted),
    certificate_authorities (one entry each), client_certificate, client_key (secret),
    kubeadm_external_etcd (YAML), members (by name), cluster_id (hex), clients (further
    certificates, by name), backup (the newest, as the hosts know it; None where they know none).
    While a CA issues that was given without its key, there are no certificates for clients.
    name: the settings' clusterName. Raises ConfigurationError for another one.
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
        if name != settings.cluster_name:  # by which the next run reads this stack's state
            raise ConfigurationError(
                [
                    f"clusterName: {settings.cluster_name!r}, and the EtcdCluster is named "
                    f"{name!r}: expected one name for both, e.g. "
                    "EtcdCluster(args.settings.cluster_name, args)"
                ]
            )
        ca = Authorities(name, settings, args.plan.memory, args.authority, self)
        # Tells this cluster from every other one: two clusters with one token could merge, and a
        # host knows by it whose it is.
        token = random.RandomId(
            f"{name}-token",
            byte_length=16,
            opts=pulumi.ResourceOptions(parent=self, protect=settings.deletion_protection),
        )
        self._ca, self._token = ca, token.hex
        self._backed_up()
        if args.plan.restoring:
            members = self._restored(args.plan.restoring)
        elif args.plan.formed and not args.plan.adopting:
            members = self._formed()
        else:  # what is adopted is left as it is, so there is nothing to lose either
            members = self._bootstrapped()
        self._lost(members)
        self._former_hosts(members)
        self._former_members(members)
        client = self._client("apiserver-etcd-client", "kube-apiserver-etcd-client")
        clients = {each: self._client(f"client-{each}", each) for each in settings.clients}
        self.clients = {each: made for each, made in clients.items() if made}
        urls = state_member.endpoints(settings)
        # Nobody is handed an endpoint before its member is healthy.
        self.endpoints = pulumi.Output.all(*(m.healthy.stdout for m in members.values())).apply(
            lambda _: urls
        )
        self.ca_certificate = ca.bundle
        self.certificate_authorities = ca.described
        self.client_certificate = client.certificate if client else None
        self.client_key = client.key if client else None
        self.kubeadm_external_etcd = self.endpoints.apply(
            lambda known: external_etcd(settings, known)
        )
        self.members = pulumi.Output.all(**{n: m.description for n, m in members.items()})
        self.cluster_id = next(iter(members.values())).cluster_id
        self.backup = args.plan.backup
        passed = {"revision": args.plan.revision} if args.plan.revision else {}
        self.register_outputs({"endpoints": self.endpoints, "clusterId": self.cluster_id, **passed})

    def _client(self, name: str, common_name: str) -> Certificate | None:
        """A client's certificate; none while the CA that issues was given without its key."""
        if not self._ca.can_issue:
            return None
        args = CertificateArgs(common_name=common_name, uses=CLIENT)
        # (One of `clients` comes and goes; the API servers' key is what they live on.)
        protect = None if name == "apiserver-etcd-client" else False
        name = f"{self._args.settings.cluster_name}-{name}"
        return self._ca.issue(name, args, self, protect=protect)

    def _bootstrapped(self) -> dict[str, EtcdMember]:
        """All at once: there is no quorum to lose."""
        everybody = [self._new(each) for each in self._args.settings.living]
        for new in everybody:
            new.host.prepare([new.member.pki])
        # If a host's packages could not be downloaded, no etcd starts on the others either. (In an
        # image they are there, or the plan has refused.)
        together = self._args.settings.install == "packages"
        all_prepared = [new.host.prepared for new in everybody] if together else []
        for new in everybody:
            new.start(self._token, all_prepared)
        return {new.name: new.member for new in everybody}

    def _restored(self, wanted: Restoring) -> dict[str, EtcdMember]:
        """All at once, in three steps: no etcd stops before the new data lies on every host, and
        none starts anew before all have stopped.
        """
        everybody = [self._new(each) for each in self._args.settings.living]
        turn: list[pulumi.Resource] = []
        for new in everybody:
            # The old cluster serves meanwhile, so what disturbs its members comes one by one.
            new.host.prepare([new.member.pki], turn if new.name in wanted.running else ())
            if new.name in wanted.running:
                turn = [new.host.prepared]
        steps: list[pulumi.Resource] = [
            each for new in everybody for each in (new.host.prepared, new.member.pki)
        ]
        for verb in ("restore-stage", "restore-fence"):
            steps = [new.member.restore(verb, self._token, steps) for new in everybody]
        survivors = [new for new in everybody if wanted.survivor in ("", new.name)]
        for new in survivors:
            new.start(self._token, steps)
        for new in everybody:
            if new not in survivors:
                new.start(self._token, [*steps, *(each.member.healthy for each in survivors)])
        return {new.name: new.member for new in everybody}

    def _formed(self) -> dict[str, EtcdMember]:
        """One after the other, as the plan has them: there is a quorum to lose."""
        chain = self._args.plan.chain
        by_name = {each.name: each for each in self._args.settings.living}
        healed: list[_New] = []
        # Certificates for both addresses are everywhere before the first member moves. And where
        # they have ended, nobody finds a quorum or is spared before all that serve have new ones.
        # (etcd reads them at each handshake, so this disturbs nobody.)
        early = chain.moved | chain.ended
        moving = {name: self._new(by_name[name]) for name in chain.order if name in early}
        certified = [new.member.pki for new in moving.values()]
        previous: list[pulumi.Resource] = [
            new.member.pki for name, new in moving.items() if name in chain.ended
        ]
        for group in (chain.stopped, (*chain.emptied, *chain.beside)):
            side_by_side = [self._new(by_name[name], previous) for name in group]
            for new in side_by_side:
                new.host.prepare([new.member.pki])
                new.start(self._token)
            previous = [new.member.healthy for new in side_by_side] or previous
            healed += side_by_side
        members = {new.name: new.member for new in healed}
        for name in chain.order:
            # A host that has no member yet is prepared while others have their turn.
            turn = [] if name in chain.joining else previous
            new = moving.get(name) or self._new(by_name[name], turn)
            new.host.prepare([new.member.pki], [*turn, *certified] if name in moving else ())
            if self._args.plan.downgrade and name == chain.order[0]:
                ready = [new.host.prepared, new.member.pki]
                previous = [new.member.allow_downgrade(self._token, [*ready, *previous])]
            new.start(self._token, previous)
            members[name] = new.member
            previous = [new.member.healthy]
        for member in members.values() if self._args.settings.restore else ():
            member.restored()
        return {each.name: members[each.name] for each in self._args.settings.living}

    def _backed_up(self) -> None:
        """A backup before anything else is done, where the plan wants one; it needs the host
        program of the member that makes it.
        """
        plan, settings = self._args.plan, self._args.settings
        self._before: list[pulumi.Resource] = []
        self._begun: dict[str, EtcdHost] = {}
        if plan.before is None:
            if plan.memory.backup_before:
                host = self._args.host(settings.cluster_name, settings.living[0], self._token)
                host.backup_before("", None, self)
            return
        name = plan.before.member
        made = self._host(next(each for each in settings.living if each.name == name))
        if plan.before.local:
            settings = settings.model_copy(update={"backup": None})
        stdin = backup_told(settings, made.host, self._token)
        done = made.host.backup_before(plan.before.why, stdin, self, [made.program])
        made.ready.append(done)
        self._before, self._begun = [done], {name: made}

    def _lost(self, members: dict[str, EtcdMember]) -> None:
        """What is left of given-up members, in the state alone, until they leave `members`."""
        for entry in self._args.settings.lost:
            lost = self._new(entry)
            lost.host.prepare()
            lost.member.give_up([*members.values()])

    def _former_members(self, members: dict[str, EtcdMember]) -> None:
        """Those of a cluster that was taken over leave, once the declared ones are healthy."""
        section = self._args.settings.take_over
        if section is None or section.former_members == "stay":
            return
        first = self._args.settings.living[0]
        stdin = self._token.apply(
            lambda token: flat_yaml(state_member.take_over_state(self._args.settings, first, token))
        )
        self._args.host(self._args.settings.cluster_name, first, self._token).take_over(
            stdin, self, [each.healthy for each in members.values()]
        )

    def _former_hosts(self, members: dict[str, EtcdMember]) -> None:
        """Former hosts of members that have a new one: nothing of this cluster stays there."""
        for entry in self._args.settings.living:
            host = self._args.host(self._args.settings.cluster_name, entry, self._token)
            host.clear_former(self, members[entry.name].healthy)

    def _new(self, entry: HostEntry, after: Sequence[pulumi.Resource] = ()) -> _New:
        """A member and its host: the host program there, and the certificates."""
        if entry.name in self._begun:
            made = self._begun[entry.name]
            made.ready.extend(after)
        else:
            made = self._host(entry, [*self._before, *after])
        member = EtcdMember(
            f"{made.host.prefix}-member",
            made.host,
            self._args.settings,
            self._ca,
            ready=made.ready,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return _New(entry.name, made, member)

    def _host(self, entry: HostEntry, after: Sequence[pulumi.Resource] = ()) -> EtcdHost:
        """A host, and the host program there."""
        settings = self._args.settings
        host = self._args.host(settings.cluster_name, entry, self._token)
        stack = self._args.plan.memory.stack or "-"
        claim = self._token.apply(lambda token: [settings.cluster_name, entry.name, token, stack])
        own = pulumi.ResourceOptions(parent=self)
        return EtcdHost(f"{host.prefix}-host", host, settings, claim=claim, after=after, opts=own)


@dataclass(frozen=True)
class _New:
    name: str
    host: EtcdHost
    member: EtcdMember

    def start(self, token: pulumi.Output[str], after: Sequence[pulumi.Resource] = ()) -> None:
        """Its etcd, and `wait-healthy`, which asks again after anything done on the host."""
        steps = {**self.host.steps, "pki": self.member.pki}
        self.member.start(token, steps, [self.host.prepared, self.member.pki, *after])
        self.member.backup(token)
