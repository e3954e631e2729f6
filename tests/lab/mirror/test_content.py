"""What the lab's bare hosts install from, as real apt and real dnf see it."""

from __future__ import annotations

import functools
import hashlib
import http.client
import http.server
import re
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.mirror import Content, content
from lab.shell import PRIVATE

KUBERNETES = "core:/stable:/v1.35"


FORGED = f"broken/wrong-signature/{KUBERNETES}"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing: a test's output is for its failure."""


@pytest.fixture(scope="module")
def url(mirror: Content) -> Iterator[str]:
    """The mirror's URL: a plain web server on loopback."""
    handler = functools.partial(_Quiet, directory=str(mirror.www))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Client:
    """A package manager with folders of its own, as on a host where nothing is installed."""

    command: list[str]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of its subcommands."""
        return subprocess.run(
            [*self.command, *words], check=False, capture_output=True, text=True, env={"PATH": PATH}
        )


PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def apt(folder: Path, key: Path, *sources: str) -> Client:
    """Return an apt that knows these sources (`URL/ /` or `URL SUITE COMPONENT`) and this key."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "installed").touch()
    rows = [f"deb [signed-by={key}] {source}\n" for source in sources]
    (folder / "sources.list").write_text("".join(rows))
    options = {
        "Dir::Etc": folder,
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "installed",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "root",
        "Acquire::http::Proxy": "DIRECT",  # whatever this machine's own apt uses
    }
    return Client(["apt-get", *(f"-o={name}={value}" for name, value in options.items())])


def dnf(folder: Path, key: Path, **repositories: str) -> Client:
    """Return a dnf that knows these repositories and this key, and checks all that it can."""
    rows = "\n".join(
        f"[{name}]\nname={name}\nbaseurl={url}\ngpgkey=file://{key}\ngpgcheck=1\nrepo_gpgcheck=1\n"
        for name, url in repositories.items()
    )
    (folder / "dnf.conf").write_text(f"[main]\nreposdir=/dev/null\n{rows}")
    paths = {
        "cachedir": folder / "cache", "persistdir": folder / "persist", "logdir": folder / "log",
    }  # fmt: skip
    for path in paths.values():
        path.mkdir()
    options = [f"--setopt={name}={path}" for name, path in paths.items()]
    root = f"--installroot={folder / 'root'}"
    config = f"--config={folder / 'dnf.conf'}"
    # PRIVATE: dnf leaves a gpg-agent running for each repository whose metadata it checks.
    return Client([*PRIVATE, "dnf", config, root, "--releasever=9", "--assumeyes", *options])


def test_apt_installs_a_host_from_the_mirror(mirror: Content, url: str, tmp_path: Path) -> None:
    """All that a containerd host needs is there in one version, and the key covers all of it."""
    client = apt(
        tmp_path,
        mirror.signing_key,
        f"{url}/{KUBERNETES}/deb/ /",
        f"{url}/etcd/deb/ /",
        f"{url}/debian bookworm main",
    )
    updated = client.run("update", "--error-on=any")
    assert updated.returncode == 0, updated.stderr
    asked = ["kubelet=1.35.4-1.1", "kubeadm=1.35.4-1.1", "kubectl", "cri-tools", "etcd-client"]
    planned = client.run("install", "--simulate", *asked, "containerd", "conmon", "crun", "socat")
    assert planned.returncode == 0, planned.stderr
    chosen = dict(re.findall(r"^Inst (\S+) \((\S+) ", planned.stdout, re.MULTILINE))
    assert chosen["kubelet"] == "1.35.4-1.1"
    assert chosen["cri-tools"] == "1.34.0-1.1"
    assert chosen["etcd-client"] == "3.6.6-1"
    assert "iptables" in chosen  # the kubelet depends on it
    # Files are where the index says, and have its checksums.
    fetched = client.run("install", "--yes", "--download-only", "kubeadm", "conmon")
    assert fetched.returncode == 0, fetched.stderr


