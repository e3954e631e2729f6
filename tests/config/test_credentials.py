"""Key material: read from files, every fault named, nothing secret shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from etcd_cluster.config import credentials, reading
from etcd_cluster.config.credentials import Access
from etcd_cluster.config.settings import Settings
from etcd_cluster.errors import ConfigurationError
from tests.support.samples import SSH, members, raw, settings

HOSTS = [member["address"] for member in members()]


@pytest.fixture(scope="module")
def keys() -> dict[str, asyncssh.SSHKey]:
    """A key of each kind; they belong to nobody."""
    return {kind: asyncssh.generate_private_key(kind) for kind in ("ssh-ed25519", "ssh-rsa")}


@pytest.fixture
def ed25519(keys: dict[str, asyncssh.SSHKey]) -> asyncssh.SSHKey:
    """The key that most tests use, for the user and for every host."""
    return keys["ssh-ed25519"]


@pytest.fixture
def folder(tmp_path: Path, ed25519: asyncssh.SSHKey) -> Path:
    """A folder with both files as the least configuration names them."""
    (tmp_path / "id_ed25519").write_bytes(ed25519.export_private_key())
    pin(tmp_path, [f"{host} {public(ed25519)}" for host in HOSTS])
    return tmp_path


def public(key: asyncssh.SSHKey) -> str:
    """`type base64`, as in a known_hosts line."""
    return " ".join(key.export_public_key().decode().split()[:2])


def pin(folder: Path, lines: Sequence[str]) -> None:
    """Writes the known_hosts file."""
    (folder / "known_hosts").write_text("".join(f"{line}\n" for line in lines))


def hashed(host: str) -> str:
    """A host as ssh's HashKnownHosts writes it."""
    salt = hashlib.sha1(host.encode()).digest()
    name = hmac.new(salt, host.encode(), hashlib.sha1).digest()
    return "|1|" + "|".join(base64.b64encode(part).decode() for part in (salt, name))


def resolve(wanted: Settings, folder: Path) -> Access:
    """The key material; raises with every fault."""
    found: list[str] = []
    access = credentials.read(wanted, folder, found)
    if found:
        raise ConfigurationError(found)
    return access


def faults(wanted: Settings, folder: Path) -> tuple[str, ...]:
    """Every fault of the key material."""
    with pytest.raises(ConfigurationError) as caught:
        resolve(wanted, folder)
    return caught.value.faults


def test_key_and_pins_are_found_when_both_files_are_good(
    folder: Path, ed25519: asyncssh.SSHKey
) -> None:
    """Each member gets the key that is pinned for its address."""
    found = resolve(settings(), folder)
    assert asyncssh.import_private_key(found.private_key).public_data == ed25519.public_data
    assert found.host_keys == dict.fromkeys(("etcd01", "etcd02", "etcd03"), public(ed25519))


def test_key_is_taken_when_it_is_secret_configuration(
    folder: Path, ed25519: asyncssh.SSHKey
) -> None:
    """No file is needed then."""
    text = ed25519.export_private_key().decode()
    (folder / "id_ed25519").unlink()
    ssh = {"privateKey": text, "knownHostsFile": "known_hosts"}
    assert resolve(settings(ssh=ssh), folder).private_key == text


def test_key_ends_with_a_line_break_when_the_configuration_lost_it(
    folder: Path, ed25519: asyncssh.SSHKey
) -> None:
    """OpenSSH reads no key without it."""
    text = ed25519.export_private_key().decode().rstrip()
    ssh = {"privateKey": text, "knownHostsFile": "known_hosts"}
    assert resolve(settings(ssh=ssh), folder).private_key == text + "\n"


def test_absolute_path_is_taken_when_given(folder: Path, tmp_path: Path) -> None:
    """Only relative paths start at the project's folder."""
    ssh = {
        "privateKeyFile": str(folder / "id_ed25519"),
        "knownHostsFile": str(folder / "known_hosts"),
    }
    found = resolve(settings(ssh=ssh), tmp_path / "elsewhere")
    assert set(found.host_keys) == {"etcd01", "etcd02", "etcd03"}


