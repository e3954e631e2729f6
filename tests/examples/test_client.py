"""The example's host program: the client's certificate, and what it says has changed."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from control_plane.component import PROGRAM
from etcd_cluster import encoded, fingerprint
from tests.support.providers import pem

USAGE, BAD_INPUT = 2, 3
PAIR = pem("CERTIFICATE", "client")
FILES = {
    "ca.crt": pem("CERTIFICATE", "ca"),
    "client.crt": PAIR,
    "client.key": pem("EC PRIVATE" + " KEY", "client"),
}


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    """The host's folders that the program writes to, elsewhere."""
    named = {"/etc/kubernetes": "kubernetes", "/root/etcd-ca": "etcd-ca"}
    named |= {f"/{each}/{PROGRAM.name}": each.replace("/", "-") for each in ("var/lib", "run")}
    return {place: str(tmp_path / name) for place, name in named.items()}


def run(script: str, places: dict[str, str], stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run some bash after the program's definitions, in place of its `main`."""
    body, end, _ = PROGRAM.text.rpartition('main "$@"')
    assert end, "the program ends with its call of main"
    for place, instead in places.items():
        assert place in body, f"the program does not mention {place}"
        body = body.replace(place, instead)
    return subprocess.run(
        ["bash", "-c", body + script], input=stdin, capture_output=True, text=True, check=False
    )


def client(
    places: dict[str, str], announced: str = "", **files: str
) -> subprocess.CompletedProcess[str]:
    """Run the verb with these files in place of the good ones; no API server is touched."""
    given = FILES | {name.replace("_", "."): text for name, text in files.items()}
    announced = announced or fingerprint(given["client.crt"])
    return run(
        f"restart_api_server() {{ log 'API server restarted'; }}\nverb_client master01 {announced}",
        places,
        encoded(given),
    )


def observed(places: dict[str, str]) -> dict[str, str]:
    """What `observe` says, by its keys."""
    done = run("verb_observe", places)
    assert done.returncode == 0, done.stderr
    lines = (line.partition(":") for line in done.stdout.splitlines())
    return {key: value.strip() for key, _, value in lines}


def test_files_are_put_where_kubeadm_looks_for_them(places: dict[str, str]) -> None:
    """Linked to from where people look for them; the key is root's alone."""
    done = client(places)
    assert done.returncode == 0, done.stderr
    pki = Path(places["/etc/kubernetes"]) / "pki"
    links = Path(places["/root/etcd-ca"])
    assert (pki / "etcd/ca.crt").read_text() == FILES["ca.crt"]
    assert (pki / "apiserver-etcd-client.crt").read_text() == PAIR
    assert (pki / "apiserver-etcd-client.key").read_text() == FILES["client.key"]
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
    """Files stay the ones that they are, and it has nothing to say."""
    client(places)
    ca = Path(places["/etc/kubernetes"]) / "pki/etcd/ca.crt"
    before = ca.stat().st_ino
    done = client(places)
    assert (done.returncode, done.stderr) == (0, "")
    assert ca.stat().st_ino == before


def test_a_reissued_pair_needs_no_restart(places: dict[str, str]) -> None:
    """The API server reads it for each new connection."""
    client(places)
    done = client(places, client_crt=pem("CERTIFICATE", "reissued"))
    assert "apiserver-etcd-client.crt changed" in done.stderr
    assert "restarted" not in done.stderr


def test_another_ca_needs_a_restart(places: dict[str, str]) -> None:
    """The API server reads that when it starts."""
    client(places)
    assert "API server restarted" in client(places, ca_crt=pem("CERTIFICATE", "another")).stderr


def test_a_restart_is_made_up_for_when_the_run_before_was_killed(places: dict[str, str]) -> None:
    """The file is the new one by then; that the API server has read it is not known."""
    client(places)
    another = pem("CERTIFICATE", "another")
    (Path(places["/etc/kubernetes"]) / "pki/etcd/ca.crt").write_text(another)
    assert "API server restarted" in client(places, ca_crt=another).stderr


def test_another_certificate_than_announced_is_refused(places: dict[str, str]) -> None:
    """Nothing is written."""
    done = client(places, announced="0" * 64)
    assert done.returncode == BAD_INPUT
    assert not Path(places["/etc/kubernetes"]).exists()


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("", "ca.crt: missing"),
        ("../ca.crt: AAAA\n", "only ca.crt, client.crt and client.key"),
        ("ca.crt: ?\n", "ca.crt: not base64"),
    ],
)
def test_what_did_not_arrive_whole_is_refused(
    places: dict[str, str], stdin: str, said: str
) -> None:
    """Before anything is written."""
    done = run(f"verb_client master01 {'0' * 64}", places, stdin)
    assert done.returncode == BAD_INPUT
    assert said in done.stderr
    assert not Path(places["/etc/kubernetes"]).exists()


