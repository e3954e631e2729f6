"""Types of configuration values: each with its rule, and what a message says it expects."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from .. import versions

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_NAME_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")  # certificates have such, too
_LONGEST_SHOWN = 64
HIDDEN = "the given value (not shown)"
# Flags that the program sets itself, and relies on.
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


@dataclass(frozen=True)
class Kind:
    """What a value has to be, as an error message and the reference (docs) put it."""

    text: str

    def error(self, value: object) -> ValueError:
        """The error for another value, which is shown unless it may be secret."""
        return ValueError(f"{redacted(value)} is invalid: expected {self.text}")


DNS_LABEL = Kind(
    "a DNS label (lower-case letters, digits and hyphens, at most 63 characters), e.g. etcd01"
)
IP_ADDRESS = Kind("an IPv4 or IPv6 address, e.g. 10.107.88.15")
OWN_ADDRESS = Kind("an address at which other hosts can reach this one, e.g. 10.107.88.15")
KUBERNETES_VERSION = Kind("a Kubernetes version with its patch, e.g. 1.35.4")
PLAIN = Kind("printable ASCII without spaces, quotes or backslashes")
URL = Kind("an http(s) URL without user, query, fragment, quotes or braces other than {minor}")
IMAGE_REPOSITORY = Kind(
    "host/path without a scheme or a trailing slash, e.g. mirror.example.com:5000/kubernetes"
)
USER_NAME = Kind("a user name without spaces, quotes, backslashes or colons")
CHECKSUM = Kind("a SHA-256 checksum of 64 hex digits")
PACKAGE_VERSION = Kind("a package version without an epoch, e.g. 1.27.1")
CLUSTER_ID = Kind("a cluster's id in hex, in quotes, e.g. '7e27652122e8b2ae'")
SSH_HOST = Kind("a name or an address, without user and port, e.g. etcd01.example.com")
HOST_NAME = Kind(
    "a DNS name in lower case, which may begin with `*.`, or an IP address, e.g. etcd.example.com"
)
FLAG = Kind("the name of an etcd flag without leading dashes, e.g. snapshot-count")


_LOGIN = re.compile(r":.*@|[?&][^=]*=")


def redacted(value: object) -> str:
    """A value for an error message; hidden if it is long or looks like a key, a login or a signed
    URL: it may be secret.
    """
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, dict):
        return "a map"
    text = str(value)
    if len(text) > _LONGEST_SHOWN or "private" in text.lower() or _LOGIN.search(text):
        return HIDDEN
    # As it is written in YAML.
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else repr(value)


def redacted_place(value: str) -> str:
    """The same of a URL or a path: whatever stands before an `@` may be a login or a token."""
    return HIDDEN if "@" in value else redacted(value)


def _dns_label(value: str) -> str:
    if not _LABEL.fullmatch(value):
        raise DNS_LABEL.error(value)
    return value


def _ip_address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        more = ", without brackets or a prefix length" if set(value) & set("[]/") else ""
        raise ValueError(f"{IP_ADDRESS.error(value)}{more}") from None
    mapped = getattr(address, "ipv4_mapped", None) is not None
    unusable = (
        address.is_unspecified
        or address.is_loopback
        or address.is_multicast
        or address.is_link_local
        or address.is_reserved
    )
    if mapped or unusable or "%" in value:  # (a zone is one host's own)
        raise OWN_ADDRESS.error(value)
    return str(address)


def _kubernetes_version(value: str) -> str:
    if redacted(value) != repr(value):
        raise KUBERNETES_VERSION.error(value)
    return versions.parse(value)[1]


def _not_empty(value: str) -> None:
    if not value:
        raise ValueError("'' is invalid: the value is empty; set one, or remove the key")


def _plain(value: str, kind: Kind = PLAIN) -> str:
    _not_empty(value)
    if re.search(r"[\"'\\\s]|[^\x20-\x7e]", value):
        raise kind.error(value)
    return value


def _ssh_host(value: str) -> str:
    if not is_address(_plain(value, SSH_HOST)) and not re.fullmatch(r"[A-Za-z0-9._-]+", value):
        raise SSH_HOST.error(value)
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[A-Za-z0-9\[][^\s\"'\\@?#]*", value) or re.search(
        r"[^\x20-\x7e]|[{}]", value.replace("{minor}", "")
    ):
        raise ValueError(f"{redacted_place(value)} is not a supported URL: expected {URL.text}")
    return value.rstrip("/")


def _image_repository(value: str) -> str:
    if "@" in _plain(value, IMAGE_REPOSITORY):
        raise ValueError(
            f"{HIDDEN} is invalid: expected {IMAGE_REPOSITORY.text}, without a digest or a "
            "login, which goes into registry.username and registry.password"
        )
    if "://" in value or value.strip("/") != value:
        raise IMAGE_REPOSITORY.error(value)
    return value


def _user_name(value: str) -> str:
    if ":" in _plain(value, USER_NAME):
        # (Behind it may be the password.)
        raise ValueError(f"{HIDDEN} is invalid: expected {USER_NAME.text}")
    return value


def _checksum(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise CHECKSUM.error(value)
    return value.lower()


def _package_version(value: str) -> str:
    if not re.fullmatch(r"[0-9][0-9A-Za-z.+~-]*", value):
        raise PACKAGE_VERSION.error(value)
    return value


def _cluster_id(value: str) -> str:
    if not re.fullmatch(r"(?=.*[^0])[0-9a-fA-F]{1,16}", value):
        raise CLUSTER_ID.error(value)
    return value.lower().lstrip("0")


def is_address(value: str) -> bool:
    """Whether it is an IP address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def is_mistyped_address(value: str) -> bool:
    """Whether it ends in a number as no name does (RFC 1123, 2.1), and is no address."""
    return value.rpartition(".")[2].isdigit() and not is_address(value)


