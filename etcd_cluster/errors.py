"""What can go wrong before anything is touched.

EtcdClusterError
├── ConfigurationError   the configuration: every fault, with its key
└── HostsError           the hosts, as observed: every fault, with its host
"""

from __future__ import annotations

from collections.abc import Sequence


class EtcdClusterError(Exception):
    """Root of this package's errors; its text is meant for the person at the terminal."""


class _Faults(EtcdClusterError):
    heading = ""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join([self.heading, *(f"  • {fault}" for fault in self.faults)]))


class ConfigurationError(_Faults):
    """The configuration is wrong. `faults` holds a line for every fault found."""

    heading = "the configuration is wrong; nothing was touched:"


class HostsError(_Faults):
    """Hosts are not as the configuration needs them. `faults` holds a line for every fault."""

    heading = "the hosts are not ready; nothing was touched:"
