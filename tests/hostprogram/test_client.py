"""A client's certificate, on a host of a control plane."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from etcd_cluster.components.certificates import fingerprint
from etcd_cluster.state.text import encoded
from tests.support.mocks import pem

from .bash import run

BAD_INPUT = 3
PAIR = pem("CERTIFICATE", "client")
FILES = {
    "ca.crt": pem("CERTIFICATE", "ca"),
    "client.crt": PAIR,
    "client.key": pem("EC PRIVATE" + " KEY", "client"),
}


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """The host's folders that the verb writes to, elsewhere."""
    named = {"/etc/kubernetes": "kubernetes", "/root/etcd-ca": "etcd-ca"}
    named |= {"/var/lib/etcd-host": "state", "/run/etcd-host": "run"}
    return {place: str(tmp_path / name) for place, name in named.items()}


def client(
    places: dict[str, str], announced: str = "", **files: str
) -> subprocess.CompletedProcess[str]:
    """Run the verb with these files in place of the good ones; no API server is touched."""
    given = FILES | {name.replace("_", "."): text for name, text in files.items()}
    announced = announced or fingerprint(given["client.crt"])
    return run(
        "restart_api_server() { changed 'API server restarted'; }\n"
        f"verb_client {announced}; report_changes",
        encoded(given),
        places=places,
    )


def test_files_are_put_where_kubeadm_looks_for_them(places: dict[str, str]) -> None:
    """Linked to from where people look for them; the key is root's alone."""
    done = client(places)
    assert done.returncode == 0, done.stderr
    pki = Path(places["/etc/kubernetes"]) / "pki"
    links = Path(places["/root/etcd-ca"])
    assert (pki / "etcd/ca.crt").read_text() == FILES["ca.crt"]
    assert (pki / "apiserver-etcd-client.crt").read_text() == PAIR
    assert (pki / "apiserver-etcd-client.key").stat().st_mode & 0o777 == 0o600
    assert links.stat().st_mode & 0o777 == 0o700
    assert {each.name: each.readlink() for each in links.iterdir()} == {
        each.name: each
        for each in (
            pki / "etcd/ca.crt",
            pki / "apiserver-etcd-client.crt",
            pki / "apiserver-etcd-client.key",
        )
    }


def test_the_second_time_nothing_is_changed(places: dict[str, str]) -> None:
    """And it says so."""
    client(places)
    assert "etcd-host: unchanged" in client(places).stderr


def test_a_reissued_pair_needs_no_restart(places: dict[str, str]) -> None:
    """The API server reads it for each new connection."""
    client(places)
    done = client(places, client_crt=pem("CERTIFICATE", "reissued"))
    assert "apiserver-etcd-client.crt" in done.stderr
    assert "restarted" not in done.stderr


def test_another_ca_needs_a_restart(places: dict[str, str]) -> None:
    """The API server reads that when it starts."""
    client(places)
    assert "API server restarted" in client(places, ca_crt=pem("CERTIFICATE", "another")).stderr


def test_another_certificate_than_announced_is_refused(places: dict[str, str]) -> None:
    """Nothing is written."""
    done = client(places, announced="0" * 64)
    assert done.returncode == BAD_INPUT
    assert not Path(places["/etc/kubernetes"]).exists()


def test_nothing_is_left_when_it_is_forgotten(places: dict[str, str]) -> None:
    """No file, no link, no empty folder of ours."""
    client(places)
    done = run("verb_forget_client kubernetes master01", places=places)
    assert done.returncode == 0, done.stderr
    assert not [each for each in Path(places["/etc/kubernetes"]).rglob("*") if each.is_file()]
    assert not Path(places["/root/etcd-ca"]).exists()


def test_a_file_that_was_taken_away_is_drift(places: dict[str, str]) -> None:
    """By its name."""
    client(places)
    (Path(places["/etc/kubernetes"]) / "pki/apiserver-etcd-client.key").unlink()
    assert run("client_drift", places=places).stdout == "apiserver-etcd-client.key missing\n"
