"""Where packages and images come from: what is taken, and that no password is repeated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.samples import PASSWORD, faults, settings

MIRROR = "https://mirror.example.com/kubernetes/v{minor}"
PLAIN_MIRROR = "http://mirror.example.com/kubernetes/v{minor}"
SUM = "0123456789abcdef" * 4
LOGIN = {"username": "puller", "password": PASSWORD}
REPOSITORIES = ("kubernetes", "crio", "etcd")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("install", "packages"),
        ("runtime_version", None),
        ("repositories.kubernetes.url", "https://pkgs.k8s.io/core:/stable:/v{minor}"),
        ("repositories.kubernetes.signing_key_file", None),
        (
            "repositories.crio.url",
            "https://download.opensuse.org/repositories/isv:/cri-o:/stable:/v{minor}",
        ),
        ("repositories.etcd", None),
        ("etcdctl.url", "https://github.com/etcd-io/etcd/releases/download"),
        ("etcdctl.sha256", None),
        ("registry.ca_file", None),
        ("registry.username", None),
        ("registry.password", None),
    ],
)
def test_official_source_is_taken_when_a_key_is_left_out(path: str, expected: object) -> None:
    """A bare host with a way to the internet needs none of them."""
    value: Any = settings(install=None)
    for part in path.split("."):
        value = getattr(value, part)
    assert value == expected


@pytest.mark.parametrize("install", ["packages", "preinstalled"])
def test_mode_is_taken_when_it_is_one_of_the_two(install: str) -> None:
    """From repositories, or in the hosts' image already."""
    assert settings(install=install).install == install


@pytest.mark.parametrize("name", REPOSITORIES)
def test_other_repositories_stay_official_when_one_is_given(name: str) -> None:
    """A mirror of one of them is no mirror of all."""
    official, wanted = settings(), settings(repositories={name: {"url": MIRROR}})
    assert getattr(wanted.repositories, name).url == MIRROR
    assert all(
        getattr(wanted.repositories, other) == getattr(official.repositories, other)
        for other in set(REPOSITORIES) - {name}
    )


@pytest.mark.parametrize(
    "url",
    [
        MIRROR,
        "https://mirror.example.com:8443/apt",
        "https://[2001:db8::1]:8443/apt",
        "https://192.0.2.7/core:/stable:/v1.35",
        "https://mirror.example.com",
    ],
)
def test_url_is_taken_when_it_is_https(url: str) -> None:
    """The key that such a server offers is its own."""
    assert settings(repositories={"kubernetes": {"url": url}}).repositories.kubernetes.url == url


@pytest.mark.parametrize("key", ["repositories", "etcdctl"])
def test_slash_at_its_end_is_dropped_when_a_url_has_one(key: str) -> None:
    """One repository has one spelling, or the same configuration would show as a change."""
    given = {"url": "https://mirror.example.com/releases//"}
    wanted = settings(**{key: given if key == "etcdctl" else {"kubernetes": given}})
    section = wanted.etcdctl if key == "etcdctl" else wanted.repositories.kubernetes
    assert section.url == "https://mirror.example.com/releases"


@pytest.mark.parametrize("name", REPOSITORIES)
def test_plain_http_is_taken_when_the_signing_key_is_given(name: str) -> None:
    """Then signatures say who made it, whoever brings it."""
    given = {"url": PLAIN_MIRROR, "signingKeyFile": "mirror.asc"}
    repository = getattr(settings(repositories={name: given}).repositories, name)
    assert (repository.url, repository.signing_key_file) == (PLAIN_MIRROR, Path("mirror.asc"))


@pytest.mark.parametrize("given", [SUM, SUM.upper()])
def test_plain_http_is_taken_when_the_archive_s_checksum_is_given(given: str) -> None:
    """In capitals or not: it is the same sum."""
    etcdctl = settings(etcdctl={"url": "http://mirror.example.com", "sha256": given}).etcdctl
    assert (etcdctl.url, etcdctl.sha256) == ("http://mirror.example.com", SUM)


def test_login_is_kept_when_name_and_password_are_given() -> None:
    """What is hidden from print is there for use."""
    registry = settings(registry=LOGIN).registry
    assert registry.username == "puller"
    assert registry.password is not None
    assert registry.password.get_secret_value() == PASSWORD


def test_ca_is_taken_when_there_is_no_login() -> None:
    """A registry of one's own that anybody may pull from."""
    registry = settings(registry={"caFile": "registry-ca.pem"}).registry
    assert registry.ca_file == Path("registry-ca.pem")


@pytest.mark.parametrize("version", ["1.7.2", "1.7", "1.27.1-1.1", "1.6.20~ds1-1+deb12u1"])
def test_runtime_s_version_is_taken_when_a_package_may_have_it(version: str) -> None:
    """As apt and dnf write versions."""
    assert settings(runtimeVersion=version).runtime_version == version


