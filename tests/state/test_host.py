"""What hosts are told of packages, of their runtime and of the images' registry."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from etcd_cluster.config.settings import Settings
from etcd_cluster.config.trust import Sources
from etcd_cluster.state import host as state_host
from etcd_cluster.state.text import flat_yaml
from tests.support.samples import PASSWORD, settings

KEY = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN\n-----END PGP PUBLIC KEY BLOCK-----\n"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
SUM = "0123456789abcdef" * 4
LOGIN = {"username": "puller", "password": PASSWORD}
ETCD = "3.6.6"


def wanted(**changes: Any) -> Settings:
    """The least configuration of hosts that start bare, with changes."""
    return settings(install="packages", **changes)


def state(sources: Sources | None = None, **changes: Any) -> dict[str, str]:
    """What `install` is told on a member's host."""
    return state_host.packages_state(wanted(**changes), sources or Sources(), ETCD)


def registry(sources: Sources | None = None, **changes: Any) -> dict[str, str]:
    """What `registry` is told."""
    return state_host.registry_state(wanted(**changes), sources or Sources())


def decoded(text: str) -> str:
    """What stands in base64."""
    return base64.b64decode(text).decode()


def test_versions_and_official_sources_are_told_when_nothing_else_is_configured() -> None:
    """All of it, and nothing that other hosts would need."""
    assert state() == {
        "kubernetes-version": "v1.35.4",
        "runtime-package": "containerd",
        "runtime-version": "any",
        "repository.kubernetes.url": "https://pkgs.k8s.io/core:/stable:/v1.35",
        "etcdctl-version": "3.6.6",
        "etcdctl-url": "https://github.com/etcd-io/etcd/releases/download",
    }


@pytest.mark.parametrize(("version", "minor"), [("1.27.6", "1.27"), ("1.31.0", "1.31")])
def test_repository_is_of_its_minor_when_the_version_is_another(version: str, minor: str) -> None:
    """There is one repository for each minor; an upgrade moves to the next."""
    url = state(kubernetesVersion=version)["repository.kubernetes.url"]
    assert url == f"https://pkgs.k8s.io/core:/stable:/v{minor}"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("https://mirror.example.com/{minor}/kubernetes", "1.35/kubernetes"),
        ("https://mirror.example.com/v{minor}/{minor}", "v1.35/1.35"),
        ("https://mirror.example.com/kubernetes", "kubernetes"),
    ],
)
def test_minor_is_filled_in_when_a_mirror_s_url_has_a_place_for_it(url: str, told: str) -> None:
    """Wherever, and as often as it stands there."""
    found = state(repositories={"kubernetes": {"url": url}})["repository.kubernetes.url"]
    assert found == f"https://mirror.example.com/{told}"


def test_crio_s_own_repository_is_told_when_it_is_the_runtime() -> None:
    """Its package, and the minor of Kubernetes: other minors are not made for it."""
    told = state(containerRuntime="crio")
    assert told["runtime-package"] == "cri-o"
    assert told["runtime-version"] == "1.35."
    assert told["repository.crio.url"] == (
        "https://download.opensuse.org/repositories/isv:/cri-o:/stable:/v1.35"
    )


def test_crio_s_repository_is_not_told_when_containerd_is_the_runtime() -> None:
    """containerd is the distribution's; no host trusts a repository that it has no use for."""
    given = {"crio": {"url": "https://mirror.example.com/crio"}}
    told = state(Sources(signing_keys={"crio": KEY}), repositories=given)
    assert not any(key.startswith("repository.crio") for key in told)


@pytest.mark.parametrize("runtime", ["containerd", "crio"])
def test_runtime_s_version_is_told_when_one_is_configured(runtime: str) -> None:
    """It wins over what would fit."""
    told = state(containerRuntime=runtime, runtimeVersion="1.7.2")
    assert told["runtime-version"] == "1.7.2"


def test_etcdctl_comes_as_a_package_when_a_repository_has_it() -> None:
    """Then no archive is downloaded."""
    given = {"etcd": {"url": "https://mirror.example.com/etcd"}}
    told = state(repositories=given, etcdctl={"sha256": SUM})
    assert told["repository.etcd.url"] == "https://mirror.example.com/etcd"
    assert told["etcdctl-version"] == ETCD
    assert {key for key in told if key.startswith("etcdctl")} == {"etcdctl-version"}


def test_archive_s_checksum_is_told_when_configured() -> None:
    """Beside where it is."""
    told = state(etcdctl={"url": "http://mirror.example.com", "sha256": SUM})
    assert (told["etcdctl-url"], told["etcdctl-sha256"]) == ("http://mirror.example.com", SUM)


def test_nothing_of_etcd_is_told_when_a_host_needs_no_etcdctl() -> None:
    """A host that runs no member."""
    given = {"etcd": {"url": "https://mirror.example.com/etcd"}}
    for changes in ({}, {"repositories": given}):
        told = state_host.packages_state(wanted(**changes), Sources(signing_keys={"etcd": KEY}))
        assert told
        assert not any("etcd" in key for key in told)


@pytest.mark.parametrize("name", ["kubernetes", "crio", "etcd"])
def test_key_is_told_for_its_own_repository_when_a_file_gave_it(name: str) -> None:
    """In one line, whole."""
    given = {"etcd": {"url": "https://mirror.example.com/etcd"}}
    told = state(Sources(signing_keys={name: KEY}), containerRuntime="crio", repositories=given)
    keys = {key: text for key, text in told.items() if key.endswith(".key")}
    assert set(keys) == {f"repository.{name}.key"}
    assert decoded(keys[f"repository.{name}.key"]) == KEY


