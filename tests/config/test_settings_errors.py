"""Errors of the configuration: all at once, and no secret in them."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.config import settings as config
from etcd_cluster.errors import ConfigurationError
from tests.support.samples import (
    KEY_BODY,
    KEY_TEXT,
    SSH,
    faults,
    members,
    raw,
    settings,
)

from .changed import member


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


def test_every_wrong_flag_is_told_at_once() -> None:
    """And not one in each run."""
    wrong = {"name": "x", "unsafe-no-fsync": "true", "listen-client-urls": "x", "--foo": "x"}
    found = faults(etcd={"extraArgs": wrong})
    assert [each.partition("'")[2].partition("'")[0] for each in found] == list(wrong)
    assert all(each.startswith("etcd.extraArgs: ") for each in found)


def test_every_wrong_client_is_told_at_once() -> None:
    """The reserved name, and each that is there twice."""
    found = faults(clients=["b", "a", "apiserver-etcd-client", "a", "b"])
    assert [each.partition("'")[2].partition("'")[0] for each in found] == [
        "a",
        "b",
        "apiserver-etcd-client",
    ]


@pytest.mark.parametrize("given", ["true", "True", "yes", "on", "1"])
def test_even_members_are_no_fault_beside_another(given: str) -> None:
    """However YAML lets it be written."""
    found = faults(members=[*members(3), {"name": "etcd04"}], allowEvenMembers=given)
    assert [each.partition(":")[0] for each in found] == ["members[3].address"]


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
