"""The lab's store, as rclone on a host sees it: what it says of each thing that goes wrong."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from lab.lab import Lab
from lab.store import Store

GOLDEN, DEBIAN, EL = "etcd01", "etcd02", "etcd03"
INSTALL = {
    "debian": "apt-get update && apt-get install --yes --no-install-recommends rclone",
    "el": "dnf --assumeyes install rclone && pkill gpg-agent || [ $? = 1 ]",
}
CONFIG, AUTHORITY = "/root/rclone.conf", "/root/store-ca.pem"
SHORT = "--contimeout 10s --timeout 60s --retries 1 --low-level-retries 1"


@pytest.fixture(scope="module")
def store(lab: Lab) -> Iterator[Store]:
    """The store, with a bucket of each kind."""
    store = lab.store()
    store.bucket("plain")
    store.bucket("governed", "GOVERNANCE")
    yield store
    lab.down()


@pytest.fixture(params=["golden", "debian", pytest.param("el", marks=pytest.mark.matrix)])
def name(lab: Lab, store: Store, request: pytest.FixtureRequest) -> str:
    """A host of each kind that has rclone, and is told of the store."""
    name = {"golden": GOLDEN, "debian": DEBIAN, "el": EL}[request.param]
    lab.up([name], image=request.param)
    if request.param in INSTALL:
        lab.ssh(name, INSTALL[request.param])
    configure(lab, name, store.remote)
    lab.ssh(name, f"cat > {AUTHORITY}", store.authority.read_text())
    return name


def configure(lab: Lab, name: str, remote: dict[str, str]) -> None:
    """Write rclone's configuration, for root's eyes alone."""
    options = {**remote, "no_check_bucket": "true"}
    text = "".join(f"{option} = {value}\n" for option, value in options.items())
    lab.ssh(name, f"rm -f {CONFIG} && umask 077 && cat > {CONFIG}", f"[store]\n{text}")


def rclone(
    lab: Lab, name: str, words: str, *, input: str = "", authority: str = AUTHORITY
) -> subprocess.CompletedProcess[str]:
    """Run rclone on a host."""
    command = f"rclone {words} --config {CONFIG} --ca-cert {authority} {SHORT}"
    return lab.ssh(name, command, input, check=False)


def test_an_object_goes_in_and_comes_back(lab: Lab, name: str) -> None:
    """With a configuration that root alone can read; rclone leaves it as it is."""
    put = rclone(lab, name, "rcat store:plain/prod/x.json", input="{}\n")
    assert (put.returncode, put.stdout, put.stderr) == (0, "", "")
    assert rclone(lab, name, "cat store:plain/prod/x.json").stdout == "{}\n"
    assert lab.ssh(name, f"stat -c %a {CONFIG}").stdout == "600\n"
    assert lab.ssh(name, "rclone version").stdout.startswith("rclone v1.60.1")


def test_it_says_what_is_wrong(lab: Lab, store: Store) -> None:
    """The words that people will see, of rclone 1.60 as the hosts' distribution has it."""
    lab.up([GOLDEN])
    configure(lab, GOLDEN, store.remote)
    lab.ssh(GOLDEN, f"cat > {AUTHORITY}", store.authority.read_text())

    def refused(words: str, *, authority: str = AUTHORITY) -> str:
        done = rclone(lab, GOLDEN, words, input="x", authority=authority)
        assert done.returncode == 1, done
        return done.stderr

    for text in ("before", "after"):
        assert rclone(lab, GOLDEN, "rcat store:governed/object", input=text).returncode == 0
    # (Not beside a delete marker: rclone deletes that at the same moment, and versitygw gives back
    # what it hid, so now and then it does not find what it is to refuse.)
    said = refused("backend cleanup-hidden store:governed")
    assert "AccessDenied: Access Denied because object protected by object lock" in said

    assert "NoSuchBucket: The specified bucket does not" in refused("rcat store:absent/x")
    said = refused("lsjson store:plain", authority="/etc/ssl/certs/ca-certificates.crt")
    assert "x509: certificate signed by unknown authority" in said
    with store.full():
        assert "InsufficientStorage: No space left on device" in refused("rcat store:plain/y")
    configure(lab, GOLDEN, {**store.remote, "secret_access_key": "0" * 40})
    assert "SignatureDoesNotMatch: " in refused("lsjson store:plain")
    configure(lab, GOLDEN, {**store.remote, "access_key_id": "nobody"})
    assert "InvalidAccessKeyId: " in refused("lsjson store:plain")
    configure(lab, GOLDEN, store.remote)
    store.stop()
    assert "connect: connection refused" in refused("lsjson store:plain")
    lab.store()
    assert rclone(lab, GOLDEN, "lsjson store:plain").returncode == 0
