"""The CAs of a cluster: each is trusted, the first one issues. A new one takes over in steps."""

from __future__ import annotations

from datetime import UTC, datetime

import pulumi

from ..config.authority import GivenAuthority
from ..config.settings import Settings
from ..plan.memory import StackMemory
from .adoption import AdoptedAuthority
from .certificates import Certificate, CertificateArgs, CertificateAuthority, joined


class Authorities:
    """The CAs that `certificates.authorities` names, and those that the state has besides.

    A CA that is trusted no more stays in the state, so that each step can be taken back; authority
    0 is in the configuration.

    bundle: those that are trusted (PEM), first the one that issues. trusted: the same, by their
    numbers. fingerprint: of the one that issues. can_issue: whether that has its key; without it
    the certificates stay that are there. fingerprints: of all that a host may have, with commas.
    described: what the stack's output `certificateAuthorities` says.
    """

    def __init__(
        self,
        cluster: str,
        settings: Settings,
        memory: StackMemory,
        given: GivenAuthority | None,
        parent: pulumi.Resource,
    ) -> None:
        listed = settings.certificates.authorities
        known = {
            number: _authority(cluster, number, settings, memory, given, parent)
            for number in sorted({*listed, *(set(memory.authorities) - {0})})
        }
        self._issuer = known[listed[0]]
        # Clients that have not followed yet trust the one before alone.
        follows = len(listed) > 1 and listed[0] > listed[1]
        crossed = follows and known[listed[1]].can_cross
        self._chain = self._issuer.signed_by(known[listed[1]]) if crossed else None
        self.can_issue = self._issuer.can_issue
        self.bundle: pulumi.Output[str] = joined(*(known[each].certificate for each in listed))
        self.trusted: pulumi.Output[str] = joined(
            *(known[each].certificate for each in sorted(listed))
        )
        self.fingerprint: pulumi.Output[str] = self._issuer.fingerprint
        self.fingerprints: pulumi.Output[str] = pulumi.Output.all(
            *(each.fingerprints for each in known.values())
        ).apply(lambda all_of_them: ",".join(one for each in all_of_them for one in each))
        self.described = [
            {
                "authority": number,
                "role": "issues" if number == listed[0] else "is trusted",
                "fingerprint": known[number].fingerprint,
                "expiry": known[number].expiry,
            }
            for number in listed
        ]

    def issue(
        self,
        name: str,
        args: CertificateArgs,
        parent: pulumi.Resource,
        protect: bool | None = None,
    ) -> Certificate:
        """A certificate by the CA that issues, as CertificateAuthority.issue has it."""
        return self._issuer.issue(name, args, parent, protect=protect, chain=self._chain)


def _authority(
    cluster: str,
    number: int,
    settings: Settings,
    memory: StackMemory,
    given: GivenAuthority | None,
    parent: pulumi.Resource,
) -> CertificateAuthority:
    if number == 0 and given is not None:
        return AdoptedAuthority(
            f"{cluster}-ca-0",
            given,
            settings.certificates,
            protect=settings.deletion_protection,
            opts=pulumi.ResourceOptions(parent=parent),
        )
    # The first one has the names that it had when it was the only one.
    suffix = "" if number == 1 else f"-{number}"
    known = memory.authorities.get(number)
    return CertificateAuthority(
        f"{cluster}-ca{suffix}",
        f"etcd-ca{suffix}",
        settings.certificates,
        protect=settings.deletion_protection,
        former=known.fingerprints if known else (),
        ended=known is not None and known.has_ended(datetime.now(UTC)),
        opts=pulumi.ResourceOptions(parent=parent),
    )