@pytest.mark.parametrize(
    ("repository", "host"),
    [
        ("registry.k8s.io", "registry.k8s.io"),
        ("mirror.example.com:5000/kubernetes", "mirror.example.com:5000"),
        ("mirror.example.com/a/b/c", "mirror.example.com"),
    ],
)
def test_registry_is_the_host_of_the_image_repository_when_told(repository: str, host: str) -> None:
    """The runtime asks a registry and not a folder of it."""
    assert registry(imageRepository=repository)["registry"] == host


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, False),
        ({"caFile": "ca.pem"}, True),
        (LOGIN, True),
        (LOGIN | {"caFile": "ca.pem"}, True),
    ],
    ids=["nothing", "CA", "login", "both"],
)
def test_runtime_is_told_of_the_registry_only_when_there_is_something_to_tell(
    given: dict[str, str], expected: bool
) -> None:
    """With an own CA, or a login."""
    assert state_host.has_registry(wanted(registry=given)) is expected


def test_login_is_told_as_the_registry_wants_it_when_configured() -> None:
    """`user:password` in base64, which is Basic's form."""
    told = registry(registry=LOGIN)
    assert set(told) == {"registry", "runtime", "login"}
    assert decoded(told["login"]) == f"puller:{PASSWORD}"


@pytest.mark.parametrize(
    "password", ["'\"\\ $(reboot)", "two\nlines", "pässwörd", "a:b", "x" * 500]
)
def test_password_arrives_whole_when_it_holds_what_a_shell_or_yaml_would_read(
    password: str,
) -> None:
    """The state stays one plain line for each key."""
    told = registry(registry={"username": "puller", "password": password})
    assert decoded(told["login"]) == f"puller:{password}"
    assert flat_yaml(told)


def test_ca_is_told_when_a_file_gave_it() -> None:
    """In one line, whole; without a login there is none."""
    told = registry(Sources(registry_ca=CA), registry={"caFile": "ca.pem"})
    assert set(told) == {"registry", "runtime", "ca"}
    assert decoded(told["ca"]) == CA


@pytest.mark.parametrize("runtime", ["containerd", "crio"])
def test_registry_is_told_which_runtime_has_to_know_it(runtime: str) -> None:
    """Each reads files of its own."""
    assert registry(containerRuntime=runtime)["runtime"] == runtime


@pytest.mark.parametrize(
    ("changes", "unit", "socket"),
    [
        ({}, "containerd", "/run/containerd/containerd.sock"),
        ({"containerRuntime": "crio"}, "crio", "/var/run/crio/crio.sock"),
    ],
    ids=["containerd", "crio"],
)
@pytest.mark.parametrize("install", ["packages", "preinstalled"])
def test_unit_and_socket_are_the_runtime_s_when_a_host_is_prepared(
    install: str, changes: dict[str, str], unit: str, socket: str
) -> None:
    """Whoever installed it."""
    told = state_host.runtime_state(settings(install=install, **changes))
    assert (told["runtime-unit"], told["runtime-socket"]) == (unit, socket)


@pytest.mark.parametrize(
    ("version", "tag"),
    [("1.27.6", "3.9"), ("1.30.1", "3.9"), ("1.31.1", "3.10"), ("1.35.4", "3.10.1")],
)
def test_images_are_told_when_the_runtime_comes_as_a_package(version: str, tag: str) -> None:
    """The pause image of this Kubernetes and the etcd that will run, from the same registry."""
    changed = wanted(
        kubernetesVersion=version,
        imageRepository="mirror.example.com/k",
        etcd={"imageTag": "3.5.9-0"},
    )
    told = state_host.host_state(changed, changed.members[0])
    assert told["pause-image"] == f"mirror.example.com/k/pause:{tag}"
    assert told["etcd-image"] == "mirror.example.com/k/etcd:3.5.9-0"


@pytest.mark.parametrize(("registry_", "told"), [({}, "none"), (LOGIN, "given")])
def test_runtime_is_told_whether_there_is_a_login_when_it_comes_as_a_package(
    registry_: dict[str, str], told: str
) -> None:
    """CRI-O's configuration names the file; the password itself is told elsewhere."""
    changed = wanted(registry=registry_)
    state_ = state_host.host_state(changed, changed.members[0])
    assert state_["registry-login"] == told
    assert not any(PASSWORD in text for text in state_.values())


def test_runtime_is_left_as_it_is_when_an_image_brought_it() -> None:
    """Who made the image has configured it there."""
    told = state_host.runtime_state(settings(registry=LOGIN))
    assert set(told) == {"runtime-unit", "runtime-socket", "cgroup-driver"}
    changed = settings(registry=LOGIN)
    assert "etcd-image" not in state_host.host_state(changed, changed.members[0])


@pytest.mark.parametrize("tag", ["3.6.6-0", "v3.6.6", "3.6.6", "3.6.6-0-custom"])
def test_etcdctl_is_of_etcd_s_own_version_when_the_tag_says_more(tag: str) -> None:
    """The tag counts builds of the image; releases have three numbers."""
    assert settings(etcd={"imageTag": tag}).etcd_version == "3.6.6"