def test_apt_refuses_a_repository_that_a_stranger_signed(
    mirror: Content, url: str, tmp_path: Path
) -> None:
    """Its packages are the genuine ones; the signature alone is another's."""
    client = apt(tmp_path, mirror.signing_key, f"{url}/{FORGED}/deb/ /")
    updated = client.run("update", "--error-on=any")
    assert updated.returncode != 0
    assert "NO_PUBKEY" in updated.stderr
    assert client.run("install", "--simulate", "kubeadm").returncode != 0


def test_dnf_installs_from_the_mirror(mirror: Content, url: str, tmp_path: Path) -> None:
    """Packages depend on nothing outside the mirror, and are signed as the metadata is."""
    client = dnf(
        tmp_path,
        mirror.signing_key,
        kubernetes=f"{url}/{KUBERNETES}/rpm/",
        etcd=f"{url}/etcd/rpm/",
        el=f"{url}/el/",
    )
    asked = ["kubelet-1.35.4", "kubeadm-1.35.4", "kubectl", "cri-tools", "etcd-client"]
    planned = client.run("install", "--assumeno", *asked, "containerd", "iproute-tc")
    assert "Operation aborted." in planned.stderr, planned.stderr
    assert re.search(r"^ kubelet +x86_64 +1\.35\.4-150500\.1\.1 ", planned.stdout, re.MULTILINE)
    assert re.search(r"^ runc ", planned.stdout, re.MULTILINE)  # containerd depends on it
    installed = client.run("install", "conntrack-tools")
    assert installed.returncode == 0, installed.stderr
    assert (tmp_path / "root/usr/sbin/conntrack").is_file()


def test_dnf_refuses_a_repository_that_a_stranger_signed(
    mirror: Content, url: str, tmp_path: Path
) -> None:
    """Its packages are the genuine ones; the signature alone is another's."""
    client = dnf(tmp_path, mirror.signing_key, kubernetes=f"{url}/{FORGED}/rpm/")
    planned = client.run("install", "--assumeno", "kubeadm")
    assert planned.returncode != 0
    assert "Operation aborted." not in planned.stderr
    assert "GPG" in planned.stderr


def test_the_kubelet_is_packed_as_its_project_does_it(mirror: Content, tmp_path: Path) -> None:
    """The unit is the kubelet's, the drop-in kubeadm's; no script of theirs starts anything."""
    for name in ("kubelet", "kubeadm"):
        (package,) = mirror.www.glob(f"{KUBERNETES}/deb/*/{name}_*.deb")
        subprocess.run(["dpkg-deb", "--raw-extract", package, tmp_path / name], check=True)
    kubelet, kubeadm = tmp_path / "kubelet", tmp_path / "kubeadm"
    units = "usr/lib/systemd/system"
    assert (kubelet / units / "kubelet.service").stat().st_mode & 0o777 == 0o600
    assert not (kubelet / units / "kubelet.service.d").exists()
    dropin = (kubeadm / units / "kubelet.service.d/10-kubeadm.conf").read_text()
    assert "EnvironmentFile=-/etc/default/kubelet" in dropin
    assert (kubelet / "DEBIAN/conffiles").read_text() == "/etc/default/kubelet\n"
    assert (kubelet / "etc/kubernetes/manifests").is_dir()
    scripts = {path.name for path in tmp_path.glob("*/DEBIAN/*")} - {"control", "conffiles"}
    assert not scripts


def test_a_release_archive_is_what_its_checksum_says(mirror: Content) -> None:
    """Laid out as etcd's own: one folder with three programs, and SHA256SUMS beside it."""
    folder = mirror.www / "etcd/releases/v3.6.6"
    digest, name = (folder / "SHA256SUMS").read_text().split()
    assert name.startswith("etcd-v3.6.6-linux-")
    assert name.endswith(".tar.gz")
    assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    with tarfile.open(folder / name) as archive:
        inside = {entry.name: entry.mode for entry in archive}
    top = name.removesuffix(".tar.gz")
    assert inside == {f"{top}/{program}": 0o755 for program in ("etcd", "etcdctl", "etcdutl")}


def test_a_mirror_is_made_once(mirror: Content) -> None:
    """The second answer is the first one, key and all."""
    assert content("dev") == mirror
