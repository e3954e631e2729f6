"""Certificates on a host: what arrived, which CAs its etcd trusts, and what is refused."""

from __future__ import annotations

import base64
import ssl
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from etcd_cluster import encoded, fingerprint
from tests.support.providers import pem

from .bash import OWN_TIME, run

INPUT, REFUSED = 3, 4
CAS = {number: pem("CERTIFICATE", "ca", str(number)) for number in (1, 2, 3)}
PRINTS = {number: fingerprint(text) for number, text in CAS.items()}
PAIRS = ("server", "peer", "healthcheck-client")
LEAVES = {
    f"{pair}.{end}": pem("CERTIFICATE", pair, end) for pair in PAIRS for end in ("crt", "key")
}


def on(folder: Path, script: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run a script on a host whose places are in this folder, and where nobody is root."""
    places = {
        "readonly STATE=/var/lib/etcd-host RUN=/run/etcd-host": (
            f"readonly STATE={folder}/STATE RUN={folder}/RUN"
        ),
        "readonly DATA=/var/lib/etcd\n": f"readonly DATA={folder}/DATA\n",
        "readonly PKI=/etc/kubernetes/pki/etcd": f"readonly PKI={folder}/PKI",
        "readonly OWN=/etc/kubernetes/etcd-host ": f"readonly OWN={folder}/OWN ",
        "readonly MANIFESTS=/etc/kubernetes/manifests": f"readonly MANIFESTS={folder}/MANIFESTS",
    }
    nobody = (
        'install() { local last; for last; do :; done; if [[ $1 == -d ]]; then mkdir -p "$last"; '
        'else cp "${@: -2:1}" "$last"; fi; }\netcd_pid() { :; }\n'
        "find_user() { ETCD_OWNER=$(id -u):$(id -g); }\n"
        f"{OWN_TIME}\n"
    )
    return run(nobody + script, stdin=stdin, places=places)


def pki(
    folder: Path, listed: Sequence[int], before: str = "", **given: str
) -> subprocess.CompletedProcess[str]:
    """The verb, with the CAs of this list, of which the first one issues. before: bash."""
    files = {**LEAVES, "ca.crt": "".join(CAS[each] for each in listed)}
    if tuple(listed) != (1,):
        names = "-".join(str(each) for each in sorted(listed))
        files[f"trusted-{names}.crt"] = "".join(CAS[each] for each in sorted(listed))
    files |= {name.replace("__", "."): text for name, text in given.items()}
    prints = [f"{pair}={fingerprint(files[f'{pair}.crt'])}" for pair in PAIRS]
    known = ",".join(PRINTS[each] for each in (1, 2))
    line = f"verb_pki {' '.join(prints)} issuer={PRINTS[listed[0]]} known={known}"
    return on(folder, f"{before}\n{line}", encoded(files))


def running(*trusted: int) -> str:
    """An etcd runs here that trusts these, and answers through its quorum."""
    file = "$DATA/member/peer-ca.crt"
    held = "".join(CAS[each] for each in trusted)
    return (
        f'etcd_pid() {{ echo 7; }}; own_word() {{ echo healthy; }}\nmkdir -p "$DATA/member"; '
        f"printf '%s' '{held}' >{file}; "
        f'running_flags() {{ echo "--peer-trusted-ca-file={file}"; }}'
    )


@pytest.mark.parametrize(
    ("listed", "files"),
    [
        ((1,), ["ca.crt"]),
        ((1, 2), ["ca.crt", "trusted-1-2.crt"]),
        ((2, 1), ["ca.crt", "trusted-1-2.crt"]),
        ((2,), ["ca.crt", "trusted-2.crt"]),
    ],
)
def test_cas_are_in_the_files_that_etcd_and_etcdctl_read(
    tmp_path: Path, listed: tuple[int, ...], files: list[str]
) -> None:
    """ca.crt in the order of the list; etcd's own by their numbers, so that it need not restart."""
    done = pki(tmp_path, listed)
    assert done.returncode == 0, done.stderr
    there = tmp_path / "PKI"
    assert sorted(each.name for each in there.iterdir()) == sorted([*files, *LEAVES])
    assert (there / "ca.crt").read_text() == "".join(CAS[each] for each in listed)
    if len(files) == 2:
        assert (there / files[1]).read_text() == "".join(CAS[each] for each in sorted(listed))
    assert on(tmp_path, "recall issuer").stdout == PRINTS[listed[0]]
    assert on(tmp_path, "own_ca").stdout.strip() == ",".join(PRINTS[each] for each in listed)
    assert on(tmp_path, "pki_drift").stdout == ""


def test_a_file_of_cas_that_was_edited_is_drift(tmp_path: Path) -> None:
    """Also the one that etcd alone reads."""
    pki(tmp_path, (1, 2))
    (tmp_path / "PKI/trusted-1-2.crt").write_text(CAS[1])
    assert on(tmp_path, "pki_drift").stdout == "trusted-1-2.crt edited\n"


def test_certificates_are_told_without_their_chains(tmp_path: Path) -> None:
    """A plan reads when they end. What others made may have text before it, and other lines."""
    told = "own_certificates"
    assert on(tmp_path, told).stdout == ""
    assert pki(tmp_path, (1,), server__crt=LEAVES["server.crt"] + CAS[1]).returncode == 0
    file = tmp_path / "PKI/peer.crt"
    file.write_text("Certificate:\n" + LEAVES["peer.crt"].replace("\n", "\r\n"))
    (tmp_path / "PKI/healthcheck-client.crt").write_text("")
    found = [base64.b64decode(line) for line in on(tmp_path, told).stdout.split()]
    assert found == [ssl.PEM_cert_to_DER_cert(LEAVES[f"{pair}.crt"]) for pair in PAIRS[:2]]


def test_etcd_gets_copies_of_what_it_reads_alone(tmp_path: Path) -> None:
    """Not the client's key; and where its user is another one by now, they are to be given anew."""
    assert pki(tmp_path, [2, 1]).returncode == 0
    found = {path.name: path for path in (tmp_path / "OWN/pki").iterdir()}
    reads = {f"{pair}.{end}" for pair in ("server", "peer") for end in ("crt", "key")}
    assert {*found} == {"ca.crt", "trusted-1-2.crt", *reads}
    for name, path in found.items():
        assert path.read_text() == (tmp_path / "PKI" / name).read_text()
    for user in ("ETCD_OWNER=12345:12345", ":"):
        done = on(tmp_path, f"find_user() {{ {user}; }}\npki_drift")
        assert done.stdout == "etcd's keys are not its own\n"
    found["peer.key"].unlink()
    assert on(tmp_path, "pki_drift").stdout == "etcd's peer.key missing\n"


def test_certificates_by_an_untrusted_authority_are_refused(tmp_path: Path) -> None:
    """While an etcd runs that would refuse its own peers by them: and nothing is changed."""
    pki(tmp_path, (1,))
    before = {each.name: each.read_text() for each in (tmp_path / "PKI").iterdir()}
    done = pki(tmp_path, (2, 1), running(1))
    assert done.returncode == REFUSED
    assert "Nothing was changed" in done.stderr
    assert PRINTS[2] in done.stderr
    assert {each.name: each.read_text() for each in (tmp_path / "PKI").iterdir()} == before


@pytest.mark.parametrize(
    "here",
    [
        running(1, 2),
        running(1) + "; own_word() { echo 'no leader'; }",
        running(1) + "; etcd_pid() { :; }",
    ],
    ids=["it trusts both", "it has no quorum to lose", "it does not run"],
)
def test_certificates_by_another_authority_are_put_where_that_costs_nothing(
    tmp_path: Path, here: str
) -> None:
    """Who is cut off already is not cut off by them."""
    pki(tmp_path, (1,))
    assert pki(tmp_path, (2, 1), here).returncode == 0


def test_an_election_is_no_lost_quorum(tmp_path: Path) -> None:
    """It passes, and the member would refuse its peers by these certificates."""
    pki(tmp_path, (1,))
    once = (
        'own_word() { [[ -e $STATE/asked ]] && echo healthy || echo "no leader"; : >$STATE/asked; }'
    )
    done = pki(tmp_path, (2, 1), f"{running(1)}; {once}")
    assert done.returncode == REFUSED
    assert "Nothing was changed" in done.stderr


@pytest.mark.parametrize("word", ["unknown", "healthy", ""])
def test_an_etcd_whose_trust_is_not_known_is_refused_another_authority(
    tmp_path: Path, word: str
) -> None:
    """Its file is gone from under it: an empty answer is no answer."""
    pki(tmp_path, (1,))
    here = f'{running(1)}; rm "$DATA/member/peer-ca.crt"; own_word() {{ echo "{word}"; }}'
    assert pki(tmp_path, (2, 1), here).returncode == REFUSED
    assert pki(tmp_path, (1, 2), here).returncode == 0


@pytest.mark.parametrize("text", [CAS[3], "", "-----BEGIN CERTIFICATE-----\n"])
def test_another_stacks_ca_is_refused_on_a_members_host(tmp_path: Path, text: str) -> None:
    """And moved aside where nobody uses it. A file that holds no CA is nobody's, not ours."""
    (tmp_path / "PKI").mkdir()
    (tmp_path / "PKI/ca.crt").write_text(text)
    done = pki(tmp_path, (1,), "remember formed abc")
    assert done.returncode == REFUSED
    assert "docs/runbooks/rotate-ca.md" in done.stderr
    assert pki(tmp_path, (1,), "forget formed").returncode == 0
    (aside,) = tmp_path.glob("PKI.aside/*/ca.crt")
    assert aside.read_text() == text


def test_a_member_that_missed_every_step_gets_what_it_missed(tmp_path: Path) -> None:
    """Its host came back from a copy: its CA is the stack's, and it has no quorum to lose."""
    pki(tmp_path, (1,))
    alone = f"remember formed abc; {running(1)}; own_word() {{ echo 'no leader'; }}"
    assert pki(tmp_path, (2,), alone).returncode == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("trusted-../../x.crt", "unknown key"),
        ("trusted-1-2-3.crt", "unknown key"),
        ("trusted-1.key", "unknown key"),
    ],
)
def test_another_file_than_these_is_refused(tmp_path: Path, name: str, said: str) -> None:
    """Names become paths."""
    done = pki(tmp_path, (1,), **{name: CAS[1]})
    assert done.returncode == INPUT
    assert said in done.stderr or "is not 'key: value'" in done.stderr
    assert not (tmp_path / "PKI").exists()


@pytest.mark.parametrize(
    "issuer", ["", "issuer=", f"issuer={PRINTS[2]}", f"issuer={PRINTS[1][:32]}"]
)
def test_an_issuer_that_is_not_among_the_cas_is_refused(tmp_path: Path, issuer: str) -> None:
    """What the preview showed is what arrives."""
    stdin = encoded({**LEAVES, "ca.crt": CAS[1]})
    done = on(tmp_path, f"verb_pki {issuer}", stdin)
    assert done.returncode == INPUT
    assert "issuer: expected the SHA-256 of a CA in ca.crt" in done.stderr
