"""One host: the host program, packages, the container runtime, a standalone kubelet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
from pulumi_command import remote

from .. import hostprogram
from ..config.settings import Settings
from ..plan.decide import Area
from ..state import host as state_host
from ..state.text import flat_yaml
from .remote import RemoteHost


class PreparedHost(pulumi.ComponentResource):
    """A host that has what its packages, repositories and registry are configured to be.

    type_: the component's type, as `kubernetes:index:Host`. verb, state: the verb that `prepare`
    runs in the end, and what it is told; the operating system and the
    container runtime are prepared without them. forget: the verb that takes it back, if there is
    one. etcdctl: the version to install, empty for none. claim: cluster, member, token and
    stack, which the host has to belong to, where it carries a member. after: what has to be there
    before anything is done on it.
    host: how its commands are run. program: the command that installs the host program, which
    every verb needs. ready: what everything else that is done on it waits for.
    prepared: the command that ends when the host is prepared. steps: all commands that `prepare`
    declares, by what they are about.
    """

    prepared: remote.Command
    ready: list[pulumi.Resource]
    steps: dict[str, remote.Command]

    def __init__(
        self,
        type_: str,
        name: str,
        host: RemoteHost,
        *,
        verb: str = "prepare-host",
        state: Mapping[str, str] | None = None,
        forget: str | None = None,
        etcdctl: str = "",
        claim: pulumi.Input[Sequence[str]] = (),
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(type_, name, None, opts)
        self.host = host
        identity = pulumi.Output.from_input(claim)
        install = identity.apply(lambda words: hostprogram.install_line(host.user, *words))
        adopt = identity.apply(
            lambda words: hostprogram.install_line(host.user, *words, adopt=host.adopts)
        )
        # (A host whose memory was lost before its member was managed is adopted once more.)
        again = host.adopts and host.member.name in host.plan.memory.members
        self.program = host.command(
            "host-program",
            area="host-program",
            create=adopt,
            update=adopt if again else install,
            delete=pulumi.Output.from_input(host.token).apply(
                lambda token: hostprogram.uninstall_line(
                    host.user, host.owner, host.member.name, str(token)
                )
            ),
            parent=self,
            depends_on=after,
        )
        self.ready = [self.program]
        if state is None:
            state = self._owner | state_host.runtime_state(host.settings)
        self._verb, self._forget_verb, self._state = verb, forget, state
        self._etcdctl = etcdctl

    def prepare(
        self, after: Sequence[pulumi.Resource] = (), turn: Sequence[pulumi.Resource] = ()
    ) -> None:
        """Packages and registry once it is its turn; the rest when `after` is there, too."""
        host = self.host
        self.steps = {}
        if host.is_lost:
            host.remains(("registry", "packages", "host"), self)
            self.register_outputs(self._outputs)
            return
        if state_host.has_registry(host.settings):
            self.steps["registry"] = self._registry(turn)
        if host.settings.install == "packages":
            self.steps["packages"] = self._packages(turn)
        self.prepared = self.steps["host"] = host.command(
            "host",
            area="host",
            create=host.verb(self._verb),
            update=host.verb(self._verb),
            delete=host.owned(self._forget_verb) if self._forget_verb else None,
            stdin=flat_yaml(self._state),
            parent=self,
            depends_on=[*self.ready, *self.steps.values(), *after, *turn],
        )
        self.register_outputs(self._outputs)

    @property
    def _outputs(self) -> dict[str, Any]:
        """What the next run has to know, also where this one is cut off: whom it was to clear,
        whether Pulumi would refuse to delete what is on this host, and since when it is lost. (Any
        run in which it is not lost takes that time back, before it begins on the host.)
        """
        keys = ("host", "port", "user", "hostKey")
        former = [
            dict(zip(keys, (each.host, each.port, each.user, each.host_key), strict=True))
            for each in self.host.former_hosts
        ]
        told: dict[str, Any] = {"formerHosts": former} if former else {}
        told |= {"lost": self.host.lost_since} if self.host.lost_since else {}
        return told | ({"protected": True} if self.host.protect else {})

    @property
    def _owner(self) -> dict[str, str]:
        return {"cluster": self.host.owner, "member": self.host.member.name}

    def _packages(self, turn: Sequence[pulumi.Resource]) -> remote.Command:
        host = self.host
        state = state_host.packages_state(host.settings, host.sources, self._etcdctl)
        return self._command("packages", "install", flat_yaml(self._owner | state), turn)

    def _registry(self, turn: Sequence[pulumi.Resource]) -> remote.Command:
        settings, sources = self.host.settings, self.host.sources
        stdin = flat_yaml(state_host.registry_state(settings, sources))
        secret = settings.registry.password is not None
        return self._command(
            "registry", "registry", pulumi.Output.secret(stdin) if secret else stdin, turn
        )

    def _command(
        self, thing: Area, verb: str, stdin: pulumi.Input[str], turn: Sequence[pulumi.Resource]
    ) -> remote.Command:
        host = self.host
        return host.command(
            thing,
            area=thing,
            create=host.verb(verb),
            update=host.verb(verb),
            delete=self._forget(f"forget-{thing}"),
            stdin=stdin,
            parent=self,
            depends_on=[*self.ready, *turn],
        )

    def _forget(self, verb: str) -> pulumi.Output[str]:
        return self.host.owned(verb, self.host.owner, self.host.member.name)


class EtcdHost(PreparedHost):
    """A host with a standalone kubelet, which a member needs."""

    def __init__(
        self,
        name: str,
        host: RemoteHost,
        settings: Settings,
        *,
        claim: pulumi.Input[Sequence[str]],
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(
            "etcd-cluster:index:EtcdHost",
            name,
            host,
            verb="prepare-kubelet",
            state=state_host.host_state(settings, host.member),
            forget="forget-host",
            etcdctl=settings.etcd_version,
            claim=claim,
            after=after,
            opts=opts,
        )