def test_missing_arguments_are_told(places: dict[str, str]) -> None:
    """Which, and not where in the script."""
    done = run("verb_client master01", places)
    assert done.returncode == USAGE
    assert "give the host's name and the certificate's SHA-256" in done.stderr


def test_nothing_is_left_when_it_is_forgotten(places: dict[str, str]) -> None:
    """No file, no link, no empty folder of ours."""
    client(places)
    done = run("verb_forget_client master01", places)
    assert done.returncode == 0, done.stderr
    assert not [each for each in Path(places["/etc/kubernetes"]).rglob("*") if each.is_file()]
    assert not Path(places["/root/etcd-ca"]).exists()


def test_another_hosts_name_forgets_nothing(places: dict[str, str]) -> None:
    """A renamed host's old name ends after the new one has taken everything over."""
    client(places)
    done = run("verb_forget_client master02", places)
    assert done.returncode == 0, done.stderr
    assert observed(places)["drift-client"] == ""


def test_a_host_that_is_new_has_all_to_be_done(places: dict[str, str]) -> None:
    """Also where the state knows it: then it was made anew."""
    todo = "not configured yet"
    assert observed(places) == {"serial": "", "drift-client": todo, "drift-control-plane": todo}


def test_nothing_has_changed_when_nobody_touched_it(places: dict[str, str]) -> None:
    """The control plane itself is not there yet."""
    client(places)
    assert observed(places) == {
        "serial": "1",
        "drift-client": "",
        "drift-control-plane": "not configured yet",
    }


def test_the_control_plane_is_known_when_it_was_applied(places: dict[str, str]) -> None:
    """What `apply` remembers last."""
    run("remember applied digest", places)
    assert observed(places)["drift-control-plane"] == ""


def test_what_changed_is_named_with_how(places: dict[str, str]) -> None:
    """Content, mode, or no file at all; in one line."""
    client(places)
    pki = Path(places["/etc/kubernetes"]) / "pki"
    (pki / "etcd/ca.crt").write_text("another")
    (pki / "apiserver-etcd-client.crt").chmod(0o640)
    (pki / "apiserver-etcd-client.key").unlink()
    assert observed(places)["drift-client"] == (
        "ca.crt edited, apiserver-etcd-client.crt edited, apiserver-etcd-client.key missing"
    )


def test_the_same_drift_on_another_day_is_another_line(places: dict[str, str]) -> None:
    """By the serial, which rises with every repair; else Pulumi would see no difference."""
    client(places)
    first = observed(places)["serial"]
    client(places)
    assert int(observed(places)["serial"]) > int(first)


OLD, NEW = pem("CERTIFICATE", "ca"), pem("CERTIFICATE", "ca", "2")


def test_the_same_cas_in_another_order_need_no_restart(places: dict[str, str]) -> None:
    """Which of them issues is nothing that an API server has to read anew."""
    client(places)
    assert "API server restarted" in client(places, ca_crt=OLD + NEW).stderr
    assert "restarted" not in client(places, ca_crt=NEW + OLD).stderr
    assert "API server restarted" in client(places, ca_crt=NEW).stderr


def test_a_pair_with_a_chain_is_known_by_its_first_certificate(places: dict[str, str]) -> None:
    """Behind it is a certificate of the CA, for those who trust the former one alone."""
    done = client(places, client_crt=PAIR + NEW)
    assert done.returncode == 0, done.stderr
    assert fingerprint(PAIR + NEW) == fingerprint(PAIR)
