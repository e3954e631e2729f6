"""One etcd member: its certificates, its static pod, its health."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_command import remote

from ..config.settings import Settings
from ..config.values import is_address
from ..plan.outputs import lines
from ..plan.probe import parse
from ..state import backup as state_backup
from ..state import member as state_member
from ..state.text import encoded, flat_yaml
from .authorities import Authorities
from .certificates import (
    CLIENT,
    SERVER_AND_CLIENT,
    Certificate,
    CertificateArgs,
)
from .remote import RemoteHost


class EtcdMember(pulumi.ComponentResource):
    """A member: first its certificates on a host that is ready for them, then `start`.

    pki: the command that ends when they are there; the host's kubelet needs one of them.
    healthy: the command that ends when the member is healthy in its quorum.
    description: what the stack's output `members` says of it. cluster_id: hex.
    """

    healthy: remote.Command
    description: pulumi.Output[dict[str, str]]
    cluster_id: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        host: RemoteHost,
        settings: Settings,
        ca: Authorities,
        *,
        ready: Sequence[pulumi.Resource],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("etcd-cluster:index:EtcdMember", name, None, opts)
        self._host = host
        self._settings = settings
        self._certificates = self._issue(ca)
        if host.is_lost:
            host.remains(("pki", "member", "healthy", "backup"), self)
        else:
            self.pki: remote.Command = self._push(ca, ready)

    def start(
        self,
        token: pulumi.Output[str],
        steps: Mapping[str, remote.Command],
        ready: Sequence[pulumi.Resource],
    ) -> None:
        """Its etcd, once all of `ready` is there. steps: what is done on the host before, by area.

        token: for the case that it bootstraps the cluster.
        """
        self._started = self._start(token, ready)
        self.healthy = self._wait({**steps, "member": self._started})
        identity = self.healthy.stdout.apply(parse)
        self.cluster_id = identity.apply(lambda said: said.get("cluster-id", ""))
        self.description = self._describe(identity)
        self.register_outputs({"description": self.description})

    def give_up(self, others: Sequence[EtcdMember]) -> None:
        """Its host is lost: says since when, once each of the others has removed its entry since.

        A run with --target may not get to all of them: then their states are as before.
        """
        name, since = self._host.member.name, self._host.lost_since
        done = [
            pulumi.Output.all(each.healthy.stdout, each._started.stdin).apply(
                lambda said: state_member.is_told_lost(lines(said[1], "stdin"), name, since)
            )
            for each in others
        ]
        given_up = pulumi.Output.all(*done).apply(lambda each: since if all(each) else "")
        self.register_outputs({"givenUp": given_up})

    def _issue(self, ca: Authorities) -> dict[str, Certificate]:
        if not ca.can_issue:
            return {}
        member = self._host.member
        further = self._settings.certificates.extra_names
        addresses = [each for each in further if is_address(each)]
        served: dict[str, Any] = {
            "common_name": member.name,
            "uses": SERVER_AND_CLIENT,
            "dns_names": ["localhost", member.name, *(set(further) - set(addresses))],
            "ip_addresses": [
                *self._host.plan.addresses.get(member.name, ("127.0.0.1", "::1", member.address)),
                *addresses,
            ],
        }
        wanted = {
            "server": CertificateArgs(**served),
            "peer": CertificateArgs(**served),
            "healthcheck-client": CertificateArgs(
                common_name="kube-etcd-healthcheck-client", uses=CLIENT
            ),
        }
        return {
            thing: ca.issue(f"{self._host.prefix}-{thing}", args, self, self._host.protect)
            for thing, args in wanted.items()
        }

    def _push(self, ca: Authorities, ready: Sequence[pulumi.Resource]) -> remote.Command:
        host = self._host
        files: dict[str, pulumi.Input[str]] = {"ca.crt": ca.bundle}
        trusted = state_member.trusted(self._settings)
        if trusted:
            files[f"trusted-{trusted}.crt"] = ca.trusted
        for thing, certificate in self._certificates.items():
            files[f"{thing}.crt"] = certificate.certificate
            files[f"{thing}.key"] = certificate.key
        line = pulumi.Output.all(
            **{thing: each.fingerprint for thing, each in self._certificates.items()},
            issuer=ca.fingerprint,
            known=ca.fingerprints,
        ).apply(lambda prints: self._pki_line(dict(prints)))
        return host.command(
            "pki",
            area="pki",
            create=line,
            update=line,
            delete=host.owned("forget-pki", host.owner, host.member.name),
            stdin=pulumi.Output.secret(pulumi.Output.all(**files).apply(encoded)),
            parent=self,
            depends_on=ready,
        )

    def _pki_line(self, prints: dict[str, str]) -> str:
        return self._host.verb("pki", *(f"{thing}={value}" for thing, value in prints.items()))

    def allow_downgrade(
        self, token: pulumi.Output[str], ready: Sequence[pulumi.Resource]
    ) -> remote.Command:
        """Tells the cluster of a downgrade, once all of `ready` is there, before any `start`."""
        return self._host.allow_downgrade(token.apply(self._told), self, ready)

    def restore(
        self, verb: str, token: pulumi.Output[str], ready: Sequence[pulumi.Resource]
    ) -> remote.Command:
        """`restore-stage` or `restore-fence`, once all of `ready` is there, before any `start`."""
        wanted = self._host.plan.restoring
        assert wanted is not None
        staged = verb == "restore-stage"
        told, secret = wanted.told(), False
        if staged and wanted.in_store:
            told |= state_backup.store_state(self._settings, self._host.sources)
            secret = state_backup.is_secret(self._settings)
        stdin = token.apply(lambda known: self._told(known) + flat_yaml(told))
        return self._host.restore(
            "restore" if staged else "fence",
            f"{self._host.verb(verb)} # {wanted.source if staged else wanted.ends}",
            pulumi.Output.secret(stdin) if secret else stdin,
            self,
            ready,
        )

    def backup(self, token: pulumi.Output[str]) -> None:
        """Its host's scheduled backups, once it is healthy; `start` comes before."""
        host = self._host
        known = host.plan.memory.members.get(host.member.name)
        # One that stays as it is would be made anew where the state has none.
        stays = bool(host.plan.adopting)
        if not (known and known.backed_up) if stays else self._settings.backup is None:
            return
        host.command(
            "backup",
            area="backup",
            create=host.verb("backup-setup"),
            update=host.verb("backup-setup"),
            delete=host.owned("forget-backup", host.owner, host.member.name),
            stdin=backup_told(self._settings, host, token),
            parent=self,
            depends_on=[self.healthy],
        )

    def restored(self) -> None:
        """The steps of a restore that was done in a run before, as the state has them."""
        for thing in ("restore", "fence"):
            if f"{self._host.member.name}-{thing}" in self._host.plan.memory.restore_commands:
                self._host.restore(thing, "", None, self)

    def _start(self, token: pulumi.Output[str], ready: Sequence[pulumi.Resource]) -> remote.Command:
        host = self._host
        return host.command(
            "member",
            area="member",
            # Only a resource that is new, while no host reports a cluster, may bootstrap one.
            create=host.verb("converge" if host.plan.formed else "bootstrap"),
            update=host.verb("converge"),
            delete=host.verb("leave"),
            stdin=token.apply(self._told),
            parent=self,
            depends_on=ready,
        )

    def _told(self, token: str) -> str:
        """The desired state of its etcd. Drift needs all of it, and so does a bootstrap."""
        host = self._host
        # (What is adopted is only remembered, and removes nobody's entry.)
        since = {} if host.plan.adopting else host.plan.memory.lost_since
        wanted = state_member.member_state(self._settings, host.member, token, since)
        known = host.plan.memory.members.get(host.member.name)
        if host.plan.formed and known and not host.plan.why(host.member.name, "member"):
            wanted = state_member.as_told(wanted, known.told)
        return flat_yaml(wanted)

    def _wait(self, steps: Mapping[str, remote.Command]) -> remote.Command:
        """`wait-healthy`: after any of these steps has done something, it asks again."""
        host = self._host
        said = pulumi.Output.all(**{area: step.stdout for area, step in steps.items()})
        return host.command(
            "healthy",
            area=None,
            create=host.verb("wait-healthy"),
            update=host.verb("wait-healthy"),
            delete=None,
            stdin=said.apply(
                lambda known: flat_yaml(
                    state_member.wait_healthy_state(
                        self._settings,
                        host.member,
                        {area: parse(text).get("converged", "0") for area, text in known.items()},
                    )
                )
            ),
            parent=self,
            depends_on=list(steps.values()),
        )

    def _describe(self, identity: pulumi.Output[dict[str, str]]) -> pulumi.Output[dict[str, str]]:
        member = self._host.member
        server = self._certificates.get("server")
        return pulumi.Output.all(identity, server.expiry if server else "").apply(
            lambda known: {
                "id": known[0].get("member-id", ""),
                "clientUrl": state_member.client_url(member),
                "peerUrl": state_member.peer_url(member),
                "etcdVersion": known[0].get("version", ""),
                "certificateExpiry": known[1],
            }
        )


def backup_told(
    settings: Settings, host: RemoteHost, token: pulumi.Output[str]
) -> pulumi.Output[str]:
    """What a backup on this host is told."""
    stdin = token.apply(
        lambda known: flat_yaml(
            state_backup.backup_state(settings, host.sources, host.member, known)
        )
    )
    return pulumi.Output.secret(stdin) if state_backup.is_secret(settings) else stdin