def test_home_folder_is_meant_when_a_path_starts_with_a_tilde(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in every ssh configuration."""
    monkeypatch.setenv("HOME", str(folder))
    ssh = {"privateKeyFile": "~/id_ed25519", "knownHostsFile": "~/known_hosts"}
    found = resolve(settings(ssh=ssh), tmp_path / "elsewhere")
    assert set(found.host_keys) == {"etcd01", "etcd02", "etcd03"}


def test_fault_names_the_file_when_the_key_is_missing(folder: Path) -> None:
    """The path as the configuration has it, the system's reason, and what to give."""
    (folder / "id_ed25519").unlink()
    (fault,) = faults(settings(), folder)
    assert fault.startswith("ssh.privateKeyFile: 'id_ed25519' cannot be read")
    assert "No such file" in fault
    assert "expected the path of a private key" in fault


@pytest.mark.parametrize("content", [b"", b"not a key\n", b"\xff\xfe\x00"])
def test_fault_names_the_file_when_it_holds_no_key(folder: Path, content: bytes) -> None:
    """Text, nothing and bytes are all the same mistake."""
    (folder / "id_ed25519").write_bytes(content)
    (fault,) = faults(settings(), folder)
    assert fault.startswith("ssh.privateKeyFile: 'id_ed25519' ")
    assert "private key" in fault


def test_fault_names_the_file_when_it_holds_the_public_key(
    folder: Path, ed25519: asyncssh.SSHKey
) -> None:
    """`id_ed25519.pub` in place of `id_ed25519`."""
    (folder / "id_ed25519").write_bytes(ed25519.export_public_key())
    (fault,) = faults(settings(), folder)
    assert fault.startswith("ssh.privateKeyFile: 'id_ed25519' is not a private key")


def test_fault_names_the_key_when_secret_configuration_holds_no_key(folder: Path) -> None:
    """And does not repeat it."""
    ssh = {"privateKey": "hunter2", "knownHostsFile": "known_hosts"}
    (fault,) = faults(settings(ssh=ssh), folder)
    assert fault.startswith("ssh.privateKey is not a private key")
    assert "hunter2" not in fault


def test_key_is_refused_when_it_has_a_passphrase(folder: Path, ed25519: asyncssh.SSHKey) -> None:
    """Nobody is there to type it."""
    locked = ed25519.export_private_key("pkcs8-pem", passphrase="correct horse")
    (folder / "id_ed25519").write_bytes(locked)
    (fault,) = faults(settings(), folder)
    assert fault == (
        "ssh.privateKeyFile: 'id_ed25519' is protected by a passphrase: expected a key without one"
    )


def test_no_key_is_repeated_when_it_is_given_as_a_path(
    folder: Path, ed25519: asyncssh.SSHKey
) -> None:
    """The commonest slip of all: the key's text where its path belongs."""
    text = ed25519.export_private_key().decode()
    (fault,) = faults(settings(ssh={**SSH, "privateKeyFile": text}), folder)
    assert fault.startswith("ssh.privateKeyFile: the given value (not shown) cannot be")
    assert text.splitlines()[1] not in fault


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


@pytest.mark.parametrize("show", [repr, str])
def test_no_key_is_shown_when_access_is_printed(folder: Path, show: Any) -> None:
    """It travels through logs and tracebacks; the public keys may be seen."""
    found = resolve(settings(), folder)
    body = found.private_key.splitlines()[1]
    assert body not in show(found)
    assert found.host_keys["etcd01"] in show(found)


def test_configuration_comes_before_its_files_when_both_are_wrong(folder: Path) -> None:
    """All faults of the one in one error, then all faults of the other."""
    (folder / "id_ed25519").unlink()
    (folder / "known_hosts").unlink()
    with pytest.raises(ConfigurationError) as caught:
        reading.read(Settings, raw(kubernetesVersion="1.35", clusterName="x y"), folder)
    keys = [fault.split(":")[0] for fault in caught.value.faults]
    assert sorted(keys) == ["clusterName", "kubernetesVersion"]
    with pytest.raises(ConfigurationError) as caught:
        reading.read(Settings, raw(), folder)
    keys = [fault.split(":")[0] for fault in caught.value.faults]
    assert sorted(keys) == ["ssh.knownHostsFile", "ssh.privateKeyFile"]


def test_each_fault_is_told_once_when_a_member_is_wrong(folder: Path) -> None:
    """A host without an address is not also one without a pin."""
    wrong = [members()[0], {"name": "etcd02", "address": "10.0.0"}, members()[2]]
    with pytest.raises(ConfigurationError) as caught:
        reading.read(Settings, raw(members=wrong), folder)
    assert [fault.split(":")[0] for fault in caught.value.faults] == ["members[1].address"]
