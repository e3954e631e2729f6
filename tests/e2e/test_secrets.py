"""Private keys stay where they belong: in the encrypted state, and in files of root's own.

All of it as a user with sudo, whose commands the hosts' journals write down. Every search is for a
decoy too: a key that was put there on purpose, so that a search that finds nothing means something.
"""

from __future__ import annotations

import base64
import re
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from lab.lab import Lab
from lab.stack import Stack
from tests.e2e.conftest import NAMES
from tests.support.etcd import Client

LEAVES = ("server", "peer", "healthcheck-client")
PLACES = "/etc /var /run /usr/local /opt /srv /root /home /tmp /dev/shm"
SEEN_SECONDS = 30.0


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A first `up`, with all that could be seen of it."""

    stack: Stack
    text: str
    processes: frozenset[bytes]
    """Command lines and environments of this machine and its hosts, while it ran."""
    keys: Mapping[str, str]
    """Every private key, PEM, by name: the state's and the SSH client's."""


@pytest.fixture(scope="module")
def watched(stack: Stack) -> Watched:
    """The cluster's first `up`, preview included, as the user `ops`."""
    stack.config["ssh"]["user"] = "ops"
    with sampled() as seen:
        text = stack.pulumi("up", "--yes", "--diff").text
    keys = {**stack.private_keys(), "ssh": stack.lab.identity.read_text()}
    assert len(keys) == len({"ca", "client", "ssh"}) + len(NAMES) * len(LEAVES)
    return Watched(stack=stack, text=text, processes=frozenset(seen), keys=keys)


