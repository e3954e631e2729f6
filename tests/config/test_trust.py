"""Signing keys and the registry's CA: read from files, every fault named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import asyncssh
import pytest

from etcd_cluster.config import reading, trust
from etcd_cluster.config.settings import Settings
from etcd_cluster.config.trust import Sources
from etcd_cluster.errors import ConfigurationError
from tests.support.samples import KEY_BODY, KEY_TEXT, PASSWORD, members, raw, settings

MIRROR = "http://mirror.example.com/v{minor}"
REPOSITORIES = ("kubernetes", "crio", "etcd")


def armored(name: str) -> str:
    """A public key's block; only its form is looked at."""
    return (
        f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN{name}\n=abcd\n"
        "-----END PGP PUBLIC KEY BLOCK-----\n"
    )


def certificate(name: str) -> str:
    """A certificate's block; only its form is looked at."""
    return f"-----BEGIN CERTIFICATE-----\nMIIB{name}\n-----END CERTIFICATE-----\n"


def signed(*names: str, file: str = "mirror.asc") -> dict[str, Any]:
    """These repositories, with the file that holds their key."""
    return {name: {"url": MIRROR, "signingKeyFile": file} for name in names}


def found(folder: Path, **changes: Any) -> tuple[Sources, list[str]]:
    """What the changed configuration's files hold, and every fault."""
    wanted, faults = settings(**changes), list[str]()
    return trust.read(wanted.repositories, wanted.registry, folder, faults), faults


def good(folder: Path, **changes: Any) -> Sources:
    """What the changed configuration's files hold; they are without a fault."""
    read, faults = found(folder, **changes)
    assert faults == []
    return read


def fault(folder: Path, **changes: Any) -> str:
    """The one fault of the changed configuration's files."""
    _, (only,) = found(folder, **changes)
    return only


def test_nothing_is_read_when_no_file_is_named(tmp_path: Path) -> None:
    """The official repositories offer their keys, the registry has a certificate of the web's."""
    assert good(tmp_path) == Sources(signing_keys={}, registry_ca="")


def test_each_repository_has_its_own_key_when_files_are_named(tmp_path: Path) -> None:
    """Whoever signs one of them signs nothing of another."""
    for name in REPOSITORIES:
        (tmp_path / f"{name}.asc").write_text(armored(name))
    wanted = {name: signed(name, file=f"{name}.asc")[name] for name in REPOSITORIES}
    keys = good(tmp_path, repositories=wanted).signing_keys
    assert keys == {name: armored(name) for name in REPOSITORIES}


def test_no_key_is_there_for_a_repository_when_it_names_no_file(tmp_path: Path) -> None:
    """It is then taken from where the repository is."""
    (tmp_path / "mirror.asc").write_text(armored("key"))
    assert set(good(tmp_path, repositories=signed("crio")).signing_keys) == {"crio"}


def test_every_key_is_taken_when_a_file_holds_several(tmp_path: Path) -> None:
    """While a key is being replaced, both sign."""
    (tmp_path / "mirror.asc").write_text(armored("old") + "\n" + armored("new"))
    keys = good(tmp_path, repositories=signed("kubernetes")).signing_keys
    assert keys["kubernetes"] == armored("old") + armored("new")


def test_only_the_key_is_taken_when_other_text_stands_around_it(tmp_path: Path) -> None:
    """gpg and people write comments there; hosts have no use for them."""
    (tmp_path / "mirror.asc").write_text(f"Our mirror's key\n{armored('key')}{KEY_TEXT}")
    keys = good(tmp_path, repositories=signed("kubernetes")).signing_keys
    assert keys["kubernetes"] == armored("key")


def test_key_is_taken_when_its_lines_end_as_on_windows(tmp_path: Path) -> None:
    """Hosts get the lines that they know."""
    (tmp_path / "mirror.asc").write_bytes(armored("key").replace("\n", "\r\n").encode())
    keys = good(tmp_path, repositories=signed("kubernetes")).signing_keys
    assert keys["kubernetes"] == armored("key")


