"""Declarative, highly available external etcd for Kubernetes, as static pods on plain hosts.

The names here are the public ones, and the only ones: docs/library.md says what each is for. A name
is imported when it is first asked for, so that `import etcd_cluster` does not import pulumi.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .components.args import EtcdClusterArgs, HostsArgs
    from .components.certificates import fingerprint
    from .components.cluster import EtcdCluster
    from .components.host import PreparedHost
    from .components.program import errors_shown
    from .components.remote import RemoteHost
    from .config.credentials import Access
    from .config.hosts import HostSettings
    from .config.sections import HostEntry
    from .config.settings import Settings
    from .config.trust import Sources
    from .config.values import DnsLabel, IpAddress, Plain
    from .errors import ConfigurationError, EtcdClusterError, HostsError, StateError
    from .hostprogram import Program
    from .plan.decide import Plan
    from .state.text import encoded, flat_yaml

__all__ = [
    "Access",
    "ConfigurationError",
    "DnsLabel",
    "EtcdCluster",
    "EtcdClusterArgs",
    "EtcdClusterError",
    "HostEntry",
    "HostSettings",
    "HostsArgs",
    "HostsError",
    "IpAddress",
    "Plain",
    "Plan",
    "PreparedHost",
    "Program",
    "RemoteHost",
    "Settings",
    "Sources",
    "StateError",
    "encoded",
    "errors_shown",
    "fingerprint",
    "flat_yaml",
]

_MODULES = {
    "components.args": ("EtcdClusterArgs", "HostsArgs"),
    "components.certificates": ("fingerprint",),
    "components.cluster": ("EtcdCluster",),
    "components.host": ("PreparedHost",),
    "components.program": ("errors_shown",),
    "components.remote": ("RemoteHost",),
    "config.credentials": ("Access",),
    "config.hosts": ("HostSettings",),
    "config.sections": ("HostEntry",),
    "config.settings": ("Settings",),
    "config.trust": ("Sources",),
    "config.values": ("DnsLabel", "IpAddress", "Plain"),
    "errors": ("ConfigurationError", "EtcdClusterError", "HostsError", "StateError"),
    "hostprogram": ("Program",),
    "plan.decide": ("Plan",),
    "state.text": ("encoded", "flat_yaml"),
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_WHERE[name]}", __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
