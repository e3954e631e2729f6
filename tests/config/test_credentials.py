"""Key material: read from files, every fault named, nothing secret shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncssh
import pytest

from etcd_cluster.config import reading
from etcd_cluster.config.settings import Settings
from etcd_cluster.errors import ConfigurationError
from tests.support.samples import SSH, members, raw, settings

from .files import faults, resolve


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
