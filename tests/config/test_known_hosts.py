"""The hosts' keys: pinned from known_hosts, each missing one named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncssh
import pytest

from tests.support.samples import SSH, members, settings

from .files import HOSTS, faults, hashed, pin, public, resolve


def test_key_and_pins_are_found_when_both_files_are_good(
    folder: Path, ed25519: asyncssh.SSHKey
) -> None:
    """Each member gets the key that is pinned for its address."""
    found = resolve(settings(), folder)
    assert asyncssh.import_private_key(found.private_key).public_data == ed25519.public_data
    assert found.host_keys == dict.fromkeys(("etcd01", "etcd02", "etcd03"), public(ed25519))


def test_pin_is_found_when_ssh_host_is_a_name(folder: Path, ed25519: asyncssh.SSHKey) -> None:
    """A bastion's or DNS name is looked up as it stands in the file."""
    pin(folder, [f"{name}.lan {public(ed25519)}" for name in ("etcd01", "etcd02", "etcd03")])
    named = [{**member, "sshHost": f"{member['name']}.lan"} for member in members()]
    assert resolve(settings(members=named), folder).host_keys["etcd02"] == public(ed25519)


def test_pin_is_not_taken_when_it_is_revoked_too(folder: Path, ed25519: asyncssh.SSHKey) -> None:
    """@revoked wins over any other line, as with ssh."""
    lines = [f"{host} {public(ed25519)}" for host in HOSTS]
    pin(folder, [*lines, f"@revoked {HOSTS[0]} {public(ed25519)}"])
    (fault,) = faults(settings(), folder)
    assert fault.startswith("members[0] etcd01:")


def test_fault_says_how_to_make_it_when_known_hosts_is_missing(folder: Path) -> None:
    """One fault, not one for every host."""
    (folder / "known_hosts").unlink()
    (fault,) = faults(settings(), folder)
    assert fault.startswith("ssh.knownHostsFile: 'known_hosts' cannot be read")
    assert "ssh-keyscan" in fault


def test_fault_names_the_file_when_known_hosts_is_not_text(folder: Path) -> None:
    """A binary file there is a mistake, not a crash."""
    (folder / "known_hosts").write_bytes(b"\xff\xfe\x00")
    (fault,) = faults(settings(), folder)
    assert fault.startswith("ssh.knownHostsFile: 'known_hosts' is not a known_hosts file")


def test_fault_says_how_to_add_it_when_a_host_is_not_pinned(
    folder: Path, ed25519: asyncssh.SSHKey
) -> None:
    """Nothing is trusted on first use, and the way out is said."""
    pin(folder, [f"{host} {public(ed25519)}" for host in HOSTS[:2]])
    (fault,) = faults(settings(), folder)
    assert fault.startswith("members[2] etcd03: '10.107.88.17' has no key in 'known_hosts'")
    assert "ssh-keyscan -p 22 10.107.88.17 >> 'known_hosts'" in fault


def test_every_host_and_the_key_are_named_when_all_is_missing(folder: Path) -> None:
    """All faults at once."""
    (folder / "id_ed25519").unlink()
    pin(folder, [])
    found = faults(settings(), folder)
    assert [fault.split(":")[0] for fault in found] == [
        "ssh.privateKeyFile",
        "members[0] etcd01",
        "members[1] etcd02",
        "members[2] etcd03",
    ]


def test_pin_is_found_when_the_port_is_another(folder: Path, ed25519: asyncssh.SSHKey) -> None:
    """ssh writes `[host]:port` then."""
    pin(folder, [f"[{host}]:2222 {public(ed25519)}" for host in HOSTS])
    found = resolve(settings(ssh=SSH | {"port": 2222}), folder)
    assert found.host_keys["etcd01"] == public(ed25519)


def test_pin_is_not_found_when_it_is_for_another_port(
    folder: Path, ed25519: asyncssh.SSHKey
) -> None:
    """Two servers on one address have two keys."""
    pin(folder, [f"[{host}]:2222 {public(ed25519)}" for host in HOSTS])
    assert len(faults(settings(), folder)) == 3


def test_fault_names_the_port_when_it_is_another(folder: Path) -> None:
    """The line that ssh-keyscan will write has to be the one that is looked for."""
    pin(folder, [])
    found = faults(settings(ssh=SSH | {"port": 2222}), folder)
    assert "'[10.107.88.15]:2222' has no key" in found[0]
    assert "ssh-keyscan -p 2222 10.107.88.15" in found[0]


def test_pin_is_found_when_the_host_is_hashed(folder: Path, ed25519: asyncssh.SSHKey) -> None:
    """Debian and Ubuntu write known_hosts so."""
    pin(folder, [f"{hashed(host)} {public(ed25519)}" for host in HOSTS])
    assert resolve(settings(), folder).host_keys["etcd03"] == public(ed25519)


def test_pin_is_that_of_ssh_host_when_it_is_given(
    folder: Path, keys: dict[str, asyncssh.SSHKey]
) -> None:
    """Where SSH dials is what has to be pinned."""
    pin(
        folder,
        [f"{host} {public(keys['ssh-rsa'])}" for host in HOSTS]
        + [f"192.0.2.7 {public(keys['ssh-ed25519'])}"],
    )
    changed: list[dict[str, Any]] = [members()[0] | {"sshHost": "192.0.2.7"}, *members()[1:]]
    found = resolve(settings(members=changed), folder)
    assert found.host_keys["etcd01"] == public(keys["ssh-ed25519"])


@pytest.mark.parametrize("order", [("ssh-ed25519", "ssh-rsa"), ("ssh-rsa", "ssh-ed25519")])
def test_ed25519_is_preferred_when_a_host_has_an_rsa_key_too(
    folder: Path, keys: dict[str, asyncssh.SSHKey], order: tuple[str, str]
) -> None:
    """Whatever the order of the file: RSA would be asked for with SHA-1."""
    pin(folder, [f"{host} {public(keys[kind])}" for host in HOSTS for kind in order])
    assert resolve(settings(), folder).host_keys["etcd01"].startswith("ssh-ed25519 ")


def test_rsa_is_taken_when_a_host_has_nothing_else(
    folder: Path, keys: dict[str, asyncssh.SSHKey]
) -> None:
    """Old hosts can be pinned all the same."""
    pin(folder, [f"{host} {public(keys['ssh-rsa'])}" for host in HOSTS])
    assert resolve(settings(), folder).host_keys["etcd01"] == public(keys["ssh-rsa"])


def test_pin_has_no_comment_when_the_file_has_one(folder: Path, ed25519: asyncssh.SSHKey) -> None:
    """Editing a comment must not show as a change of the connection."""
    pin(folder, [f"{host} {public(ed25519)} somebody@somewhere" for host in HOSTS])
    assert resolve(settings(), folder).host_keys["etcd01"] == public(ed25519)
