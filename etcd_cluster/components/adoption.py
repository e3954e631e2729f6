"""The CA of a cluster that was made elsewhere: used as it is, and no resource of its own."""

from __future__ import annotations

from dataclasses import replace

import pulumi

from ..config.authority import GivenAuthority
from ..config.sections import Certificates
from ..plan.memory import KnownAuthority, StackMemory
from .certificates import CertificateAuthority


class AdoptedAuthority(CertificateAuthority):
    """Authority 0: its certificate, and where it was given its key, are in the configuration."""

    def __init__(
        self,
        name: str,
        given: GivenAuthority,
        lifetimes: Certificates,
        *,
        protect: bool,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        pulumi.ComponentResource.__init__(
            self, "etcd-cluster:index:AdoptedAuthority", name, None, opts
        )
        self._name = name
        self._lifetimes = lifetimes
        self._keys_protected = protect
        self._private_key = pulumi.Output.secret(given.key)
        self.can_issue = bool(given.key)
        self.can_cross = self.can_issue and given.can_cross
        self.certificate = pulumi.Output.from_input(given.certificate)
        self.fingerprint = pulumi.Output.from_input(given.fingerprint)
        self.fingerprints = pulumi.Output.from_input([given.fingerprint])
        self.expiry = pulumi.Output.from_input(given.expiry)
        self.register_outputs({"certificate": self.certificate})


def with_given(memory: StackMemory, given: GivenAuthority | None) -> StackMemory:
    """What the stack knows, and the CA that its configuration gives."""
    if given is None:
        return memory
    known = KnownAuthority(fingerprint=given.fingerprint, expiry=given.expiry)
    return replace(memory, authorities={**memory.authorities, 0: known})
