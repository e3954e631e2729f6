"""What components are made from: configuration, files and hosts, read in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

import pulumi
from pulumi.runtime import config as runtime_config

from .. import hostprogram
from ..config import authority, reading
from ..config import settings as settings_of
from ..config.authority import GivenAuthority
from ..config.credentials import Access
from ..config.hosts import HostSettings
from ..config.reading import Configuration
from ..config.sections import HostEntry
from ..config.settings import Settings
from ..config.trust import Sources
from ..plan import decide, probe
from ..plan.decide import Plan
from .adoption import with_given
from .remote import NO_TOKEN, RemoteHost
from .state import read_memory

S = TypeVar("S", bound=HostSettings)


@dataclass(frozen=True, kw_only=True)
class _Args(Generic[S]):
    settings: S
    access: Access
    plan: Plan
    sources: Sources = field(default_factory=Sources)

    def host(self, owner: str, entry: HostEntry, token: pulumi.Input[str] = NO_TOKEN) -> RemoteHost:
        """One host of the settings. owner: prefix of the names of all its resources. token: of
        the cluster that it carries a member of.
        """
        return RemoteHost(
            owner=owner,
            settings=self.settings,
            access=self.access,
            sources=self.sources,
            plan=self.plan,
            member=entry,
            token=token,
        )


@dataclass(frozen=True, kw_only=True)
class EtcdClusterArgs(_Args[Settings]):
    """What the cluster is (settings), how it is reached (access), what is to be done (plan).

    sources: what files hold that the settings name; none is needed where they name none.
    authority: the CA that was made elsewhere, if there is one.
    """

    authority: GivenAuthority | None = None

    @classmethod
    def read(
        cls, namespace: str = "etcd-cluster", folder: Path | None = None, *, alone: bool = False
    ) -> EtcdClusterArgs:
        """The stack's configuration under `namespace`, the files that it names, and the hosts.

        folder: where relative paths start; the project's without it. alone: the program declares
        no other cluster; then one that the stack has under another name is a StateError.
        Logs a warning for what is allowed but doubtful. Raises EtcdClusterError with every fault:
        ConfigurationError and StateError before any host is dialed, HostsError after that.
        """
        read = _configuration(Settings, namespace, folder)
        _warn(settings_of.warnings(read.settings))
        _warn(authority.warnings(read.authority, read.settings.certificates))
        preview = pulumi.runtime.is_dry_run()
        name = read.settings.cluster_name
        memory = with_given(read_memory(name, alone=alone), read.authority)
        observations: dict[str, probe.Observation] = {}
        if read.settings.drift_detection or not preview or read.settings.restore:
            hosts = [
                *probe.targets(read.settings, read.access, memory),
                *probe.former_targets(read.settings, memory),
            ]
            observations = probe.observe(hosts, read.settings, read.access, bring=not preview)
        plan = decide.decide(
            read.settings,
            observations,
            memory,
            preview=preview,
            program_digest=hostprogram.digest(),
        )
        _warn(plan.warnings)
        for text in plan.information if preview else ():
            pulumi.log.info(text)
        return cls(
            settings=read.settings,
            access=read.access,
            sources=read.sources,
            plan=plan,
            authority=read.authority,
        )


@dataclass(frozen=True, kw_only=True)
class HostsArgs(_Args[S]):
    """Hosts that carry no member: the same as EtcdClusterArgs, with settings of one's own."""

    @classmethod
    def read(
        cls,
        model: type[S],
        namespace: str,
        folder: Path | None = None,
        *,
        programs: Sequence[hostprogram.Program] = (),
    ) -> HostsArgs[S]:
        """As EtcdClusterArgs.read does, for settings of the kind `model`.

        The hosts are the fields of it that hold a HostEntry, or a tuple of them. programs: the
        stack's own programs on them, which are asked for drift (see Program).
        """
        read = _configuration(model, namespace, folder)
        preview = pulumi.runtime.is_dry_run()
        plan = decide.decide_for_hosts(
            read.settings,
            probe.observe(
                probe.targets(read.settings, read.access, None),
                read.settings,
                read.access,
                bring=not preview,
                programs=programs,
            ),
            preview=preview,
            program_digest=hostprogram.digest(),
            programs=programs,
        )
        _warn(plan.warnings)
        return cls(settings=read.settings, access=read.access, sources=read.sources, plan=plan)


def _configuration(model: type[S], namespace: str, folder: Path | None) -> Configuration[S]:
    start = folder or Path(pulumi.get_root_directory() or ".")
    return reading.read(model, _raw(namespace), start)


def _raw(namespace: str) -> dict[str, str]:
    """Every key of the configuration under a namespace, so that unknown ones are seen too."""
    prefix = f"{namespace}:"
    return {
        key.removeprefix(prefix): value
        for key, value in runtime_config.get_config_env().items()
        if key.startswith(prefix)
    }


def _warn(texts: Sequence[str]) -> None:
    for text in texts:
        pulumi.log.warn(text)
