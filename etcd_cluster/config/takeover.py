"""A cluster that is taken over by replacement: its members leave as the declared ones join."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from .messages import SectionError
from .sections import Certificates, Section
from .values import ClusterId, Url, is_address, is_mistyped_address

_CLIENT_URL = re.compile(r"https://([^/:,\[\]]+|\[[0-9a-fA-F:.]+\]):[0-9]{1,5}")


def _is_client_url(url: str) -> bool:
    if not _CLIENT_URL.fullmatch(url):
        return False
    host, _, port = url.removeprefix("https://").rpartition(":")
    valid = is_address(host.strip("[]")) if host.startswith("[") else not is_mistyped_address(host)
    return valid and int(port) <= 65535


class TakeOver(Section):
    """A cluster on other hosts, e.g. kubespray's, whose members the declared ones replace."""

    cluster: ClusterId = Field(description="Its id, in hex.")
    endpoints: tuple[Url, ...] = Field(description="Client URLs of its members.")
    former_members: Literal["stay", "leave"] = Field(
        "stay",
        description="While clients still use them, `stay`. `leave` removes them from the cluster, "
        "one by one, once the declared members are healthy.",
    )

    @field_validator("endpoints")
    @classmethod
    def _https(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value or not all(map(_is_client_url, value)):
            raise SectionError(
                f"endpoints is {list(value)}: expected the client URLs of the members, with https "
                "and a port, and without a path, e.g. [https://10.30.0.11:2379]"
            )
        return value

    def authority_fault(self, certificates: Certificates) -> str:
        """What of the CA that the former members trust is not declared; empty where it is."""
        given, listed = certificates.authority, certificates.authorities
        if self.former_members == "stay" and not (given and given.has_key and listed == (0,)):
            return (
                "requires the CA that the former members trust, with its private key: set "
                "certificates.authority, and certificates.authorities: [0], while they stay"
            )
        if given is None or 0 not in listed:
            return (
                "requires authority 0, which is all that the former members trust: keep "
                "certificates.authority, and 0 in certificates.authorities; or, once those members "
                "have left, remove takeOver first"
            )
        return ""