def test_whole_chain_is_taken_when_the_ca_file_holds_one(tmp_path: Path) -> None:
    """The root and those below it."""
    (tmp_path / "ca.pem").write_text(certificate("root") + certificate("below"))
    read = good(tmp_path, registry={"caFile": "ca.pem"})
    assert read.registry_ca == certificate("root") + certificate("below")


def test_private_key_stays_here_when_it_is_in_the_ca_file_too(tmp_path: Path) -> None:
    """A bundle of both is common; hosts get the certificate."""
    (tmp_path / "ca.pem").write_text(KEY_TEXT + certificate("root"))
    assert good(tmp_path, registry={"caFile": "ca.pem"}).registry_ca == certificate("root")


def test_absolute_path_is_taken_when_given(tmp_path: Path) -> None:
    """Only relative paths start at the project's folder."""
    (tmp_path / "ca.pem").write_text(certificate("root"))
    read = good(tmp_path / "elsewhere", registry={"caFile": str(tmp_path / "ca.pem")})
    assert read.registry_ca == certificate("root")


def test_home_folder_is_meant_when_a_path_starts_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in every other path of the configuration."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.pem").write_text(certificate("root"))
    read = good(tmp_path / "elsewhere", registry={"caFile": "~/ca.pem"})
    assert read.registry_ca == certificate("root")


@pytest.mark.parametrize("name", REPOSITORIES)
def test_fault_names_key_file_and_reason_when_a_signing_key_is_missing(
    tmp_path: Path, name: str
) -> None:
    """And what to give in its place."""
    text = fault(tmp_path, repositories=signed(name))
    assert text.startswith(f"repositories.{name}.signingKeyFile: 'mirror.asc' cannot be read ")
    assert "(No such file or directory)" in text
    assert "expected an armored OpenPGP public key" in text


def test_fault_names_key_file_and_reason_when_the_ca_is_missing(tmp_path: Path) -> None:
    """And what to give in its place."""
    text = fault(tmp_path, registry={"caFile": "ca.pem"})
    assert text.startswith("registry.caFile: 'ca.pem' cannot be read (No such file or directory)")
    assert "expected a CA certificate in PEM form" in text


def test_fault_is_told_when_a_path_is_a_folder(tmp_path: Path) -> None:
    """With the system's own reason."""
    (tmp_path / "mirror.asc").mkdir()
    assert "(Is a directory)" in fault(tmp_path, repositories=signed("crio"))


def test_fault_is_told_when_a_path_is_in_the_home_of_nobody(tmp_path: Path) -> None:
    """And not a traceback."""
    text = fault(tmp_path, registry={"caFile": "~no-such-user/ca.pem"})
    assert text.startswith("registry.caFile: '~no-such-user/ca.pem' cannot be read (no such user)")


def test_fault_asks_for_armor_when_a_signing_key_is_binary(tmp_path: Path) -> None:
    """As gpg exports one without --armor, and as many mirrors offer it."""
    (tmp_path / "mirror.asc").write_bytes(bytes((0x99, 0x01, 0x0D, 0xFF, 0x80)))
    text = fault(tmp_path, repositories=signed("kubernetes"))
    assert "(not text)" in text
    assert "armored" in text


@pytest.mark.parametrize(
    "content",
    [
        "",
        "hello\n",
        certificate("root"),
        KEY_TEXT,
        armored("key")[:60],
        armored("key").replace("PUBLIC", "PRIVATE"),
    ],
    ids=["nothing", "text", "certificate", "ssh key", "cut short", "private key"],
)
def test_fault_is_told_when_a_signing_key_is_something_else(tmp_path: Path, content: str) -> None:
    """Found here, and not as a bad signature on every host."""
    (tmp_path / "mirror.asc").write_text(content)
    text = fault(tmp_path, repositories=signed("kubernetes"))
    assert text == (
        "repositories.kubernetes.signingKeyFile: 'mirror.asc' is invalid: expected an armored "
        "OpenPGP public key (-----BEGIN PGP PUBLIC KEY BLOCK-----)"
    )


