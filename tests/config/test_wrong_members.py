"""Members and SSH: one clear error for everything that is not taken."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.samples import (
    KEY_TEXT,
    SSH,
    assert_one_fault,
    members,
)

from .changed import member, without


def spelled(*ssh_hosts: str) -> list[dict[str, Any]]:
    """The members, of which the first are dialed there."""
    rows = members()
    for row, host in zip(rows, ssh_hosts, strict=False):
        row["sshHost"] = host
    return rows


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
    "members are addresses": (
        {"members": ["10.107.88.15", *members()[1:]]},
        "members[0]",
        "the given value (not shown)",
        "expected a map with name and address",
    ),
    "address in brackets": (
        {"members": member(address="[fd00::1]")},
        "members[1].address",
        "'[fd00::1]'",
        "without brackets",
    ),
    "address with a prefix": (
        {"members": member(address="10.107.88.16/24")},
        "members[1].address",
        "'10.107.88.16/24'",
        "or a prefix length",
    ),
    "sshHost with a user": (
        {"members": member(sshHost="ops@10.107.88.16")},
        "members[1].sshHost",
        "'ops@10.107.88.16'",
        "without user and port",
    ),
    "sshHost with a port": (
        {"members": member(sshHost="host.example.com:2222")},
        "members[1].sshHost",
        "'host.example.com:2222'",
        "without user and port",
    ),
    "name is nothing": (
        {"members": member(name=None)},
        "members[1].name",
        "null",
        "expected a string",
    ),
    "port is a truth": (
        {"ssh": {**SSH, "port": True}},
        "ssh.port",
        "true is invalid",
        "an integer from 1 to 65535",
    ),
    "key in another spelling": (
        {"ssh": {"knownHostsFile": "known_hosts", "privatekeyFile": "key", "privateKeyFile": "k"}},
        "ssh.privatekeyFile",
        "unknown key",
        "did you mean privateKeyFile?",
    ),
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
    "sshHost twice, in two spellings": (
        {"members": spelled("host.example", "Host.Example.")},
        "members[1].sshHost",
        "'Host.Example.'",
        "its own",
    ),
    "sshHost twice, in two spellings of IPv6": (
        {"members": spelled("fd00::7", "FD00:0::7")},
        "members[1].sshHost",
        "'FD00:0::7'",
        "its own",
    ),
    "sshHost is another's address": (
        {"members": member(sshHost="10.107.88.15")},
        "members[1].sshHost",
        "10.107.88.15",
        "its own",
    ),
    "name is a list": ({"members": member(name=["a"])}, "members[1].name", "a list", "a string"),
    "address is a map": (
        {"members": member(address={"a": "b"})},
        "members[1].address",
        "a map",
        "a string",
    ),
    "sshHost is a list": (
        {"members": member(sshHost=["a"])},
        "members[1].sshHost",
        "a list",
        "a string",
    ),
    "a member is null": ({"members": [*members()[:2], None]}, "members[2]", "not shown", "a map"),
    "clients as a number": ({"clients": "5"}, "clients", "'5'", "e.g. `[monitoring]`"),
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
    "user empty": ({"ssh": SSH | {"user": ""}}, "ssh.user", "''", "the value is empty"),
    "members cut short": (
        {"members": '[{"name": "etc'},
        "members",
        "not valid YAML",
        "a list or map",
    ),
    "restore in YAML's short form": (
        {"restore": "{snapshot: /root/before.db, replaces: 7e27652122e8b2ae}"},
        "restore",
        "not valid YAML",
        "a list or map",
    ),
    "takeOver cut short": ({"takeOver": '{"cluster"'}, "takeOver", "not valid YAML", "list or map"),
    "backup cut short": ({"backup": "{to: b"}, "backup", "not valid YAML", "a list or map"),
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
