"""A cluster that was left alone for years: what has ended is mended by one `up`.

No clock can be moved here. What a certificate's end is compared with is the certificate itself, so
certificates that ended yesterday are put on the hosts, and their ends into the stack's state.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from etcd_cluster import fingerprint
from lab.lab import Lab
from lab.stack import Stack
from tests.support.authorities import PKI, authorities
from tests.support.etcd import Client
from tests.support.hosts import NAMES, wait_until
from tests.support.terminal import faults, one_error
from tests.support.unharmed import UP

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(600)]
YESTERDAY = datetime.now(UTC) - timedelta(days=1)
GUARD = "/var/lib/etcd/member/peer-ca.crt"
ETCDS = "/etc/kubernetes/etcd-host/pki"
"""Copies of what etcd reads."""
LEAVES = ("server", "peer", "healthcheck-client")


def ended(pem: str, key: EllipticCurvePrivateKey) -> str:
    """The same certificate, signed anew, but for its end: that was yesterday."""
    old = x509.load_pem_x509_certificate(pem.encode())
    new = (
        x509.CertificateBuilder()
        .subject_name(old.subject)
        .issuer_name(old.issuer)
        .public_key(old.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(YESTERDAY - timedelta(days=365))
        .not_valid_after(YESTERDAY)
    )
    for extension in old.extensions:
        new = new.add_extension(extension.value, extension.critical)
    return new.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def put_into_state(stack: Stack, folder: Path, kind: str, pem: str | None = None) -> None:
    """Have the state say that these have ended; and that this is the certificate, if given."""
    file = folder / "state.json"
    stack.pulumi("stack", "export", "--file", str(file))
    state = json.loads(file.read_text())
    for each in state["deployment"]["resources"]:
        if each["type"] == kind:
            each["outputs"]["validityEndTime"] = YESTERDAY.strftime("%Y-%m-%dT%H:%M:%SZ")
            if pem:
                each["outputs"]["certPem"] = pem
    file.write_text(json.dumps(state))
    stack.pulumi("stack", "import", "--file", str(file))


def end_on_hosts(
    lab: Lab, key: EllipticCurvePrivateKey, *files: str, restart: Sequence[str] = NAMES
) -> str:
    """Put these certificates, ended, in place on every host, and restart etcd. The last one."""
    pem = ""
    for name in NAMES:
        for file in files:
            pem = ended(lab.ssh(name, f"cat {file}").stdout, key)
            copy = file.replace(PKI, ETCDS)
            lab.ssh(name, f"tee {file} >$(ls {copy} || echo /dev/null)", pem)
    for name in restart:
        lab.ssh(name, "pkill -x etcd")
    return pem


@pytest.fixture(scope="module")
def stack(stack: Stack) -> Stack:
    """One as people have it: what is protected cannot be replaced."""
    stack.config["deletionProtection"] = True
    return stack


@pytest.fixture
def key(formed: Stack) -> EllipticCurvePrivateKey:
    """The CA's, out of the state."""
    found = load_pem_private_key(formed.private_keys()["etcd-ca-key"].encode(), None)
    assert isinstance(found, EllipticCurvePrivateKey)
    return found


@pytest.fixture(scope="module", autouse=True)
def written(formed: Stack, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A key from before the end."""
    client = Client(tmp_path_factory.mktemp("written"), formed.outputs())
    client.run("put", "/before", "kept")


def value(client: Client) -> str:
    """Of that key."""
    return client.run("get", "/before", "--print-value-only").stdout.strip()


def test_certificates_that_ended_are_renewed_by_one_up(
    formed: Stack, hosts: Lab, key: EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    """No member accepts any other one by then: all are mended side by side."""
    client = Client(tmp_path / "client", formed.outputs())
    end_on_hosts(hosts, key, *(f"{PKI}/{leaf}.crt" for leaf in LEAVES))
    put_into_state(formed, tmp_path, "tls:index/locallySignedCert:LocallySignedCert")
    wait_until(lambda: client.healthy() == 0)
    text = formed.preview()
    assert "`pulumi up` renews them" in text
    assert "have expired" in text
    formed.up()
    after = Client(tmp_path / "after", formed.outputs())
    assert after.healthy() == len(NAMES)
    assert value(after) == "kept"
    formed.pulumi("preview", "--expect-no-changes")


def test_certificates_that_ended_are_renewed_while_others_are_still_connected(
    formed: Stack, hosts: Lab, key: EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    """One host was rebooted, and finds nobody: the others get theirs before its turn."""
    files = [f"{PKI}/{leaf}.crt" for leaf in LEAVES]
    end_on_hosts(hosts, key, *files, restart=NAMES[1:2])
    put_into_state(formed, tmp_path, "tls:index/locallySignedCert:LocallySignedCert")
    healthy = (
        "exec 3<>/dev/tcp/127.0.0.1/2381; printf 'GET /health HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3"
    )
    ask = f"timeout 5 bash -c {shlex.quote(healthy)} || true"
    wait_until(lambda: '"health":"true"' not in hosts.ssh(NAMES[1], ask).stdout, 30)
    assert '"health":"true"' in hosts.ssh(NAMES[0], ask).stdout
    formed.up()
    client = Client(tmp_path / "client", formed.outputs())
    assert client.all_healthy(30)
    assert value(client) == "kept"
    formed.pulumi("preview", "--expect-no-changes")


@pytest.mark.long
def test_an_authority_that_ended_is_replaced_by_one_up(
    formed: Stack, hosts: Lab, key: EllipticCurvePrivateKey, tmp_path: Path
) -> None:
    """Nothing of it is accepted any more, so there is no step to take first. Its certificate is
    made anew, for the same key: it stays in the state, as each one that is trusted no more.
    """
    pem = end_on_hosts(hosts, key, GUARD, f"{PKI}/ca.crt")
    put_into_state(formed, tmp_path, "tls:index/selfSignedCert:SelfSignedCert", pem)
    for name in NAMES:  # one CA, one text
        hosts.ssh(name, f"tee {GUARD} {ETCDS}/ca.crt > {PKI}/ca.crt", pem)
        hosts.ssh(name, "cat > /var/lib/etcd-host/issuer", fingerprint(pem))
        hosts.ssh(name, "pkill -x etcd", check=False)
    client = Client(tmp_path / "client", formed.outputs())
    wait_until(lambda: client.healthy() == 0)
    (line,) = [
        each
        for each in faults(one_error(formed.pulumi(*UP, check=False)))
        if "certificates.authorities" in each
    ]
    assert "authority 1 expired on" in line
    assert "Set it to [2]" in line
    authorities(formed, [2])
    before = formed.private_keys()["etcd-ca-key"]
    formed.up()
    assert formed.private_keys()["etcd-ca-key"] == before
    after = Client(tmp_path / "after", formed.outputs())
    assert after.healthy() == len(NAMES)
    assert value(after) == "kept"
    formed.pulumi("preview", "--expect-no-changes")
