"""The configuration: what is taken, and one clear error for everything else."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.config import settings as config
from etcd_cluster.errors import ConfigurationError
from tests.support.samples import (
    KEY_BODY,
    KEY_TEXT,
    SSH,
    assert_one_fault,
    faults,
    members,
    raw,
    settings,
)


def member(**changes: Any) -> list[dict[str, Any]]:
    """Three members, the second changed."""
    first, second, third = members()
    return [first, second | changes, third]


def without(key: str) -> list[dict[str, Any]]:
    """Three members, the second without a key."""
    wanted = members()
    del wanted[1][key]
    return wanted


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


# Changes; the key that the error must name; what it must repeat; what it must offer.
WRONG: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "no members key": ({"members": None}, "members", "required", "at least three"),
    "no member": ({"members": []}, "members", "0 given", "at least 3"),
    "one member": ({"members": members(1)}, "members", "1 given", "at least 3"),
    "two members": ({"members": members(2)}, "members", "2 given", "at least 3"),
    "two members, even allowed": (
        {"members": members(2), "allowEvenMembers": "true"},
        "members",
        "2 given",
        "at least 3",
    ),
    "four members": ({"members": members(4)}, "members", "4 given", "3 or 5"),
    "members as a map": ({"members": {"name": "etcd01"}}, "members", "", "at least three"),
    "members as text": ({"members": "etcd01"}, "members", "etcd01", "at least three"),
    "name twice": ({"members": member(name="etcd01")}, "members[1].name", "etcd01", "its own"),
    "address twice": (
        {"members": member(address="10.107.88.15")},
        "members[1].address",
        "10.107.88.15",
        "its own",
    ),
    "sshHost twice": (
        {"members": [each | {"sshHost": "192.0.2.7"} for each in members()[:2]] + [members()[2]]},
        "members[1].sshHost",
        "192.0.2.7",
        "its own",
    ),
    "name in capitals": ({"members": member(name="Etcd02")}, "members[1].name", "Etcd02", "etcd01"),
    "name with a dot": ({"members": member(name="etcd.2")}, "members[1].name", "etcd.2", "etcd01"),
    "name ends in a hyphen": ({"members": member(name="e-")}, "members[1].name", "e-", "etcd01"),
    "name empty": ({"members": member(name="")}, "members[1].name", "''", "etcd01"),
    "name too long": ({"members": member(name="n" * 64)}, "members[1].name", "n" * 64, "63"),
    "no name": ({"members": without("name")}, "members[1].name", "required", "name of the member"),
    "no address": (
        {"members": without("address")},
        "members[1].address",
        "required",
        "clients reach the host",
    ),
    "address cut short": (
        {"members": member(address="10.0.0")},
        "members[1].address",
        "10.0.0",
        "expected an IPv4 or IPv6 address, e.g. 10.107.88.15",
    ),
    "address is a name": (
        {"members": member(address="etcd02.lan")},
        "members[1].address",
        "etcd02.lan",
        "an IPv4 or IPv6 address",
    ),
    "address is loopback": (
        {"members": member(address="127.0.0.1")},
        "members[1].address",
        "127.0.0.1",
        "other hosts can reach this one",
    ),
    "address is loopback, IPv6": (
        {"members": member(address="::1")},
        "members[1].address",
        "::1",
        "other hosts can reach this one",
    ),
    "address is unspecified": (
        {"members": member(address="0.0.0.0")},
        "members[1].address",
        "0.0.0.0",
        "other hosts can reach this one",
    ),
    "address is multicast": (
        {"members": member(address="224.0.0.1")},
        "members[1].address",
        "224.0.0.1",
        "other hosts can reach this one",
    ),
    "address is multicast, IPv6": (
        {"members": member(address="ff02::1")},
        "members[1].address",
        "ff02::1",
        "other hosts can reach this one",
    ),
    "address is broadcast": (
        {"members": member(address="255.255.255.255")},
        "members[1].address",
        "255.255.255.255",
        "other hosts can reach this one",
    ),
    "address is link-local with a zone": (
        {"members": member(address="fe80::1%eth0")},
        "members[1].address",
        "fe80::1%eth0",
        "other hosts can reach this one",
    ),
    "address is loopback, mapped to IPv6": (
        {"members": member(address="::ffff:127.0.0.1")},
        "members[1].address",
        "::ffff:127.0.0.1",
        "other hosts can reach this one",
    ),
    "known key in snake case": (
        {"deletion_protection": "false"},
        "deletion_protection",
        "unknown",
        "deletionProtection",
    ),
    "version with a leading zero": (
        {"kubernetesVersion": "1.035.4"},
        "kubernetesVersion",
        "1.035.4",
        "e.g. 1.35.4",
    ),
    "unknown key": ({"kubernetes": "1.35.4"}, "kubernetes", "unknown", "kubernetesVersion"),
    "unknown key, with hyphens": (
        {"drift-detection": "true"},
        "drift-detection",
        "unknown",
        "driftDetection",
    ),
    "unknown key of a member": (
        {"members": member(ip="10.0.0.1")},
        "members[1].ip",
        "unknown",
        "address",
    ),
    "unknown key of ssh": (
        {"ssh": SSH | {"keyFile": "id"}},
        "ssh.keyFile",
        "unknown",
        "privateKeyFile",
    ),
    "unknown key of etcd": (
        {"etcd": {"quota": 1}},
        "etcd.quota",
        "unknown",
        "quotaBackendBytes",
    ),
    "no version": (
        {"kubernetesVersion": None},
        "kubernetesVersion",
        "required",
        "version of kubelet and kubeadm",
    ),
    "version without patch": ({"kubernetesVersion": "1.35"}, "kubernetesVersion", "1.35", "1.35.4"),
    "version too old": (
        {"kubernetesVersion": "1.20.0"},
        "kubernetesVersion",
        "1.20.0",
        "1.27 to 1.",
    ),
    "version too new": (
        {"kubernetesVersion": "1.99.0"},
        "kubernetesVersion",
        "1.99.0",
        "1.27 to 1.",
    ),
    "version of another major": (
        {"kubernetesVersion": "2.35.4"},
        "kubernetesVersion",
        "2.35.4",
        "e.g. 1.35.4",
    ),
    "version is a word": (
        {"kubernetesVersion": "latest"},
        "kubernetesVersion",
        "latest",
        "e.g. 1.35.4",
    ),
    "version empty": ({"kubernetesVersion": ""}, "kubernetesVersion", "''", "e.g. 1.35.4"),
    "unknown runtime": (
        {"containerRuntime": "docker"},
        "containerRuntime",
        "docker",
        "'containerd' or 'crio'",
    ),
    "unknown cgroup driver": (
        {"cgroupDriver": "none"},
        "cgroupDriver",
        "none",
        "'systemd' or 'cgroupfs'",
    ),
    "no ssh": ({"ssh": None}, "ssh", "required", "SSH access to the hosts"),
    "both keys": (
        {"ssh": SSH | {"privateKey": KEY_TEXT}},
        "ssh",
        "privateKey and privateKeyFile are both set",
        "set exactly one",
    ),
    "neither key": (
        {"ssh": {"knownHostsFile": "known_hosts"}},
        "ssh",
        "neither privateKey nor privateKeyFile is set",
        "set exactly one",
    ),
    "no known_hosts file": (
        {"ssh": {"privateKeyFile": "id"}},
        "ssh.knownHostsFile",
        "required",
        "pins every host's key",
    ),
    "port zero": ({"ssh": SSH | {"port": 0}}, "ssh.port", "0", "an integer from 1 to 65535"),
    "port too big": (
        {"ssh": SSH | {"port": 65536}},
        "ssh.port",
        "65536",
        "an integer from 1 to 65535",
    ),
    "user with a blank": ({"ssh": SSH | {"user": "a b"}}, "ssh.user", "'a b'", "without spaces"),
    "quota too small": (
        {"etcd": {"quotaBackendBytes": 1000}},
        "etcd.quotaBackendBytes",
        "1000",
        f"an integer from {64 * 1024**2} to",
    ),
    "quota too big": (
        {"etcd": {"quotaBackendBytes": 9 * 1024**3}},
        "etcd.quotaBackendBytes",
        str(9 * 1024**3),
        f"to {8 * 1024**3}",
    ),
    "election below five heartbeats": (
        {"etcd": {"heartbeatIntervalMilliseconds": 100, "electionTimeoutMilliseconds": 499}},
        "etcd",
        "electionTimeoutMilliseconds is 499",
        "1000 and 100",
    ),
    "flag that the program owns": (
        {"etcd": {"extraArgs": {"data-dir": "/data"}}},
        "etcd.extraArgs",
        "data-dir",
        "remove it",
    ),
    "flag that gives up durability": (
        {"etcd": {"extraArgs": {"unsafe-no-fsync": "true"}}},
        "etcd.extraArgs",
        "unsafe-no-fsync",
        "acknowledged writes would be lost",
    ),
    "flag that gives up the quorum's protection": (
        {"etcd": {"extraArgs": {"strict-reconfig-check": "false"}}},
        "etcd.extraArgs",
        "strict-reconfig-check",
        "would cost the quorum",
    ),
    "flag with dashes": (
        {"etcd": {"extraArgs": {"--snapshot-count": "1000"}}},
        "etcd.extraArgs",
        "--snapshot-count",
        "without leading dashes",
    ),
    "flag's value with a quote": (
        {"etcd": {"extraArgs": {"log-level": "it's"}}},
        "etcd.extraArgs.log-level",
        "it's",
        "without spaces, quotes",
    ),
    "renewal as long as the life": (
        {"certificates": {"validityDays": 30, "renewBeforeDays": 30}},
        "certificates",
        "renewBeforeDays is 30",
        "less than validityDays, 30",
    ),
    "leaf outlives the CA": (
        {"certificates": {"caValidityDays": 100, "validityDays": 101}},
        "certificates",
        "validityDays is 101",
        "caValidityDays, 100",
    ),
    "no life at all": (
        {"certificates": {"validityDays": 0, "renewBeforeDays": 0}},
        "certificates.validityDays",
        "0",
        "an integer from 1 to 3650",
    ),
    "boolean is a word": (
        {"deletionProtection": "perhaps"},
        "deletionProtection",
        "perhaps",
        "true or false",
    ),
    "health timeout too short": (
        {"healthTimeoutSeconds": "4"},
        "healthTimeoutSeconds",
        "4",
        "an integer from 5 to 3600",
    ),
    "health timeout too long": (
        {"healthTimeoutSeconds": "3601"},
        "healthTimeoutSeconds",
        "3601",
        "an integer from 5 to 3600",
    ),
    "health timeout with a unit": (
        {"healthTimeoutSeconds": "5m"},
        "healthTimeoutSeconds",
        "5m",
        "integer",
    ),
    "cluster name with a blank": (
        {"clusterName": "my etcd"},
        "clusterName",
        "my etcd",
        "e.g. etcd01",
    ),
    "user empty": ({"ssh": SSH | {"user": ""}}, "ssh.user", "''", "the value is empty"),
    "flag's value empty": (
        {"etcd": {"extraArgs": {"log-level": ""}}},
        "etcd.extraArgs.log-level",
        "''",
        "the value is empty",
    ),
    "flag's value is a number": (
        {"etcd": {"extraArgs": {"snapshot-count": 1000}}},
        "etcd.extraArgs.snapshot-count",
        "1000",
        "in quotes",
    ),
    "members cut short": (
        {"members": '[{"name": "etc'},
        "members",
        "not valid YAML",
        "a list or map",
    ),
    "ssh cut short": ({"ssh": '{"user"'}, "ssh", "not valid YAML", "a list or map"),
}


@pytest.mark.parametrize(
    ("changes", "key", "given", "offered"), list(WRONG.values()), ids=list(WRONG)
)
def test_one_error_names_key_given_and_allowed_when_wrong(
    changes: dict[str, Any], key: str, given: str, offered: str
) -> None:
    """Each kind of mistake by itself."""
    assert_one_fault(changes, key, given, offered)


def test_all_errors_come_at_once_when_several_keys_are_wrong() -> None:
    """Nobody has to run again and again to learn of the next one."""
    found = faults(
        members=member(address="10.0.0"),
        kubernetesVersion="1.35",
        containerRuntime="docker",
        deletionProtection="perhaps",
        ssh="{",
    )
    keys = {fault.split(":")[0] for fault in found}
    assert keys == {
        "members[1].address",
        "kubernetesVersion",
        "containerRuntime",
        "deletionProtection",
        "ssh",
    }


def test_all_errors_of_members_come_at_once_when_count_names_and_addresses_are_wrong() -> None:
    """The rules across members do not hide each other."""
    same = [members(1)[0]] * 2
    found = {fault.split(":")[0] for fault in faults(members=same)}
    assert found == {"members", "members[1].name", "members[1].address"}


def test_error_text_holds_every_fault_on_its_own_line_when_several_are_wrong() -> None:
    """The text is what the terminal shows."""
    with pytest.raises(ConfigurationError) as caught:
        config.load(raw(kubernetesVersion="1.35", containerRuntime="docker"))
    heading, *lines = str(caught.value).splitlines()
    assert "nothing was changed" in heading
    assert [line.strip() for line in lines] == [f"• {fault}" for fault in caught.value.faults]


@pytest.mark.parametrize(
    "changes",
    [
        {"privateKey": KEY_TEXT},
        {"ssh": SSH | {"key": KEY_TEXT}},
        {"ssh": SSH | {"privateKey": [KEY_TEXT]}},
        {"ssh": SSH | {"port": KEY_TEXT}},
        {"ssh": KEY_TEXT},
        {"ssh": [KEY_TEXT]},
        {"containerRuntime": KEY_TEXT},
        {"healthTimeoutSeconds": KEY_BODY},
        {"ssh": '{"privateKey": "' + KEY_BODY},
        {"ssh": SSH | {"user": KEY_TEXT}},
        {"kubernetesVersion": KEY_TEXT},
        {"clusterName": KEY_TEXT},
        {"members": member(name=KEY_TEXT)},
        {"members": member(address=KEY_TEXT)},
        {"members": member(sshHost=KEY_TEXT)},
        {"etcd": {"extraArgs": {"log-level": KEY_TEXT}}},
        {"etcd": {"extraArgs": {KEY_TEXT: "info"}}},
    ],
    ids=lambda changes: " ".join(f"{key} {type(value).__name__}" for key, value in changes.items()),
)
def test_secret_is_not_repeated_when_it_is_in_the_wrong_place(changes: dict[str, Any]) -> None:
    """An error goes to logs that everybody reads."""
    assert not any(KEY_BODY in fault for fault in faults(**changes))


def test_secret_is_not_shown_when_settings_are_printed() -> None:
    """A key given as secret configuration stays out of every repr."""
    ssh = {"privateKey": KEY_TEXT, "knownHostsFile": "known_hosts"}
    assert KEY_BODY not in repr(settings(ssh=ssh))


def test_key_is_kept_when_given_as_secret_configuration() -> None:
    """What is hidden from print is there for use."""
    ssh = {"privateKey": KEY_TEXT, "knownHostsFile": "known_hosts"}
    kept = settings(ssh=ssh).ssh.private_key
    assert kept is not None
    assert kept.get_secret_value() == KEY_TEXT
