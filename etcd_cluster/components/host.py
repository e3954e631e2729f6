"""One host: the host program, packages, the container runtime, a standalone kubelet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    one. etcdctl: the version to install, empty for none. after: what has to be there before
    anything is done on it.
    program: the command that installs the host program, which every verb needs.
    prepared: the command that ends when the host is prepared.
    """

    prepared: remote.Command

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
        after: Sequence[pulumi.Resource] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(type_, name, None, opts)
        self._host = host
        install = hostprogram.install_line(host.user)
        self.program = host.command(
            "host-program",
            area="host-program",
            create=install,
            update=install,
            delete=self._forget("uninstall"),
            parent=self,
            depends_on=after,
        )
        self._ready: list[pulumi.Resource] = [self.program]
        if state_host.has_registry(host.settings):
            self._ready.append(self._registry())
        if host.settings.install == "packages":
            self._ready.append(self._packages(etcdctl))
        if state is None:
            state = self._owner | state_host.runtime_state(host.settings)
        self._verb, self._forget_verb, self._state = verb, forget, state

    def prepare(self, after: Sequence[pulumi.Resource] = ()) -> None:
        """What is to be done when its packages, and all of `after`, are there."""
        host = self._host
        self.prepared = host.command(
            "host",
            area="host",
            create=host.verb(self._verb),
            update=host.verb(self._verb),
            delete=host.verb(self._forget_verb) if self._forget_verb else None,
            stdin=flat_yaml(self._state),
            parent=self,
            depends_on=[*self._ready, *after],
        )
        self.register_outputs({})

    @property
    def _owner(self) -> dict[str, str]:
        return {"cluster": self._host.owner, "member": self._host.member.name}

    def _packages(self, etcdctl: str) -> pulumi.Resource:
        host = self._host
        state = self._owner | state_host.packages_state(host.settings, host.sources, etcdctl)
        return self._command("packages", "install", flat_yaml(state))

    def _registry(self) -> pulumi.Resource:
        settings, sources = self._host.settings, self._host.sources
        stdin = flat_yaml(state_host.registry_state(settings, sources))
        secret = settings.registry.password is not None
        return self._command(
            "registry", "registry", pulumi.Output.secret(stdin) if secret else stdin
        )

    def _command(self, thing: Area, verb: str, stdin: pulumi.Input[str]) -> pulumi.Resource:
        host = self._host
        return host.command(
            thing,
            area=thing,
            create=host.verb(verb),
            update=host.verb(verb),
            delete=self._forget(f"forget-{thing}"),
            stdin=stdin,
            parent=self,
            depends_on=[self.program],
        )

    def _forget(self, verb: str) -> str:
        return self._host.verb(verb, self._host.owner, self._host.member.name)


class EtcdHost(PreparedHost):
    """A host with a standalone kubelet, which a member needs."""

    def __init__(
        self,
        name: str,
        host: RemoteHost,
        settings: Settings,
        *,
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
            after=after,
            opts=opts,
        )
