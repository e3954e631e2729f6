"""Certificates that others made: those of a cluster that is to be taken over. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes

from ..config.sections import MemberEntry
from ..config.settings import Settings
from ..config.values import spelled
from .memory import StackMemory
from .probe import Observation

PKI = "/etc/kubernetes/pki/etcd"
_TRUSTED = {"trusted-ca-file": "adopt-client-cas", "peer-trusted-ca-file": "adopt-peer-cas"}
"""What its etcd trusts its clients and its peers by, and the CAs in that file."""
_WHERE = "a copy of ca.crt of any member"


def certificate_faults(
    settings: Settings, member: MemberEntry, seen: Observation, memory: StackMemory
) -> Iterator[str]:
    """A CA that is not the hosts', and names that the next certificates would lack."""
    listed = settings.certificates.authorities
    if listed[0] != 0:
        yield (
            f"its CA is authority 0, and certificates.authorities is {list(listed)}; set "
            f"certificates.authority.certificateFile to {_WHERE}, and authorities to [0] with the "
            "CA's private key, or to [0, 1] without"
        )
        return
    there = {name: _certificates(seen, name) for name in ("ca", "server", "peer")}
    missing = [f"{name}.crt" for name, found in there.items() if not found]
    if missing:
        yield f"{', '.join(missing)} in {PKI} cannot be read as a certificate"
        return
    given = memory.authorities[0].fingerprint if 0 in memory.authorities else ""
    own = next((each for each in there["ca"] if _fingerprint(each) == given), None)
    if own is None:
        yield (
            f"the CA in certificates.authority (SHA-256 {given}) is not the one on this host "
            f"({', '.join(_fingerprint(each) for each in there['ca'])}); give {_WHERE}"
        )
        return
    for name in ("server", "peer"):
        leaf = there[name][0]
        try:
            leaf.verify_directly_issued_by(own)
        except (ValueError, TypeError, InvalidSignature):
            yield f"{name}.crt on this host was not signed by the CA in certificates.authority"
    for flag, fact in _TRUSTED.items():
        cas = seen.fact(fact).split()
        if given not in cas:
            found = ", ".join(cas) or "unknown"
            yield (
                "its etcd does not trust the CA in certificates.authority (SHA-256 "
                f"{given}); it trusts, by --{flag}: {found}. After the roll, certificates of other "
                "CAs are refused. Add this CA to that file, restart etcd member by member, and "
                "give every client and member a certificate from it. See docs/runbooks/adopt.md"
            )
    lacking = sorted(
        {name for leaf in (there["server"][0], there["peer"][0]) for name in _names(leaf)}
        - {"localhost", "127.0.0.1", "::1", member.name, member.address}
        - {*settings.certificates.extra_names}
    )
    if lacking:
        yield (
            f"its certificates have names that new ones would lack: {', '.join(lacking)}; clients "
            "may use them. Add them to certificates.extraNames"
        )


def forsaken(settings: Settings, seen: Observation, memory: StackMemory) -> list[str]:
    """CAs that the etcd on this host trusts, and will not when its turn has come: SHA-256."""
    kept = {
        fingerprint
        for number in settings.certificates.authorities
        if number in memory.authorities
        for fingerprint in memory.authorities[number].fingerprints
    }
    trusted = {each for fact in _TRUSTED.values() for each in seen.fact(fact).split()}
    return sorted(each for each in trusted - kept if len(each) == 64)


def is_certified(seen: Observation, address: str) -> bool:
    """Whether a member's host has all its certificates, server's and peer's for this address."""
    found = seen.fact("certificates").split()
    try:
        certificates = [
            x509.load_der_x509_certificate(base64.b64decode(text, validate=True)) for text in found
        ]
        names = [_names(each) for each in certificates]
    except ValueError:
        return False
    return len(found) == 3 and all(spelled(address) in each for each in names[:2])


def _certificates(seen: Observation, name: str) -> list[x509.Certificate]:
    try:
        text = base64.b64decode(seen.fact(f"adopt-{name}"), validate=True)
        return x509.load_pem_x509_certificates(text)
    except (ValueError, binascii.Error):
        return []


def _fingerprint(certificate: x509.Certificate) -> str:
    return certificate.fingerprint(hashes.SHA256()).hex()


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(each) for each in found.get_values_for_type(x509.IPAddress)]
    # (As extraNames has them: names are compared without regard to case.)
    return [*(each.lower() for each in found.get_values_for_type(x509.DNSName)), *addresses]