def spelled(host: str) -> str:
    """One spelling of a name or an address that can be spelled in several ways."""
    if is_address(host):
        return str(ipaddress.ip_address(host))
    return host.lower().removesuffix(".")


def _host_name(value: str) -> str:
    if is_address(value) and "%" not in value:
        return str(ipaddress.ip_address(value))
    labels = value.removeprefix("*.").split(".")
    named = all(_NAME_LABEL.fullmatch(label) for label in labels)
    if len(value) > 253 or not named or is_mistyped_address(value):
        raise HOST_NAME.error(value)
    return value


# Flags that take away what a cluster's safety rests on, and what that is.
_UNSAFE_FLAGS = {
    "unsafe-no-fsync": "acknowledged writes would be lost in a power cut",
    "strict-reconfig-check": "adding and removing members relies on etcd's default, which refuses "
    "a change that would cost the quorum",
}


def flag_fault(name: str, value: str) -> str:
    """What is wrong with a flag of the user's; empty for one that is all right."""
    if name == "log-outputs" and "/" in value.replace("systemd/journal", ""):
        return (
            f"{name!r} is {redacted(value)}: etcd runs in a container whose files are read-only, "
            "and would not start; expected stderr, which the kubelet keeps in /var/log/pods"
        )
    if "/etc/kubernetes/" in value and name not in _OWN_FLAGS:
        return (
            f"{name!r} is {redacted(value)}: etcd's container sees none of the host's files but "
            "its own certificates; expected one in /var/lib/etcd which the user etcd can read, "
            "e.g. /var/lib/etcd/crl.pem"
        )
    if name in _UNSAFE_FLAGS:
        return f"{name!r} is not allowed: {_UNSAFE_FLAGS[name]}; remove it"
    if name in _OWN_FLAGS:
        return f"{name!r} is not allowed: this program sets that flag itself; remove it"
    return "" if re.fullmatch(r"[a-z][a-z0-9-]*", name) else str(FLAG.error(name))


DnsLabel = Annotated[str, AfterValidator(_dns_label), DNS_LABEL]
IpAddress = Annotated[str, AfterValidator(_ip_address), IP_ADDRESS]
Plain = Annotated[str, AfterValidator(_plain), PLAIN]
KubernetesVersion = Annotated[str, AfterValidator(_kubernetes_version), KUBERNETES_VERSION]
Url = Annotated[str, AfterValidator(_url), URL]
Checksum = Annotated[str, AfterValidator(_checksum), CHECKSUM]
ImageRepository = Annotated[str, AfterValidator(_image_repository), IMAGE_REPOSITORY]
UserName = Annotated[str, AfterValidator(_user_name), USER_NAME]
PackageVersion = Annotated[str, AfterValidator(_package_version), PACKAGE_VERSION]
ClusterId = Annotated[str, AfterValidator(_cluster_id), CLUSTER_ID]
SshHost = Annotated[str, AfterValidator(_ssh_host), SSH_HOST]
HostName = Annotated[str, AfterValidator(_host_name), HOST_NAME]
