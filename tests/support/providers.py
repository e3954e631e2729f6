"""What the providers of resources compute, in place of the real ones."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from .graph import COMMAND, open_secret
from .verbs import verb_of


def pem(kind: str, *made_from: str) -> str:
    """A text in PEM's form whose content follows from what it was made from."""
    body = base64.b64encode(hashlib.sha512("\0".join(made_from).encode()).digest()).decode()
    return f"-----BEGIN {kind}-----\n{body[:64]}\n{body[64:]}\n-----END {kind}-----\n"


@dataclass(frozen=True)
class Provider:
    """What it computes of a resource, and how."""

    computes: Iterable[str]
    answer: Callable[[str, Mapping[str, Any]], dict[str, Any]]


def _text(inputs: Mapping[str, Any], name: str) -> str:
    return str(open_secret(inputs[name]))


def _private_key(urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    key = pem("EC PRIVATE" + " KEY", urn, _text(inputs, "algorithm"))
    return {
        "privateKeyPem": key,
        "privateKeyPemPkcs8": key,
        "privateKeyOpenssh": key,
        "publicKeyPem": pem("PUBLIC KEY", key),
    }


def _self_signed(urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return _certificate(pem("CERTIFICATE", urn, _text(inputs, "privateKeyPem")))


def _locally_signed(urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    names = ("caPrivateKeyPem", "caCertPem", "certRequestPem")
    return _certificate(pem("CERTIFICATE", urn, *(_text(inputs, name) for name in names)))


def _certificate(text: str) -> dict[str, Any]:
    return {
        "certPem": text,
        "validityStartTime": "2026-01-01T00:00:00Z",
        "validityEndTime": "2027-01-01T00:00:00Z",
        "readyForRenewal": False,
    }


def _request(urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "certRequestPem": pem("CERTIFICATE REQUEST", urn, _text(inputs, "privateKeyPem")),
        "keyAlgorithm": "ECDSA",
    }


def _random(urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    raw = hashlib.sha256(urn.encode()).digest()[: int(inputs["byteLength"])]
    text = base64.b64encode(raw).decode()
    return {
        "hex": raw.hex(),
        "dec": str(int.from_bytes(raw, "big")),
        "b64Std": text,
        "b64Url": text.replace("+", "-").replace("/", "_"),
    }


def _command(urn: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """As the host program says it: `converged: SERIAL`, and `wait-healthy` who the member is."""
    number = int(hashlib.sha256(urn.encode()).hexdigest()[:8], 16)
    said = {
        "": "",
        "wait-healthy": f"member-id: {number:x}\ncluster-id: cdf818194e3a8c32\nversion: 3.6.6\n",
    }.get(verb_of(_text(inputs, "create")), "converged: 7\n")
    return {"stdout": said, "stderr": ""}


_CERTIFICATE = ("certPem", "validityStartTime", "validityEndTime", "readyForRenewal")
PROVIDERS = {
    "tls:index/privateKey:PrivateKey": Provider(
        ("privateKeyPem", "privateKeyPemPkcs8", "privateKeyOpenssh", "publicKeyPem"), _private_key
    ),
    "tls:index/selfSignedCert:SelfSignedCert": Provider(_CERTIFICATE, _self_signed),
    "tls:index/locallySignedCert:LocallySignedCert": Provider(_CERTIFICATE, _locally_signed),
    "tls:index/certRequest:CertRequest": Provider(("certRequestPem", "keyAlgorithm"), _request),
    "random:index/randomId:RandomId": Provider(("hex", "dec", "b64Std", "b64Url"), _random),
    COMMAND: Provider(("stdout", "stderr"), _command),
}
