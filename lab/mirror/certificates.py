"""An authority of the lab's own, and the certificate that it gives to one of its servers."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

from trustme import CA


def create(
    authority: Path, certificate: Path, key: Path, address: IPv4Address, name: str = "registry CA"
) -> None:
    """Make what is missing, all three together; the authority's own key is kept nowhere.

    Like the SSH keys they outlive `down`: hosts and configurations may name the authority.
    """
    if authority.exists() and certificate.exists() and key.exists():
        return
    issuer = CA(organization_name="etcd-lab", organization_unit_name=name)
    server = issuer.issue_cert(str(address))
    authority.unlink(missing_ok=True)  # last to come: with it the three are complete
    key.parent.mkdir(parents=True, exist_ok=True)
    key.unlink(missing_ok=True)
    key.touch(mode=0o600)
    key.write_bytes(server.private_key_pem.bytes())
    certificate.write_bytes(server.cert_chain_pems[0].bytes())
    authority.write_bytes(issuer.cert_pem.bytes())
