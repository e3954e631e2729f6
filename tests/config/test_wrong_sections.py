"""Where packages and images come from: one clear error for everything that is not taken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.samples import PASSWORD, assert_one_fault

MIRROR = "https://mirror.example.com/kubernetes/v{minor}"
PLAIN_MIRROR = "http://mirror.example.com/kubernetes/v{minor}"
SUM = "0123456789abcdef" * 4
LOGIN = {"username": "puller", "password": PASSWORD}
REPOSITORIES = ("kubernetes", "crio", "etcd")


# Changes; the key that the error must name; what it must repeat; what it must offer.
WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "unknown mode": ({"install": "apt"}, "install", "'apt'", "'packages' or 'preinstalled'"),
    "mode empty": ({"install": ""}, "install", "''", "'packages' or 'preinstalled'"),
    "runtime's version is a word": (
        {"runtimeVersion": "latest"},
        "runtimeVersion",
        "'latest'",
        "e.g. 1.27.1",
    ),
    "runtime's version with a v": (
        {"runtimeVersion": "v1.7.2"},
        "runtimeVersion",
        "'v1.7.2'",
        "e.g. 1.27.1",
    ),
    "runtime's version is a pattern": (
        {"runtimeVersion": "1.7.*"},
        "runtimeVersion",
        "'1.7.*'",
        "e.g. 1.27.1",
    ),
    "runtime's version with a blank": (
        {"runtimeVersion": "1.7.2 "},
        "runtimeVersion",
        "'1.7.2 '",
        "e.g. 1.27.1",
    ),
    "runtime's version with an epoch": (
        {"runtimeVersion": "1:1.7.2"},
        "runtimeVersion",
        "'1:1.7.2'",
        "without an epoch",
    ),
    "runtime's version empty": ({"runtimeVersion": ""}, "runtimeVersion", "''", "e.g. 1.27.1"),
    "repositories are a list": (
        {"repositories": [MIRROR]},
        "repositories",
        "is invalid",
        "expected a map",
    ),
    "repositories are text": (
        {"repositories": MIRROR},
        "repositories",
        "is invalid",
        "expected a map",
    ),
    "unknown repository": (
        {"repositories": {"k8s": {"url": MIRROR}}},
        "repositories.k8s",
        "unknown key",
        "crio, etcd, kubernetes",
    ),
    "repository is text": (
        {"repositories": {"etcd": MIRROR}},
        "repositories.etcd",
        "is invalid",
        "expected a map",
    ),
    "repository is nothing": (
        {"repositories": {"kubernetes": None}},
        "repositories.kubernetes",
        "is invalid",
        "repository of kubelet, kubeadm, kubectl and cri-tools",
    ),
    "repository without a URL": (
        {"repositories": {"crio": {"signingKeyFile": "mirror.asc"}}},
        "repositories.crio.url",
        "required",
        "base URL",
    ),
    "unknown key of a repository": (
        {"repositories": {"crio": {"url": MIRROR, "signingKey": "mirror.asc"}}},
        "repositories.crio.signingKey",
        "unknown key",
        "signingKeyFile",
    ),
    "key file is a number": (
        {"repositories": {"crio": {"url": MIRROR, "signingKeyFile": 5}}},
        "repositories.crio.signingKeyFile",
        "5",
        "a path",
    ),
    "unknown key of etcdctl": (
        {"etcdctl": {"sha": SUM}},
        "etcdctl.sha",
        "unknown key",
        "sha256",
    ),
    "checksum too short": (
        {"etcdctl": {"sha256": SUM[:-1]}},
        "etcdctl.sha256",
        SUM[:-1],
        "64 hex digits",
    ),
    "checksum with its kind": (
        {"etcdctl": {"sha256": f"sha256:{SUM[:56]}"}},
        "etcdctl.sha256",
        "sha256:",
        "64 hex digits",
    ),
    "checksum is none": (
        {"etcdctl": {"sha256": "g" * 64}},
        "etcdctl.sha256",
        "g" * 64,
        "64 hex digits",
    ),
    "archive over http without a checksum": (
        {"etcdctl": {"url": "http://mirror.example.com"}},
        "etcdctl",
        "url is 'http://mirror.example.com'",
        "set sha256, or use https",
    ),
    "unknown key of the registry": (
        {"registry": LOGIN | {"ca": "ca.pem"}},
        "registry.ca",
        "unknown key",
        "caFile",
    ),
    "name without a password": (
        {"registry": {"username": "puller"}},
        "registry",
        "username is set without password",
        "set both, or neither",
    ),
    "password without a name": (
        {"registry": {"password": PASSWORD}},
        "registry",
        "password is set without username",
        "set both, or neither",
    ),
    "password empty": (
        {"registry": {"username": "puller", "password": ""}},
        "registry.password",
        "'' is invalid",
        "the value is empty",
    ),
    "password is a number": (
        {"registry": {"username": "puller", "password": 12345678}},
        "registry.password",
        "is invalid",
        "in quotes if it is a number",
    ),
    "user's name with a blank": (
        {"registry": LOGIN | {"username": "the puller"}},
        "registry.username",
        "'the puller'",
        "a user name without spaces",
    ),
    "user's name with a colon": (
        {"registry": LOGIN | {"username": "puller:staff"}},
        "registry.username",
        "the given value (not shown) is invalid",
        "colons",
    ),
    "user's name empty": (
        {"registry": LOGIN | {"username": ""}},
        "registry.username",
        "''",
        "the value is empty",
    ),
    "CA file is a list": (
        {"registry": {"caFile": ["ca.pem"]}},
        "registry.caFile",
        "a list",
        "a path",
    ),
    "image repository with a scheme": (
        {"imageRepository": "https://mirror.example.com/kubernetes"},
        "imageRepository",
        "'https://mirror.example.com/kubernetes'",
        "without a scheme",
    ),
    "image repository ends in a slash": (
        {"imageRepository": "mirror.example.com/"},
        "imageRepository",
        "'mirror.example.com/'",
        "e.g. mirror.example.com:5000/kubernetes",
    ),
}
for _name in REPOSITORIES:
    WRONG[f"{_name} over http without its key"] = (
        {"repositories": {_name: {"url": PLAIN_MIRROR}}},
        f"repositories.{_name}",
        f"url is '{PLAIN_MIRROR}'",
        "set signingKeyFile, or use https",
    )


@pytest.mark.parametrize(
    ("changes", "key", "given", "offered"), list(WRONG.values()), ids=list(WRONG)
)
def test_one_error_names_key_given_and_allowed_when_wrong(
    changes: dict[str, Any], key: str, given: str, offered: str
) -> None:
    """Each kind of mistake by itself."""
    assert_one_fault(changes, key, given, offered)
