"""Declarative, highly available external etcd for Kubernetes, as static pods on plain hosts."""

from .config.settings import Settings, load
from .errors import ConfigurationError, EtcdClusterError, HostsError

__all__ = ["ConfigurationError", "EtcdClusterError", "HostsError", "Settings", "load"]
