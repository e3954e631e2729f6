"""Kinds of values in the configuration: each with its rule, and the sentence for what breaks it."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator

from .. import versions

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_LONGEST_SHOWN = 64
# Flags that the program decides itself; letting them be set would cut the ground from under it.
_OWN_FLAGS = frozenset(
    (
        "name",
        "data-dir",
        "wal-dir",
        "initial-cluster",
        "initial-cluster-state",
        "initial-cluster-token",
        "initial-advertise-peer-urls",
        "advertise-client-urls",
        "listen-peer-urls",
        "listen-client-urls",
        "listen-metrics-urls",
        "cert-file",
        "key-file",
        "trusted-ca-file",
        "client-cert-auth",
        "peer-cert-file",
        "peer-key-file",
        "peer-trusted-ca-file",
        "peer-client-cert-auth",
        "auto-tls",
        "peer-auto-tls",
        "force-new-cluster",
        "config-file",
        "discovery",
        "quota-backend-bytes",
        "heartbeat-interval",
        "election-timeout",
    )
)


def redacted(value: object) -> str:
    """A given value for an error's text; not what is long or looks like a key, it may be secret."""
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a map"
    text = str(value)
    if len(text) > _LONGEST_SHOWN or "private" in text.lower():
        return "the given value (not repeated here)"
    return repr(value)


def _dns_label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise ValueError(
            f"{redacted(value)} is not a DNS label; give lower-case letters, digits and hyphens, "
            "at most 63, e.g. etcd01"
        )
    return value


def _ip_address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        raise ValueError(
            f"{redacted(value)} is not an IP address; give IPv4 or IPv6, e.g. 10.107.88.15"
        ) from None
    mapped = getattr(address, "ipv4_mapped", None) is not None
    unusable = (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or address.is_reserved
    )
    if mapped or unusable:
        raise ValueError(
            f"{redacted(value)} cannot be reached by other members; give the host's own address, "
            "e.g. 10.107.88.15"
        )
    return str(address)


def _kubernetes_version(value: str) -> str:
    if redacted(value) != repr(value):
        raise ValueError(f"{redacted(value)} is not a Kubernetes version; give one, e.g. 1.35.4")
    return versions.parse(value)[1]


def _plain(value: str) -> str:
    if not value:
        raise ValueError("'' is empty; give a value, or leave the key out")
    if re.search(r"[\"'\\\s]|[^\x20-\x7e]", value):
        raise ValueError(
            f"{redacted(value)} holds a quote, backslash or white space; give a plain value"
        )
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9\[][^\s\"'\\@?#]*", value) or re.search(
        r"[^\x20-\x7e]|[{}]", value.replace("{minor}", "")
    ):
        given = "the given value (not repeated here)" if "@" in value else redacted(value)
        raise ValueError(
            f"{given} is not a URL that will do; give http(s)://host/path, without user, "
            "query, quotes or braces (but {minor})"
        )
    return value.rstrip("/")


def _image_repository(value: str) -> str:
    if "://" in _plain(value) or value.strip("/") != value:
        raise ValueError(
            f"{redacted(value)} is not a repository of images; give host/path without a scheme, "
            "e.g. mirror.example.com:5000/kubernetes"
        )
    return value


def _user_name(value: str) -> str:
    if ":" in _plain(value):
        raise ValueError(f"{redacted(value)} holds a colon, which ends a user's name; take it out")
    return value


def _checksum(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise ValueError(f"{redacted(value)} is not a SHA-256; give its 64 hex digits")
    return value.lower()


def _package_version(value: str) -> str:
    if not re.fullmatch(r"[0-9][0-9A-Za-z.+~-]*", value):
        raise ValueError(
            f"{redacted(value)} is not a package's version; give one without an epoch, e.g. 1.27.1"
        )
    return value


def check_flag(name: str) -> None:
    """Raises ValueError for what is no etcd flag, or one that the program sets itself."""
    if name in _OWN_FLAGS:
        raise ValueError(f"{name!r} is set by this program; take it out")
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name):
        raise ValueError(f"{redacted(name)} is not a flag; give its name without dashes in front")


DnsLabel = Annotated[str, AfterValidator(_dns_label)]
IpAddress = Annotated[str, AfterValidator(_ip_address)]
Plain = Annotated[str, AfterValidator(_plain)]
KubernetesVersion = Annotated[str, AfterValidator(_kubernetes_version)]
Url = Annotated[str, AfterValidator(_url)]
Checksum = Annotated[str, AfterValidator(_checksum)]
ImageRepository = Annotated[str, AfterValidator(_image_repository)]
UserName = Annotated[str, AfterValidator(_user_name)]
PackageVersion = Annotated[str, AfterValidator(_package_version)]
