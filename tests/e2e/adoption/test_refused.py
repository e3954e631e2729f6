"""What cannot be adopted is refused with the reason, and no host is touched."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from lab.lab import Lab
from lab.stack import Stack
from tests.support import by_hand
from tests.support.hosts import NAMES, powered_off, wait_until
from tests.support.terminal import faults, one_error
from tests.support.tiers import tiered
from tests.support.unharmed import UP
from tests.support.untouched import untouched

MANIFEST = "/etc/kubernetes/manifests/etcd.yaml"
Change = Callable[[Stack], AbstractContextManager[object]]


@pytest.fixture(scope="module")
def theirs(hosts: Lab, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """A cluster that was made by hand, and a stack that would adopt it."""
    folder = tmp_path_factory.mktemp("theirs")
    by_hand.made_by_hand(hosts, folder, page=True)
    stack = Stack(folder, hosts, NAMES)
    by_hand.adopting(stack, folder / "given")
    return stack


def configured(**changes: object) -> Change:
    """The configuration is another one."""

    def change(stack: Stack) -> AbstractContextManager[object]:
        stack.config |= changes
        return nullcontext()

    return change


def without_a_member(stack: Stack) -> AbstractContextManager[object]:
    """The cluster has one more than the configuration."""
    stack.config |= {"members": stack.config["members"][:2], "allowEvenMembers": True}
    stack.config["members"] = [*stack.config["members"], entry(stack, "etcd04", "etcd03")]
    return nullcontext()


def entry(stack: Stack, name: str, host: str) -> dict[str, str]:
    """A member of this name on a host."""
    return {"name": name, "address": stack.lab.address(host)}


def another_authority(stack: Stack) -> AbstractContextManager[object]:
    """The CA that was given is not the cluster's."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "etcd-ca")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1000))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = Path(stack.folder) / "another.crt"
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    stack.config["certificates"] = {
        "authority": {"certificateFile": str(path)},
        "authorities": [0, 1],
    }
    return nullcontext()


@contextmanager
def a_node_of_kubernetes(stack: Stack) -> Iterator[None]:
    """An API server is on one of the hosts."""
    path = "/etc/kubernetes/manifests/kube-apiserver.yaml"
    stack.lab.ssh("etcd02", f"touch {path}")
    try:
        yield
    finally:
        stack.lab.ssh("etcd02", f"rm {path}")


@contextmanager
def a_member_that_is_down(stack: Stack) -> Iterator[None]:
    """The host answers, and its etcd does not run."""
    stack.lab.ssh("etcd03", f"mv {MANIFEST} /root/etcd.yaml")
    wait_until(lambda: not runs_etcd(stack.lab, "etcd03"))
    try:
        yield
    finally:
        stack.lab.ssh("etcd03", f"mv /root/etcd.yaml {MANIFEST}")
        wait_until(lambda: by_hand.healthy_by_hand(stack.lab) == len(NAMES))


@contextmanager
def data_elsewhere(stack: Stack) -> Iterator[None]:
    """One member has its data in another folder."""
    move_data(stack.lab, "/var/lib/etcd", "/srv/etcd")
    try:
        yield
    finally:
        move_data(stack.lab, "/srv/etcd", "/var/lib/etcd")


def move_data(lab: Lab, source: str, target: str) -> None:
    """As a person does it."""
    lab.ssh("etcd03", f"mv {MANIFEST} /root/etcd.yaml")
    wait_until(lambda: not runs_etcd(lab, "etcd03"))
    lab.ssh("etcd03", f"mv {source} {target} && sed -i 's|{source}|{target}|g' /root/etcd.yaml")
    lab.ssh("etcd03", f"mv /root/etcd.yaml {MANIFEST}")
    wait_until(lambda: by_hand.healthy_by_hand(lab) == len(NAMES))


def runs_etcd(lab: Lab, name: str) -> bool:
    """Whether an etcd runs there."""
    return lab.ssh(name, "pgrep -x etcd", check=False).returncode == 0


@contextmanager
def authentication(stack: Stack) -> Iterator[None]:
    """etcd has users of its own."""
    for words in ("user add root:secret", "user grant-role root root", "auth enable"):
        by_hand.etcdctl(stack.lab, words)
    try:
        yield
    finally:
        by_hand.etcdctl(stack.lab, "--user root:secret auth disable")
        by_hand.etcdctl(stack.lab, "user delete root")


@contextmanager
def a_host_that_is_off(stack: Stack) -> Iterator[None]:
    """One host does not answer."""
    with powered_off(stack.lab, "etcd03"):
        yield
    wait_until(lambda: by_hand.healthy_by_hand(stack.lab) == len(NAMES))


CASES: dict[str, tuple[Change, tuple[str, ...]]] = {
    "another cluster's id": (
        configured(adopt="beef"),
        ("etcd01", "its etcd is a member of cluster", "but adopt names beef"),
    ),
    "another member than the cluster's": (
        without_a_member,
        (
            "the cluster has a member etcd03",
            "etcd04 is not a member of cluster",
            "--name=etcd03, but as a member of this stack it has etcd04",
        ),
    ),
    "a host that is off": (a_host_that_is_off, ("etcd03", "unreachable (")),
    "a member that is down": (
        a_member_that_is_down,
        ("etcd03", "no etcd runs here", "is not healthy, and a cluster is adopted while all"),
    ),
    "another CA": (
        another_authority,
        ("etcd02", "the CA in certificates.authority (SHA-256 ", "is not the one on this host"),
    ),
    "no CA": (
        configured(certificates={}),
        ("etcd01", "set certificates.authority.certificateFile to a copy of ca.crt"),
    ),
    "a stacked control plane": (
        a_node_of_kubernetes,
        ("etcd02", "kube-apiserver.yaml is there", "a stacked control plane's etcd is not adopted"),
    ),
    "data elsewhere": (data_elsewhere, ("etcd03", "its etcd has its data in /srv/etcd")),
    "authentication": (authentication, ("etcd01", "etcd's own authentication is on")),
    "another version": (
        configured(etcd={"imageTag": "3.6.16-0"}),
        ("etcd02", "Set etcd.imageTag: 3.6.6-0, and change it later"),
    ),
}


@pytest.mark.parametrize(
    ("change", "texts"),
    tiered(
        CASES,
        always=["another cluster's id"],
        matrix=[
            "another member than the cluster's",
            "a member that is down",
            "a stacked control plane",
        ],
    ),
)
def test_adoption_is_refused(theirs: Stack, change: Change, texts: tuple[str, ...]) -> None:
    """In the preview and in the `up`; where it was made good, nothing speaks against it."""
    good = copy.deepcopy(theirs.config)
    try:
        with change(theirs):
            off = theirs.lab.ssh("etcd03", "true", check=False).returncode != 0
            with untouched(theirs.lab, *(NAMES[:2] if off else NAMES)):
                errors = [
                    one_error(theirs.pulumi(*command, check=False))
                    for command in (("preview",), UP)
                ]
    finally:
        theirs.config = good
    assert errors[0] == errors[1]
    print(errors[1])
    for text in texts:
        assert any(text in line for line in faults(errors[1])), text


def test_nothing_speaks_against_it_when_all_is_well(theirs: Stack) -> None:
    """What the cases differ from."""
    with untouched(theirs.lab):
        assert "takes over the cluster" in theirs.preview()
