"""The CA that was made elsewhere: its files, and what the settings may say of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from etcd_cluster.config import authority
from etcd_cluster.config.authority import GivenAuthority
from tests.support import cas
from tests.support.samples import faults, settings


def read(folder: Path, **given: Any) -> tuple[GivenAuthority | None, list[str]]:
    """What the files hold, and every fault."""
    found: list[str] = []
    section = {"certificateFile": "ca.crt", **given}
    wanted = settings(certificates={"authority": section, "authorities": [0, 1]})
    return authority.read(wanted.certificates, folder, found), found


@pytest.fixture
def made(tmp_path: Path) -> cas.Made:
    """A CA, in two files."""
    made = cas.authority()
    (tmp_path / "ca.crt").write_text(made.pem)
    (tmp_path / "ca.key").write_text(made.key_pem)
    return made


def test_none_is_given_when_nothing_is_said(tmp_path: Path) -> None:
    """The stack makes its own."""
    assert authority.read(settings().certificates, tmp_path, []) is None


def test_certificate_and_key_are_read(tmp_path: Path, made: cas.Made) -> None:
    """From two files, or with the key itself; the key is not shown."""
    for key in ({"privateKeyFile": "ca.key"}, {"privateKey": made.key_pem}):
        found, lines = read(tmp_path, **key)
        assert found
        assert not lines
        assert (found.key, found.fingerprint) == (made.key_pem, made.fingerprint)
        assert found.expiry == "2035-12-30T00:00:00Z"
        assert "PRIVATE" not in repr(found)


# As `openssl ecparam -genkey` writes it, for P-256.
PARAMETERS = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_key_is_handed_on_without_what_stands_around_it(
    tmp_path: Path, made: cas.Made, ending: str
) -> None:
    """The provider takes the first block for the key, and would fail after hosts were adopted."""
    for before, behind in ((PARAMETERS, ""), (made.pem, ""), ("", made.pem)):
        text = (before + made.key_pem + behind).replace("\n", ending)
        found, lines = read(tmp_path, privateKey=text)
        assert found
        assert (found.key, lines) == (made.key_pem, [])
    kept = f"Bag Attributes\n{made.key_pem}\n"
    found, _ = read(tmp_path, privateKey=kept)
    assert found
    assert found.key == kept


@pytest.mark.parametrize(("path_length", "crosses"), [(None, True), (1, True), (0, False)])
def test_ca_under_which_there_can_be_no_other_is_warned_of(
    tmp_path: Path, path_length: int | None, crosses: bool
) -> None:
    """Clients that have not followed are cut off a step earlier."""
    (tmp_path / "ca.crt").write_text(cas.authority(path_length=path_length).pem)
    found, _ = read(tmp_path)
    assert found
    assert found.can_cross == crosses
    for listed in ([0, 1], [1, 0], [1], [0]):
        section = {"certificateFile": "ca.crt", "privateKeyFile": "ca.key"}
        wanted = settings(certificates={"authority": section, "authorities": listed}).certificates
        said = authority.warnings(found, wanted)
        assert len(said) == (not crosses and len(listed) == 2)
        assert all("what authority 1 issues" in x and "before [1, 0]" in x for x in said)


def test_key_may_be_missing(tmp_path: Path, made: cas.Made) -> None:
    """Then it issues nothing."""
    found, lines = read(tmp_path)
    assert found == GivenAuthority(
        certificate=made.pem, fingerprint=made.fingerprint, expiry="2035-12-30T00:00:00Z"
    )
    assert not lines


def test_each_unusable_file_is_a_fault(tmp_path: Path, made: cas.Made) -> None:
    """With its key and what is expected."""
    protected = made.key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    ).decode()
    other = cas.authority()
    cases: list[tuple[str, dict[str, str], str]] = [
        ("", {"privateKey": other.key_pem}, "the private key does not belong to the certificate"),
        ("", {"privateKey": protected}, "privateKey is protected by a passphrase"),
        ("", {"privateKey": "nothing"}, "privateKey is not a private key"),
        ("", {"privateKeyFile": "none"}, "'none' cannot be read (No such file or directory)"),
        ("nothing", {}, "certificateFile: 'ca.crt' is invalid: expected the CA's certificate"),
        (made.pem + other.pem, {}, "holds 2 certificates: expected one"),
        (cas.authority(ca=False).pem, {}, "is not the certificate of a CA"),
        (cas.leaf(made, ["a"]).pem, {}, "is not the certificate of a CA"),
    ]
    for text, given, expected in cases:
        (tmp_path / "ca.crt").write_text(text or made.pem)
        _, (line,) = read(tmp_path, **given)
        assert line.startswith("certificates.authority")
        assert expected in line
        assert "BEGIN" not in line
    (tmp_path / "ca.crt").unlink()
    _, (line,) = read(tmp_path)
    assert "cannot be read (No such file or directory)" in line


GIVEN = {"certificateFile": "ca.crt"}


@pytest.mark.parametrize(
    ("certificates", "text"),
    [
        ({"authorities": [0]}, "there is no authority 0; set certificates.authority"),
        ({"authorities": [0, 1]}, "there is no authority 0"),
        ({"authority": GIVEN, "authorities": [0]}, "set privateKeyFile, or [0, 1]"),
        (
            {"authority": {**GIVEN, "privateKeyFile": "a", "privateKey": "b"}},
            "privateKey and privateKeyFile are both set",
        ),
        ({"authority": {}}, "certificates.authority.certificateFile: required"),
        ({"extraNames": ["etcd example"]}, "expected a DNS name in lower case"),
        ({"extraNames": ["*"]}, "expected a DNS name in lower case"),
        ({"extraNames": ["10.0.0.300"]}, "expected a DNS name in lower case"),
        ({"extraNames": ["*.10.0.0.1"]}, "expected a DNS name in lower case"),
        ({"extraNames": ["2001:db8::1%eth0"]}, "expected a DNS name in lower case"),
        ({"authorities": [True]}, "authorities[0]: true is invalid: expected a valid integer"),
        ({"extraNames": ["*."]}, "expected a DNS name in lower case"),
        ({"extraNames": ["a.*.example.com"]}, "expected a DNS name in lower case"),
    ],
)
def test_settings_that_do_not_fit_are_refused(certificates: dict[str, Any], text: str) -> None:
    """Before any host is dialed."""
    (line,) = faults(certificates=certificates)
    assert line.startswith("certificates")
    assert text in line


@pytest.mark.parametrize(
    "name", ["*.etcd.example.com", "etcd_1.example.com", "etcd01", "10.9.9.9", "fd00::9"]
)
def test_further_names_are_those_that_certificates_have(name: str) -> None:
    """What an adopted cluster's certificates name can be declared."""
    assert settings(certificates={"extraNames": [name]}).certificates.extra_names == (name,)


@pytest.mark.parametrize("listed", [[0, 1], [1, 0], [1]])
def test_every_step_away_from_it_is_allowed(listed: list[int]) -> None:
    """Which one is the next is the plan's to say."""
    wanted = settings(certificates={"authority": GIVEN, "authorities": listed})
    assert list(wanted.certificates.authorities) == listed


@pytest.mark.parametrize("given", ["none", "0", "7e27652122e8b2ae1", "0x7e27"])
def test_adopt_is_an_id(given: str) -> None:
    """In hex, as etcd's log and the refusals have it."""
    (line,) = faults(adopt=given)
    assert line == (
        f"adopt: {given!r} is invalid: expected a cluster's id in hex, in quotes, e.g. "
        "'7e27652122e8b2ae'"
    )


def test_adopt_needs_the_hosts_to_be_read() -> None:
    """What differs on a member is drift."""
    (line,) = faults(adopt="7e27", driftDetection="false")
    assert "needs driftDetection" in line
    assert settings(adopt="07E27").adopt == "7e27"
