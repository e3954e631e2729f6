"""A good configuration and ready hosts: what tests start from and change one thing of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from etcd_cluster.config.credentials import Access
from etcd_cluster.config.settings import Settings, load
from etcd_cluster.errors import ConfigurationError
from etcd_cluster.plan.probe import Observation

VERSION = "1.35.4"
SSH = {"privateKeyFile": "id_ed25519", "knownHostsFile": "known_hosts"}
# No real key; long enough that finding it anywhere is no accident.
KEY_BODY = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW"
KEY_TEXT = "-----BEGIN OPENSSH {0} KEY-----\n{1}\n-----END OPENSSH {0} KEY-----\n".format(
    "PRIVATE", KEY_BODY
)
# Nobody's either, and hard to find anywhere by accident.
PASSWORD = "correct-horse-battery-staple"


def members(count: int = 3) -> list[dict[str, Any]]:
    """`count` members in the configuration's form."""
    return [{"name": f"etcd0{n}", "address": f"10.107.88.{14 + n}"} for n in range(1, count + 1)]


def raw(**changes: Any) -> dict[str, str]:
    """The least configuration in Pulumi's form, with changes; None takes a key out."""
    keys: dict[str, Any] = {
        "members": members(),
        "kubernetesVersion": VERSION,
        "ssh": SSH,
        "install": "preinstalled",
        **changes,
    }
    return {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in keys.items()
        if value is not None
    }


def settings(**changes: Any) -> Settings:
    """Settings from the least configuration, with changes."""
    return load(raw(**changes))


def faults(**changes: Any) -> tuple[str, ...]:
    """Every fault that the changed configuration has."""
    with pytest.raises(ConfigurationError) as caught:
        load(raw(**changes))
    return caught.value.faults


def assert_one_fault(changes: Mapping[str, Any], key: str, given: str, offered: str) -> None:
    """The changed configuration has one fault, which names the key, what was given, what would do.

    Somebody who reads it knows what to write where, without reading anything else.
    """
    (fault,) = faults(**changes)
    assert fault.startswith(f"{key}: "), fault
    rest = fault.removeprefix(f"{key}: ")
    assert given in rest, rest
    assert offered in rest, rest


def access(wanted: Settings) -> Access:
    """Key material that no file holds."""
    keys = {member.name: f"ssh-ed25519 key-of-{member.name}" for member in wanted.members}
    return Access(private_key=KEY_TEXT, host_keys=keys)


def ready(**changes: str) -> Observation:
    """A host on which nothing was done yet and everything needed is there."""
    facts = {
        "init": "systemd",
        "family": "apt",
        "architecture": "x86_64",
        "kubelet": f"v{VERSION}",
        "kubeadm": f"v{VERSION}",
        "etcdctl": "v3.6.6",
        "runtime": "loaded",
        "socket": "present",
        "cgroup": "v2",
        "program": "absent",
        "etcd-user": "absent",
        "serial": "0",
        "formed": "",
        "data": "absent",
        "healthy": "no",
        "drift-host": "",
        "drift-pki": "",
        "drift-member": "",
    }
    return Observation(facts=facts | {key.replace("_", "-"): v for key, v in changes.items()})


def bare(**changes: str) -> Observation:
    """A host as it was delivered: a supported system, and nothing of ours."""
    absent = dict.fromkeys(("kubelet", "kubeadm", "etcdctl"), "absent")
    return ready(**absent | {"runtime": "not-found", "socket": "absent"} | changes)


def hosts(**named: Observation) -> Mapping[str, Observation]:
    """Three hosts, ready but for those that are named."""
    return {member["name"]: named.get(member["name"], ready()) for member in members()}