@pytest.mark.parametrize(
    "content",
    ["", armored("key"), KEY_TEXT, certificate("root")[:40]],
    ids=["nothing", "OpenPGP key", "private key", "cut short"],
)
def test_fault_is_told_when_the_ca_is_something_else(tmp_path: Path, content: str) -> None:
    """Found here, and not as a failed pull on every host."""
    (tmp_path / "ca.pem").write_text(content)
    text = fault(tmp_path, registry={"caFile": "ca.pem"})
    assert text == "registry.caFile: 'ca.pem' is invalid: expected a CA certificate in PEM form"


def test_content_is_not_repeated_when_a_file_is_something_else(tmp_path: Path) -> None:
    """It may be a private key."""
    (tmp_path / "ca.pem").write_text(KEY_TEXT)
    assert KEY_BODY not in fault(tmp_path, registry={"caFile": "ca.pem"})


def test_key_is_not_repeated_when_it_stands_in_place_of_a_path(tmp_path: Path) -> None:
    """Somebody took signingKeyFile for signingKey."""
    text = fault(tmp_path, repositories=signed("kubernetes", file=armored("key")))
    assert text.startswith("repositories.kubernetes.signingKeyFile: the given value (not shown")


def test_faults_of_all_files_come_at_once_when_several_are_wrong(tmp_path: Path) -> None:
    """Each with its key."""
    _, faults = found(
        tmp_path, repositories=signed("kubernetes", "etcd"), registry={"caFile": "ca.pem"}
    )
    assert [text.split(":")[0] for text in faults] == [
        "repositories.kubernetes.signingKeyFile",
        "repositories.etcd.signingKeyFile",
        "registry.caFile",
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files of the least configuration."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    (tmp_path / "id_ed25519").write_bytes(key.export_private_key())
    line = key.export_public_key().decode()
    (tmp_path / "known_hosts").write_text(
        "".join(f"{member['address']} {line}" for member in members())
    )
    return tmp_path


def test_sources_come_with_settings_and_access_when_all_is_right(folder: Path) -> None:
    """One reading of everything that the configuration names."""
    (folder / "ca.pem").write_text(certificate("root"))
    read = reading.read(Settings, raw(registry={"caFile": "ca.pem"}), folder)
    assert read.settings.registry.ca_file == Path("ca.pem")
    assert read.sources.registry_ca == certificate("root")


def test_missing_files_of_all_kinds_come_at_once_when_read(tmp_path: Path) -> None:
    """SSH's and the sources'."""
    given = raw(
        repositories=signed("kubernetes"),
        registry={"caFile": "ca.pem", "username": "puller", "password": PASSWORD},
    )
    with pytest.raises(ConfigurationError) as caught:
        reading.read(Settings, given, tmp_path)
    assert {text.split(":")[0] for text in caught.value.faults} == {
        "ssh.privateKeyFile",
        "ssh.knownHostsFile",
        "repositories.kubernetes.signingKeyFile",
        "registry.caFile",
    }
    assert PASSWORD not in str(caught.value)


@pytest.mark.parametrize(
    "changes",
    [{"repositories": "none"}, {"repositories": {"crio": "none"}}, {"registry": ["none"]}],
    ids=["repositories", "repository", "registry"],
)
def test_one_fault_is_told_when_something_else_stands_in_place_of_a_section(
    folder: Path, changes: dict[str, Any]
) -> None:
    """No file is named there."""
    with pytest.raises(ConfigurationError) as caught:
        reading.read(Settings, raw(**changes), folder)
    assert len(caught.value.faults) == 1
