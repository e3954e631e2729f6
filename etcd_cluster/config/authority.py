"""The CA that was made elsewhere, as the settings refer to it. Reads files, no network."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from . import trust
from .sections import Authority, Certificates
from .values import redacted

_KEY = "certificates.authority"
_KEY_BLOCK = re.compile(r"-----BEGIN ([A-Z]+ )?PRIVATE KEY-----\n.*?\n-----END .*?-----", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class GivenAuthority:
    """Authority 0. certificate: PEM. key: PEM, empty where it is not there to issue anything.

    fingerprint: SHA-256 of the certificate, hex. expiry: RFC 3339. can_cross: whether another CA
    can have a certificate of this one.
    """

    certificate: str
    key: str = field(default="", repr=False)
    fingerprint: str = ""
    expiry: str = ""
    can_cross: bool = True


def read(certificates: Certificates, folder: Path, faults: list[str]) -> GivenAuthority | None:
    """The CA that the settings refer to, if they do; relative paths are relative to `folder`.

    faults: a line is added for each file that is unusable, and for a key that is not this CA's.
    """
    given = certificates.authority
    if given is None:
        return None
    name = f"{_KEY}.certificateFile: {redacted(str(given.certificate_file))}"
    certificate = _certificate(given, name, folder, faults)
    key, key_text = _private_key(given, folder, faults)
    if certificate is None:
        return None
    if key is not None and _public(key.public_key()) != _public(certificate.public_key()):
        faults.append(
            f"{_KEY}: the private key does not belong to the certificate in "
            f"{redacted(str(given.certificate_file))}; expected the key that was made with it, "
            "ca.key beside ca.crt"
        )
    return GivenAuthority(
        certificate=certificate.public_bytes(serialization.Encoding.PEM).decode(),
        key=key_text,
        fingerprint=certificate.fingerprint(hashes.SHA256()).hex(),
        expiry=certificate.not_valid_after_utc.isoformat().replace("+00:00", "Z"),
        can_cross=_constraints(certificate).path_length != 0,
    )


def warnings(given: GivenAuthority | None, certificates: Certificates) -> list[str]:
    """What clients have to know of a CA under which there can be no other one."""
    listed = sorted(certificates.authorities)
    if given is None or given.can_cross or len(listed) == 1 or listed[0] != 0:
        return []
    return [
        f"{_KEY}: this CA cannot sign another CA (its path length is 0), so a client that "
        f"trusts only this one rejects what authority {listed[1]} issues. Give every client the "
        f"new caCertificate after {listed}, before [{listed[1]}, 0]. See docs/runbooks/adopt.md"
    ]


def _certificate(
    given: Authority, name: str, folder: Path, faults: list[str]
) -> x509.Certificate | None:
    wanted = "the CA's certificate in PEM form, e.g. a copy of a member's ca.crt"
    try:
        text = trust.resolve_path(given.certificate_file, folder).read_bytes()
        found = x509.load_pem_x509_certificates(text)
    except OSError as error:
        faults.append(f"{name} cannot be read ({error.strerror}): expected {wanted}")
        return None
    except ValueError:
        faults.append(f"{name} is invalid: expected {wanted}")
        return None
    if len(found) > 1:
        faults.append(
            f"{name} holds {len(found)} certificates: expected one, that of the CA which signed "
            "the members' certificates"
        )
        return None
    if not _constraints(found[0]).ca:
        faults.append(f"{name} is not the certificate of a CA: expected {wanted}")
        return None
    return found[0]


def _constraints(certificate: x509.Certificate) -> x509.BasicConstraints:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
    except (x509.ExtensionNotFound, ValueError):
        return x509.BasicConstraints(ca=False, path_length=None)


def _private_key(
    given: Authority, folder: Path, faults: list[str]
) -> tuple[PrivateKeyTypes | None, str]:
    if given.private_key is not None:
        name, text = f"{_KEY}.privateKey", given.private_key.get_secret_value()
    elif given.private_key_file is not None:
        name = f"{_KEY}.privateKeyFile: {redacted(str(given.private_key_file))}"
        try:
            text = trust.resolve_path(given.private_key_file, folder).read_text()
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not text"
            faults.append(f"{name} cannot be read ({reason}): expected the CA's private key")
            return None, ""
    else:
        return None, ""
    try:
        return serialization.load_pem_private_key(text.encode(), None), _alone(text)
    except TypeError:
        faults.append(f"{name} is protected by a passphrase: expected a key without one")
    except (ValueError, UnsupportedAlgorithm):
        faults.append(f"{name} is not a private key: expected one in PEM format")
    return None, ""


def _alone(text: str) -> str:
    """The key's own block: the provider reads the first one, and openssl puts others before it."""
    if text.count("-----BEGIN ") == 1:
        return text
    found = _KEY_BLOCK.search(text.replace("\r\n", "\n"))
    return f"{found[0]}\n" if found else text


def _public(key: object) -> bytes:
    """A public key in a form that can be compared."""
    return key.public_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