@pytest.mark.parametrize(
    "changes",
    [
        {"repositories": {"crio": {"url": MIRROR}}},
        {"install": "preinstalled"},
        {"containerRuntime": "containerd"},
        {"kubernetesVersion": "1.28.0"},
    ],
    ids=["a mirror of CRI-O", "preinstalled", "containerd", "1.28"],
)
def test_crio_s_repository_is_enough_when_it_has_the_version(changes: dict[str, Any]) -> None:
    """Only 1.27 from the official one is unavailable."""
    old = {"install": "packages", "containerRuntime": "crio", "kubernetesVersion": "1.27.6"}
    assert settings(**old | changes).kubernetes_version


@pytest.mark.parametrize(
    "repositories", [None, {}, {"kubernetes": {"url": MIRROR}}], ids=["none", "empty", "another"]
)
def test_crio_1_27_is_refused_when_no_mirror_of_it_is_given(
    repositories: dict[str, Any] | None,
) -> None:
    """The CRI-O project's repositories begin with 1.28: found here and not on every host."""
    (fault,) = faults(
        install="packages",
        containerRuntime="crio",
        kubernetesVersion="1.27.6",
        repositories=repositories,
    )
    assert fault.startswith("repositories: crio.url is required")
    assert "start at 1.28" in fault
    assert "set repositories.crio.url" in fault


@pytest.mark.parametrize(
    "url",
    [
        "ftp://mirror.example.com/apt",
        "file:///srv/apt",
        "mirror.example.com/apt",
        "https://",
        "https:///apt",
        "",
        "https://mirror.example.com/a pt",
        "https://mirror.example.com/apt\nhttps://other.example.com",
        "https://mirror.example.com/apt\x01",
        "https://mirror.example.com/äpt",
        "https://mirror.example.com/apt?token=1",
        "https://mirror.example.com/apt#main",
        "https://mirror.example.com/'apt'",
        "https://mirror.example.com/v{major}",
        "https://mirror.example.com/v{ minor }",
    ],
)
@pytest.mark.parametrize(
    ("key", "section"),
    [
        ("repositories.kubernetes.url", lambda url: {"repositories": {"kubernetes": {"url": url}}}),
        ("etcdctl.url", lambda url: {"etcdctl": {"url": url, "sha256": SUM}}),
    ],
    ids=["repository", "etcdctl"],
)
def test_url_is_refused_when_it_cannot_stand_on_a_host(url: str, key: str, section: Any) -> None:
    """It becomes a line of sources.list or of a .repo file, and an argument of curl."""
    (fault,) = faults(**section(url))
    given = "the given value (not shown)" if "?" in url else repr(url)  # it may be a signed one
    assert fault.startswith(f"{key}: {given} is not a supported URL")
    assert "expected an http(s) URL" in fault


def test_errors_of_all_new_sections_come_at_once_when_several_are_wrong() -> None:
    """Nobody has to run again and again to learn of the next one."""
    found = faults(
        install="apt",
        runtimeVersion="latest",
        repositories={"kubernetes": {"url": PLAIN_MIRROR}, "crio": {"url": "ftp://x"}, "k8s": {}},
        etcdctl={"sha256": "abc"},
        registry={"username": "puller", "caFile": 5},
    )
    assert {fault.split(":")[0] for fault in found} == {
        "install",
        "runtimeVersion",
        "repositories.kubernetes",
        "repositories.crio.url",
        "repositories.k8s",
        "etcdctl.sha256",
        "registry",
        "registry.caFile",
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"registry": {"password": PASSWORD}},
        {"registry": LOGIN | {"caFile": 5}},
        {"registry": LOGIN | {"username": "the puller"}},
        {"registry": LOGIN, "install": "apt"},
        {"registry": {"username": "puller", "passwort": PASSWORD}},
        {"registry": {"username": "puller", "password": [PASSWORD]}},
        {"registry": {"username": "puller", "password": {"secure": PASSWORD}}},
        {"registry": PASSWORD},
        {"registry": [PASSWORD]},
        {"registry": '{"password": "' + PASSWORD},
        {"repositories": {"kubernetes": {"url": f"https://puller:{PASSWORD}@mirror.example.com"}}},
        {"etcdctl": {"url": f"https://puller:{PASSWORD}@mirror.example.com", "sha256": SUM}},
    ],
    ids=lambda changes: " ".join(f"{key} {value!r}" for key, value in changes.items()),
)
def test_password_is_not_repeated_when_something_is_wrong(changes: dict[str, Any]) -> None:
    """An error goes to logs that everybody reads."""
    found = faults(**changes)
    assert found
    assert not any(PASSWORD in fault for fault in found)


def test_password_of_digits_is_not_repeated_when_yaml_made_a_number_of_it() -> None:
    """The quotes around it are forgotten easily."""
    (fault,) = faults(registry={"username": "puller", "password": 12345678})
    assert "12345678" not in fault


def test_password_is_not_shown_when_settings_are_printed() -> None:
    """It stays out of every repr."""
    wanted = settings(registry=LOGIN)
    assert PASSWORD not in repr(wanted) + str(wanted) + repr(wanted.registry)
