"""CAs and certificates that nobody uses: as kubeadm would have made them."""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_FROM = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Made:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> str:
        """The certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        """Its key, as kubeadm writes it for an elliptic curve."""
        return self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        ).decode()

    @property
    def in_one_line(self) -> str:
        """As a host tells it."""
        return base64.b64encode(self.pem.encode()).decode()

    @property
    def der(self) -> str:
        """As a host tells when it ends."""
        text = self.certificate.public_bytes(serialization.Encoding.DER)
        return base64.b64encode(text).decode()

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256, hex."""
        return self.certificate.fingerprint(hashes.SHA256()).hex()


def authority(name: str = "etcd-ca", *, ca: bool = True, path_length: int | None = None) -> Made:
    """A CA; or a certificate that is none, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, name, key)
    constraints = x509.BasicConstraints(ca=ca, path_length=path_length)
    return Made(builder.add_extension(constraints, critical=True).sign(key, hashes.SHA256()), key)


def leaf(by: Made, names: Sequence[str], days: int = 3650) -> Made:
    """A certificate with these names and addresses, for so many days from the start of 2026."""
    key = ec.generate_private_key(ec.SECP256R1())
    common = by.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    builder = _builder("etcd", str(common), key, days)
    builder = builder.add_extension(x509.SubjectAlternativeName(found), critical=False)
    return Made(builder.sign(by.key, hashes.SHA256()), key)


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, days: int = 3650
) -> x509.CertificateBuilder:
    def named(name: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])

    return (
        x509.CertificateBuilder(named(issuer), named(subject), key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_FROM + timedelta(days=days))
    )
