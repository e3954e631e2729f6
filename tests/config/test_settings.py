"""The configuration: what is taken."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.config import settings as config
from tests.support.samples import (
    members,
    settings,
)

from .changed import member


def test_settings_are_whole_when_only_the_required_keys_are_given() -> None:
    """Three members, a version and ssh are enough."""
    wanted = settings()
    assert [each.name for each in wanted.members] == ["etcd01", "etcd02", "etcd03"]
    assert [each.host for each in wanted.members] == [
        "10.107.88.15",
        "10.107.88.16",
        "10.107.88.17",
    ]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("cluster_name", "etcd"),
        ("container_runtime", "containerd"),
        ("deletion_protection", True),
        ("drift_detection", True),
        ("allow_even_members", False),
        ("allow_cgroup_v1", False),
        ("cgroup_driver", "systemd"),
        ("image_repository", "registry.k8s.io"),
        ("ssh.user", "root"),
        ("ssh.port", 22),
        ("etcd.heartbeat_interval_milliseconds", 100),
        ("etcd.election_timeout_milliseconds", 1000),
        ("etcd.extra_args", {}),
        ("certificates.ca_validity_days", 3650),
        ("certificates.validity_days", 365),
        ("certificates.renew_before_days", 30),
    ],
)
def test_default_is_taken_when_a_key_is_left_out(path: str, expected: object) -> None:
    """The safe choices hold where nothing is said: protection and drift detection are on."""
    value: Any = settings()
    for part in path.split("."):
        value = getattr(value, part)
    assert value == expected


def test_version_is_canonical_when_given_without_v() -> None:
    """kubeadm and the images want the `v`."""
    assert settings(kubernetesVersion="1.35.4").kubernetes_version == "v1.35.4"


def test_image_tag_is_the_release_s_own_when_none_is_given() -> None:
    """The versions table decides, not the kubeadm on some host."""
    wanted = settings()
    assert wanted.etcd_image_tag == wanted.release.etcd_tag


def test_image_tag_is_the_given_one_when_given() -> None:
    """The configuration wins over the table."""
    assert settings(etcd={"imageTag": "3.6.9-0"}).etcd_image_tag == "3.6.9-0"


def test_address_is_canonical_when_ipv6_is_spelled_out() -> None:
    """One address has one spelling, or the same configuration would show as a change."""
    wanted = settings(members=member(address="2001:0DB8:0:0::10"))
    assert wanted.members[1].address == "2001:db8::10"


def test_ssh_dials_ssh_host_when_it_is_given() -> None:
    """A member may be reached elsewhere than its peers reach it."""
    assert settings(members=member(sshHost="192.0.2.7")).members[1].host == "192.0.2.7"


def test_four_members_are_taken_when_even_members_are_allowed() -> None:
    """A cluster that grows passes through an even number."""
    assert len(settings(members=members(4), allowEvenMembers="true").members) == 4


def test_warning_is_given_when_the_number_is_even() -> None:
    """Allowed is not the same as wise."""
    (text,) = config.warnings(settings(members=members(4), allowEvenMembers="true"))
    assert "members: 4" in text


def test_no_warning_is_given_when_the_number_is_odd() -> None:
    """Nothing to say of a good configuration."""
    assert config.warnings(settings()) == []


@pytest.mark.parametrize(("text", "expected"), [("true", True), ("false", False)])
def test_boolean_is_read_when_pulumi_gives_it_as_text(text: str, expected: bool) -> None:
    """Pulumi hands every scalar over as a string."""
    assert settings(deletionProtection=text).deletion_protection is expected


def test_number_is_read_when_pulumi_gives_it_as_text() -> None:
    """Pulumi hands every scalar over as a string."""
    assert settings(healthTimeoutSeconds="60").health_timeout_seconds == 60


@pytest.mark.parametrize("length", [1, 63])
def test_name_is_taken_when_it_is_as_short_or_long_as_a_label_may_be(length: int) -> None:
    """A DNS label has 1 to 63 characters."""
    assert settings(members=member(name="n" * length)).members[1].name == "n" * length


def test_election_timeout_is_taken_when_it_is_just_five_heartbeats() -> None:
    """etcd's own limit belongs to the allowed side."""
    wanted = settings(
        etcd={"heartbeatIntervalMilliseconds": 100, "electionTimeoutMilliseconds": 500}
    )
    assert wanted.etcd.election_timeout_milliseconds == 500
