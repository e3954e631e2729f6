"""Certificates as a graph: CA -> server, peer and client certificates. Nothing here dials."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_tls as tls

from ..config.sections import Certificates

_HOURS = 24
_END = "-----END CERTIFICATE-----"
_SIGNATURE = ["digital_signature", "key_encipherment"]
SERVER_AND_CLIENT = ["server_auth", "client_auth", *_SIGNATURE]
CLIENT = ["client_auth", *_SIGNATURE]
_AUTHORITY = ["cert_signing", "crl_signing", *_SIGNATURE]
# A new lifetime would make a new CA in one step; it is for the next CA.
_FOR_THE_NEXT = pulumi.ResourceOptions(ignore_changes=["validityPeriodHours"])


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    """One certificate: who it is for and what it may be used for.

    kubeadm's own names and usages: cmd/kubeadm/app/phases/certs/certlist.go.
    """

    common_name: str
    uses: Sequence[str]
    dns_names: Sequence[str] = ()
    ip_addresses: Sequence[str] = ()


class CertificateAuthority(pulumi.ComponentResource):
    """A CA of the cluster. Its key never leaves the state. can_issue: whether it has one.

    can_cross: whether it can sign another CA, see `signed_by`.

    It is long-lived and never renewed by a plain `up`: a new CA in one step would make the
    members refuse each other. `subject`: its common name, which no other CA of the cluster has.
    former: fingerprints of certificates that it had before. ended: the provider replaces its
    certificate in this run, for the same key, because the end of that has passed.

    fingerprints: SHA-256 of its certificate, hex, and `former`.
    """

    can_issue = True
    can_cross = True

    def __init__(
        self,
        name: str,
        subject: str,
        lifetimes: Certificates,
        *,
        protect: bool,
        former: Sequence[str] = (),
        ended: bool = False,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("etcd-cluster:index:CertificateAuthority", name, None, opts)
        own = pulumi.ResourceOptions(parent=self, protect=protect)
        # What is protected cannot be replaced, and the run would fail, as would each one after it.
        replaceable = pulumi.ResourceOptions(parent=self, protect=protect and not ended)
        self._name, self._common_name = name, subject
        self._lifetimes = lifetimes
        self._keys_protected = protect
        key = tls.PrivateKey(f"{name}-key", algorithm="ECDSA", ecdsa_curve="P256", opts=own)
        self._private_key: pulumi.Output[str] = key.private_key_pem
        self._certificate = tls.SelfSignedCert(
            f"{name}-certificate",
            private_key_pem=self._private_key,
            subject={"common_name": self._common_name},
            is_ca_certificate=True,
            set_subject_key_id=True,
            allowed_uses=_AUTHORITY,
            validity_period_hours=lifetimes.ca_validity_days * _HOURS,
            early_renewal_hours=0,
            opts=pulumi.ResourceOptions.merge(replaceable, _FOR_THE_NEXT),
        )
        self.certificate: pulumi.Output[str] = self._certificate.cert_pem
        self.fingerprint: pulumi.Output[str] = self.certificate.apply(fingerprint)
        self.expiry: pulumi.Output[str] = self._certificate.validity_end_time
        self.fingerprints: pulumi.Output[list[str]] = self.fingerprint.apply(
            lambda now: [now, *(each for each in former if each != now)]
        )
        self.register_outputs({"certificate": self.certificate, "fingerprints": self.fingerprints})

    def signed_by(self, other: CertificateAuthority) -> pulumi.Output[str]:
        """A certificate of this CA by another one (PEM): with it, whoever trusts only the other
        one accepts what this one issues.
        """
        request = tls.CertRequest(
            f"{self._name}-cross-request",
            private_key_pem=self._private_key,
            subject={"common_name": self._common_name},
            opts=pulumi.ResourceOptions(parent=self),
        )
        signed = tls.LocallySignedCert(
            f"{self._name}-cross",
            ca_private_key_pem=other._private_key,
            ca_cert_pem=other.certificate,
            cert_request_pem=request.cert_request_pem,
            is_ca_certificate=True,
            set_subject_key_id=True,
            allowed_uses=_AUTHORITY,
            validity_period_hours=self._lifetimes.ca_validity_days * _HOURS,
            opts=pulumi.ResourceOptions.merge(pulumi.ResourceOptions(parent=self), _FOR_THE_NEXT),
        )
        return signed.cert_pem

    def issue(
        self,
        name: str,
        args: CertificateArgs,
        parent: pulumi.Resource,
        *,
        protect: bool | None = None,
        chain: pulumi.Output[str] | None = None,
    ) -> Certificate:
        """A certificate signed by this CA, as a child of `parent`. protect: as the CA if None.

        chain: what is to follow it in its file (PEM).
        """
        return Certificate(
            name,
            args,
            self._lifetimes,
            self._private_key,
            self.certificate,
            parent,
            protect=self._keys_protected if protect is None else protect,
            chain=chain,
        )


class Certificate:
    """A key and its certificate, as children of whatever they are for.

    Not a component of its own: for every member it would be three more entries in the state, which
    Pulumi writes anew at each step.

    certificate: PEM, with the chain behind it. key: PEM, secret. fingerprint: SHA-256 of the
    certificate, hex. expiry: RFC 3339.
    """

    def __init__(
        self,
        name: str,
        args: CertificateArgs,
        lifetimes: Certificates,
        ca_key: pulumi.Output[str],
        ca_certificate: pulumi.Output[str],
        parent: pulumi.Resource,
        *,
        protect: bool,
        chain: pulumi.Output[str] | None = None,
    ) -> None:
        own = pulumi.ResourceOptions(parent=parent)
        # A renewal replaces the certificate and keeps the key, so the key can be protected.
        key = tls.PrivateKey(
            f"{name}-key",
            algorithm="ECDSA",
            ecdsa_curve="P256",
            opts=pulumi.ResourceOptions(parent=parent, protect=protect),
        )
        request = tls.CertRequest(
            f"{name}-request",
            private_key_pem=key.private_key_pem,
            subject={"common_name": args.common_name},
            # The provider compares lists in order and replaces on a difference.
            dns_names=sorted(set(args.dns_names)) or None,
            ip_addresses=sorted(set(args.ip_addresses)) or None,
            opts=own,
        )
        signed = tls.LocallySignedCert(
            f"{name}-certificate",
            ca_private_key_pem=ca_key,
            ca_cert_pem=ca_certificate,
            cert_request_pem=request.cert_request_pem,
            allowed_uses=list(args.uses),
            validity_period_hours=lifetimes.validity_days * _HOURS,
            early_renewal_hours=lifetimes.renew_before_days * _HOURS,
            opts=own,
        )
        self.key: pulumi.Output[str] = pulumi.Output.secret(key.private_key_pem)
        self.certificate: pulumi.Output[str] = (
            joined(signed.cert_pem, chain) if chain else signed.cert_pem
        )
        self.expiry: pulumi.Output[str] = signed.validity_end_time
        self.fingerprint: pulumi.Output[str] = signed.cert_pem.apply(fingerprint)


def joined(*certificates: pulumi.Output[str]) -> pulumi.Output[str]:
    """One file of several certificates (PEM), in this order."""
    return pulumi.Output.all(*certificates).apply(
        lambda known: "".join(f"{text.strip()}\n" for text in known)
    )


def fingerprint(pem: str) -> str:
    """SHA-256 of a PEM certificate's DER form, in hex; of the first one where there are more."""
    first = pem.partition(_END)[0] + _END
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(first)).hexdigest()
