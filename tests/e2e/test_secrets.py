"""Private keys stay where they belong: in the encrypted state, and in files of root's own.

All of it as a user with sudo, whose commands the hosts' journals write down. Every search is for a
decoy too: a key that was put there on purpose, so that a search that finds nothing means something.
"""

from __future__ import annotations

import base64
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.secrets import holding, readable, sampled, secret_number

LEAVES = ("server", "peer", "healthcheck-client")
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
    """A host has its own three keys, in three files of root's own, those of etcd's in two of etcd's
    own, and nothing of any other.
    """
    lab = watched.stack.lab
    own = {f"etcd-{name}-{leaf}-key": f"/etc/kubernetes/pki/etcd/{leaf}.key" for leaf in LEAVES}
    etcds = [f"/etc/kubernetes/etcd-host/pki/{leaf}.key" for leaf in ("peer", "server")]
    assert holding(lab, name, [watched.keys[key] for key in own]) == [*etcds, *sorted(own.values())]
    for owner, files in {"root": own.values(), "etcd": etcds}.items():
        modes = lab.ssh(name, f"stat -c '%a %U' {' '.join(files)}").stdout
        assert set(modes.splitlines()) == {f"600 {owner}"}
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