@pytest.fixture
def decoy() -> str:
    """A private key of nobody, PEM."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    ).decode()


def forms(pem: str) -> list[bytes]:
    """Every form in which a private key could be read; nothing that its public key holds too.

    Its secret number as it is, in hex, decimal and base64, the pieces of the PEM text's lines that
    spell it, and those pieces once more in base64, as the product sends them.
    """
    number = secret_number(pem)
    lines = [line for line in pem.splitlines() if not line.startswith("-----")]
    at = base64.b64decode("".join(lines)).index(number)
    found = [number, number.hex().encode(), number.hex().upper().encode()]
    found += [str(int.from_bytes(number)).encode(), *in_base64(number)]
    offset, first, last = 0, -(-at * 8 // 6), (at + len(number)) * 8 // 6
    for line in lines:
        piece = line[max(first - offset, 0) : max(last - offset, 0)].encode()
        if len(piece) >= 16:
            found += [piece, *in_base64(piece)]
        offset += len(line)
    return found


def secret_number(pem: str) -> bytes:
    """The 32 bytes that are the secret of a P-256 or an Ed25519 key."""
    if "OPENSSH" in pem:
        own = load_ssh_private_key(pem.encode(), None)
        assert isinstance(own, ed25519.Ed25519PrivateKey)
        return own.private_bytes_raw()
    key = load_pem_private_key(pem.encode(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.private_numbers().private_value.to_bytes(32)


def in_base64(data: bytes) -> list[bytes]:
    """The characters that base64 has for this data, wherever in an encoded text it stands."""
    found = []
    for before in range(3):
        text = base64.b64encode(bytes(before) + data)
        part = text[-(-before * 8 // 6) : (before + len(data)) * 8 // 6]
        found += [part, part.translate(bytes.maketrans(b"+/", b"-_"))]
    return found


def readable(keys: Mapping[str, str], *places: bytes | str) -> set[str]:
    """The names of those keys that can be read in one of these places, also across its lines."""
    plain = [each.encode() if isinstance(each, str) else each for each in places]
    joined = [re.sub(rb"\\n|\s", b"", each) for each in plain]
    return {
        name
        for name, pem in keys.items()
        if any(form in each for form in forms(pem) for each in (*plain, *joined))
    }


@contextmanager
def sampled() -> Iterator[set[bytes]]:
    """Collects what a process list shows, of every process, for as long as this lasts."""
    seen: set[bytes] = set()
    ended = threading.Event()
    thread = threading.Thread(target=_sample, args=(seen, ended))
    thread.start()
    try:
        yield seen
    finally:
        ended.set()
        thread.join()


def _sample(seen: set[bytes], ended: threading.Event) -> None:
    last: dict[str, float] = {}
    first: dict[str, float] = {}
    while not ended.wait(0.02):
        now = time.monotonic()
        there = {folder.name for folder in Path("/proc").glob("[0-9]*")}
        for gone in first.keys() - there:
            del first[gone], last[gone]
        for process in there:
            # A young one may still become another program; an old one hardly.
            age = now - first.setdefault(process, now)
            if age > 1 and now - last.get(process, 0) < 2:
                continue
            last[process] = now
            for name in ("cmdline", "environ"):
                try:
                    seen.add(Path("/proc", process, name).read_bytes())
                except OSError:  # it has ended
                    break


def holding(lab: Lab, name: str, keys: Iterable[str]) -> list[str]:
    """The files of a host in which one of these keys can be read."""
    patterns = sorted({form.decode() for pem in keys for form in forms(pem) if form.isascii()})
    found = lab.ssh(
        name, f"grep -rlasF -D skip -f /dev/stdin {PLACES}", "\n".join(patterns) + "\n", check=False
    )
    assert found.returncode in (0, 1, 2), found.stderr
    return sorted(found.stdout.splitlines())


def test_every_form_of_a_key_is_found_when_it_is_there(watched: Watched, decoy: str) -> None:
    """The search itself works: in a text, escaped, encoded, in hex; and not in a certificate."""
    for name, pem in {**watched.keys, "decoy": decoy}.items():
        one = {name: pem}
        assert readable(one, f"> {pem}")
        assert readable(one, repr(pem))
        assert readable(one, "\n".join(f"    {line}" for line in pem.splitlines()))
        for before in ("", "k", "ke"):
            assert readable(one, base64.b64encode(f"{before}{pem}".encode()))
        assert readable(one, secret_number(pem).hex())
    outputs = watched.stack.outputs()
    public = [outputs["caCertificate"], outputs["clientCertificate"]]
    public += [watched.stack.lab.identity.with_suffix(".pub").read_text()]
    assert readable(watched.keys, *public) == set()


def test_a_user_with_sudo_gets_a_healthy_cluster_when_not_root(
    watched: Watched, tmp_path: Path
) -> None:
    """`ssh.user` need not be root."""
    assert Client(tmp_path / "client", watched.stack.outputs()).healthy() == len(NAMES)


def test_no_key_can_be_read_when_up_previews_and_makes_a_cluster(watched: Watched) -> None:
    """All that a person sees of the first `up`, with all details."""
    assert watched.text.count("stdin") > len(NAMES)
    assert "[secret]" in watched.text
    assert readable(watched.keys, watched.text) == set()


def test_no_key_can_be_read_when_a_preview_shows_new_certificates(watched: Watched) -> None:
    """The preview tells which certificates change, not what their keys are."""
    watched.stack.config["certificates"] = {"validityDays": 300}
    try:
        text = watched.stack.preview()
        as_json = watched.stack.pulumi("preview", "--json").text
    finally:
        del watched.stack.config["certificates"]
    assert text.count("validityPeriodHours") >= len(NAMES) * len(LEAVES)
    assert "etcd-etcd03-pki" in text
    assert readable(watched.keys, text, as_json) == set()


def test_no_key_can_be_read_when_there_is_nothing_to_preview(watched: Watched) -> None:
    """Neither in a preview of nothing."""
    assert readable(watched.keys, watched.stack.preview("--show-sames")) == set()


@pytest.mark.parametrize(
    "arguments", ["output", "output --json", "output clientKey", "output --shell", "", "export"]
)
def test_no_key_can_be_read_when_the_stack_is_shown(watched: Watched, arguments: str) -> None:
    """`pulumi stack …` without --show-secrets."""
    text = watched.stack.pulumi("stack", *arguments.split()).text
    assert text
    assert readable(watched.keys, text) == set()


def test_all_keys_can_be_read_when_secrets_are_asked_for(watched: Watched) -> None:
    """The searches above would have found them: --show-secrets tells all."""
    shown = watched.stack.pulumi("stack", "output", "--json", "--show-secrets").text
    assert readable(watched.keys, shown) == {"etcd-apiserver-etcd-client-key"}
    export = watched.stack.pulumi("stack", "export", "--show-secrets").text
    assert readable(watched.keys, export) == set(watched.keys)


def test_no_key_can_be_read_when_the_backends_files_are(watched: Watched) -> None:
    """State, backups and history hold keys encrypted only."""
    files = [path for path in watched.stack.folder.rglob("*") if path.is_file()]
    assert watched.stack.state_file in files
    assert any("history" in path.parts for path in files)
    assert readable(watched.keys, *(path.read_bytes() for path in files)) == set()


def test_no_key_can_be_read_when_processes_are_listed_during_up(watched: Watched) -> None:
    """Neither in a command line nor in an environment, here or on a host."""
    for verb in (b"prepare-kubelet", b"pki", b"bootstrap", b"wait-healthy"):
        assert any(b"/usr/local/sbin/etcd-host\0" + verb in each for each in watched.processes)
    assert readable(watched.keys, b"\0\0".join(watched.processes)) == set()


def test_a_key_is_found_when_a_process_shows_it(watched: Watched, decoy: str) -> None:
    """The look at processes sees command lines and environments, also those on a host."""
    keys = {"decoy": decoy}
    line = decoy.splitlines()[1]
    on_host = [*watched.stack.lab.ssh_command("etcd02"), f"exec -a '{line}' sleep 60"]
    for command, environment in (
        (["sleep", "60"], {"LEAKED": line}),
        (["sh", "-c", "read -r _", line], {}),
        (on_host, {}),
    ):
        with sampled() as seen:
            process = subprocess.Popen(
                command, env={"PATH": "/usr/bin:/bin", **environment}, stdin=subprocess.PIPE
            )
            deadline = time.monotonic() + SEEN_SECONDS
            try:
                # The one on the host, and not the ssh that starts it, which has it in quotes.
                while not readable(keys, b"\0\0".join(x for x in list(seen) if b"'" not in x)):
                    assert time.monotonic() < deadline
                    time.sleep(0.05)
            finally:
                process.kill()
                process.communicate()


@pytest.mark.parametrize("name", NAMES)
def test_no_key_can_be_read_when_a_hosts_journal_is(
    watched: Watched, decoy: str, name: str
) -> None:
    """Every field of every entry; sudo writes each command there."""
    lab = watched.stack.lab
    lab.ssh(name, "logger --id=$$ -t decoy && journalctl --sync", decoy.splitlines()[1])
    journal = lab.ssh(name, "journalctl --all --output=export --no-pager").stdout
    assert "/usr/local/sbin/etcd-host pki" in journal
    assert readable({**watched.keys, "decoy": decoy}, journal) == {"decoy"}


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_in_their_own_files_alone_when_a_hosts_disk_is_searched(
    watched: Watched, decoy: str, name: str
) -> None:
    """A host has its own three keys, in three files of root's own, and nothing of any other."""
    lab = watched.stack.lab
    own = {f"etcd-{name}-{leaf}-key": f"/etc/kubernetes/pki/etcd/{leaf}.key" for leaf in LEAVES}
    assert holding(lab, name, [watched.keys[key] for key in own]) == sorted(own.values())
    modes = lab.ssh(name, f"stat -c '%a %U' {' '.join(own.values())}").stdout
    assert set(modes.splitlines()) == {"600 root"}
    lab.ssh(name, "cat > /tmp/decoy", base64.b64encode(decoy.encode()).decode())
    others = [pem for key, pem in watched.keys.items() if key not in own]
    assert holding(lab, name, [*others, decoy]) == ["/tmp/decoy"]
    lab.ssh(name, "rm /tmp/decoy")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_left_in_temporary_folders_when_up_has_ended(
    watched: Watched, name: str
) -> None:
    """The host program's folder has no work in it, /tmp and the user's home nothing of its."""
    found = watched.stack.lab.ssh(
        name, "find /run/etcd-host -mindepth 1; find /tmp /home/ops -user root -type f"
    ).stdout
    # The program as it was brought, its locks, and the versions of the programs that it found.
    names = ("program", "host.lock", "pki.lock", "serial.lock", "versions")
    assert set(found.splitlines()) == {f"/run/etcd-host/{name}" for name in names}


def test_no_key_can_be_read_when_an_up_fails_and_logs_much(watched: Watched) -> None:
    """An error repeats the command and what it said; neither holds a key."""
    folder = "/etc/kubernetes/pki/etcd"
    lab = watched.stack.lab
    lab.ssh("etcd01", f"mount --bind {folder} {folder} && mount -o remount,bind,ro {folder}")
    watched.stack.config["certificates"] = {"validityDays": 300}
    try:
        failed = watched.stack.pulumi(
            *("up", "--yes", "--diff", "--skip-preview", "--logtostderr", "-v=3"), check=False
        )
    finally:
        del watched.stack.config["certificates"]
        lab.ssh("etcd01", f"umount {folder}")
    assert failed.status != 0
    assert "Read-only file system" in failed.text
    assert readable(watched.keys, failed.text) == set()
    journal = lab.ssh("etcd01", "journalctl --all --output=export --no-pager").stdout
    assert readable(watched.keys, journal) == set()
