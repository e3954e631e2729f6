"""Errors raised before anything is changed.

EtcdClusterError
├── ConfigurationError   the configuration is invalid: every fault, with its key
├── HostsError           the hosts, as observed, are not ready: every fault, with its host
└── StateError           the stack's own state could not be read
"""

from __future__ import annotations

from collections.abc import Sequence


class EtcdClusterError(Exception):
    """Base class of this package's errors; the text is written for the user."""


class _Faults(EtcdClusterError):
    heading = ""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join([self.heading, *(f"  • {fault}" for fault in self.faults)]))


class ConfigurationError(_Faults):
    """The configuration is invalid. `faults` holds one line per fault."""

    heading = "invalid configuration; nothing was changed:"


class HostsError(_Faults):
    """Hosts do not meet the requirements. `faults` holds one line per fault."""

    heading = "the hosts are not ready; nothing was changed:"


class StateError(EtcdClusterError):
    """The engine does not say what this stack had at its last run."""
