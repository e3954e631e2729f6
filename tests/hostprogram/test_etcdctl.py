"""etcdctl and etcdutl from etcd's release archive: the right ones, whole, or none."""

from __future__ import annotations

import functools
import hashlib
import http.server
import shlex
import shutil
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from .bash import run

REFUSED = 4
ARCHIVE = "etcd-v3.6.6-linux-amd64.tar.gz"
PROGRAM = '#!/bin/sh\necho "${{0##*/}} version: {}"\n'


@dataclass
class Server:
    """A folder of etcd's releases on loopback, and what was asked of it."""

    folder: Path
    url: str = ""
    asked: list[str] = field(default_factory=list)

    def release(self, *, machine: str = "amd64", version: str = "v3.6.6", program: str = "") -> str:
        """Puts a release's archive and its SHA256SUMS there; returns its SHA-256."""
        name = f"etcd-{version}-linux-{machine}"
        source = self.folder.parent / "source" / name
        source.mkdir(parents=True)
        for each in program.split() or ("etcdctl", "etcdutl"):
            (source / each).write_text(PROGRAM.format(version.removeprefix("v")))
        target = self.folder / version
        target.mkdir(exist_ok=True)
        with tarfile.open(target / f"{name}.tar.gz", "w:gz") as archive:
            archive.add(source, name)
        digest = hashlib.sha256((target / f"{name}.tar.gz").read_bytes()).hexdigest()
        with (target / "SHA256SUMS").open("a") as sums:
            sums.write(
                f"{'0' * 64}  etcd-{version}-darwin-{machine}.zip\n{digest}  {name}.tar.gz\n"
            )
        return digest


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """A server with no release yet."""
    found = Server(tmp_path / "releases")
    found.folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing: a test's output is for its failure."""

        def do_GET(self) -> None:
            found.asked.append(self.path.rpartition("/")[2])
            super().do_GET()

    handler = functools.partial(Handler, directory=str(found.folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        found.url = f"http://127.0.0.1:{listening.server_port}"
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        yield found
        listening.shutdown()
        thread.join()


@pytest.fixture(params=["curl", "apt"], autouse=True)
def downloader(request: pytest.FixtureRequest) -> str:
    """Each of the two in turn; a bare Debian has no curl."""
    if request.param == "curl":
        if not shutil.which("curl"):
            pytest.skip("no curl on this machine; apt's downloader is tried all the same")
        return ""
    return 'type() { [[ $* != "-P curl" ]] && builtin type "$@"; }; '


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where etcdctl is put, in place of /usr/local/bin."""
    (tmp_path / "bin").mkdir()
    return tmp_path / "bin" / "etcdctl"


def install(
    url: str, target: Path, downloader: str, *, machine: str = "x86_64", sha256: str = ""
) -> subprocess.CompletedProcess[str]:
    """Installs etcdctl 3.6.6 from this server."""
    work = target.parents[1] / "work"
    work.mkdir(exist_ok=True)
    state = {"etcdctl-version": "3.6.6", "etcdctl-url": url, "etcdctl-sha256": sha256}
    script = "".join(f"S[{key}]={shlex.quote(text)}; " for key, text in state.items() if text)
    script += (
        f"WORK={work}; PATH={target.parent}:$PATH; uname() {{ echo {machine}; }}; {downloader}"
    )
    places = {
        f"{name.upper()}=/usr/local/bin/{name}": f"{name.upper()}={target.parent}/{name}"
        for name in ("etcdctl", "etcdutl")
    }
    return run(script + "install_etcdctl; report_changes", places=places)


def said_by(target: Path) -> str:
    """What the installed program says."""
    return subprocess.run([target], capture_output=True, text=True, check=True).stdout


def test_etcdctl_is_installed_when_the_announced_checksum_is_right(
    server: Server, target: Path, downloader: str
) -> None:
    """That of SHA256SUMS beside it; anybody may run it."""
    server.release()
    done = install(server.url, target, downloader)
    assert done.returncode == 0, done.stderr
    assert said_by(target) == "etcdctl version: 3.6.6\n"
    assert (target.stat().st_mode & 0o777, target.stat().st_uid) == (0o755, 0)
    utl = target.parent / "etcdutl"
    assert said_by(utl) == "etcdutl version: 3.6.6\n"
    assert done.stderr.splitlines()[-1] == f"etcd-host: changed: {target}, {utl}"
    assert server.asked == [ARCHIVE, "SHA256SUMS"]


def test_only_the_configured_checksum_counts_when_there_is_one(
    server: Server, target: Path, downloader: str
) -> None:
    """A list beside the archive is whoever's who could change the archive."""
    digest = server.release()
    (server.folder / "v3.6.6" / "SHA256SUMS").write_text(f"{'f' * 64}  {ARCHIVE}\n")
    assert install(server.url, target, downloader, sha256=digest).returncode == 0
    assert server.asked == [ARCHIVE]


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_archive_is_of_the_host_s_architecture_when_there_are_several(
    server: Server, target: Path, downloader: str, machine: str
) -> None:
    """As etcd names them."""
    names = {"x86_64": "amd64", "aarch64": "arm64"}
    for name in names.values():
        server.release(machine=name)
    assert install(server.url, target, downloader, machine=machine).returncode == 0
    assert server.asked[0] == f"etcd-v3.6.6-linux-{names[machine]}.tar.gz"


def test_nothing_is_downloaded_when_the_version_is_there(
    server: Server, target: Path, downloader: str
) -> None:
    """The second run changes nothing."""
    server.release()
    assert install(server.url, target, downloader).returncode == 0
    server.asked.clear()
    done = install(server.url, target, downloader)
    assert (done.returncode, server.asked) == (0, [])
    assert done.stderr.splitlines()[-1] == "etcd-host: unchanged"


@pytest.mark.parametrize("version", ["3.5.9", "3.6.60"])
def test_other_version_is_replaced_when_it_is_there(
    server: Server, target: Path, downloader: str, version: str
) -> None:
    """An upgrade, and the way back. Somebody else's is kept."""
    target.write_text(PROGRAM.format(version))
    target.chmod(0o755)
    server.release()
    assert install(server.url, target, downloader).returncode == 0
    assert said_by(target) == "etcdctl version: 3.6.6\n"
    kept = target.with_name("etcdctl.before-etcd-host")
    assert kept.read_text() == PROGRAM.format(version)


def test_own_former_version_is_not_kept_when_it_is_replaced(
    server: Server, target: Path, downloader: str
) -> None:
    """What `install` put there itself is nobody else's."""
    target.write_text(PROGRAM.format("3.5.9"))
    target.chmod(0o755)
    server.release()
    stamped = f"stamped_paths() {{ echo {target}; }}; {downloader}"
    assert install(server.url, target, stamped).returncode == 0
    assert sorted(each.name for each in target.parent.iterdir()) == ["etcdctl", "etcdutl"]


def test_own_etcdctl_is_installed_when_the_host_has_one_elsewhere(
    server: Server, target: Path, downloader: str, tmp_path: Path
) -> None:
    """The distribution's may be upgraded or removed by others at any time."""
    other = tmp_path / "other" / "etcdctl"
    other.parent.mkdir()
    other.write_text(PROGRAM.format("3.6.6"))
    other.chmod(0o755)
    server.release()
    script = f"PATH=$PATH:{other.parent}; {downloader}"
    assert install(server.url, target, script).returncode == 0
    assert target.exists()


def refused(done: subprocess.CompletedProcess[str], target: Path) -> str:
    """The sentence with which it ended; the etcdctl that was there is as it was."""
    assert done.returncode == REFUSED, done.stderr
    assert not target.exists()
    return done.stderr.splitlines()[-1]


def test_nothing_is_installed_when_the_configured_checksum_is_another(
    server: Server, target: Path, downloader: str
) -> None:
    """With both ways out: another archive, or another sum."""
    server.release()
    text = refused(install(server.url, target, downloader, sha256="f" * 64), target)
    assert f"{ARCHIVE} from {server.url}: SHA-256 mismatch: expected {'f' * 64}" in text
    assert "check etcdctl.url and etcdctl.sha256" in text


@pytest.mark.parametrize(
    "sums", [f"{'f' * 64}  {ARCHIVE}\n", f"{'f' * 64} *{ARCHIVE}\n"], ids=["text", "binary"]
)
def test_nothing_is_installed_when_the_announced_checksum_is_another(
    server: Server, target: Path, downloader: str, sums: str
) -> None:
    """In either of the forms that sha256sum writes."""
    server.release()
    (server.folder / "v3.6.6" / "SHA256SUMS").write_text(sums)
    text = refused(install(server.url, target, downloader), target)
    assert f"SHA-256 mismatch: expected {'f' * 64}" in text


@pytest.mark.parametrize(
    "sums", ["", f"{'f' * 64}  etcd-v3.6.6-linux-arm64.tar.gz\n"], ids=["empty", "another"]
)
def test_nothing_is_installed_when_no_checksum_is_announced(
    server: Server, target: Path, downloader: str, sums: str
) -> None:
    """A list without this archive is no promise."""
    server.release()
    (server.folder / "v3.6.6" / "SHA256SUMS").write_text(sums)
    text = refused(install(server.url, target, downloader), target)
    assert f"/v3.6.6/SHA256SUMS does not list {ARCHIVE}" in text
    assert "set etcdctl.sha256" in text


def test_nothing_is_installed_when_the_archive_is_cut_short(
    server: Server, target: Path, downloader: str
) -> None:
    """Found by its sum, before it is opened."""
    server.release()
    archive = server.folder / "v3.6.6" / ARCHIVE
    archive.write_bytes(archive.read_bytes()[:-10])
    assert "SHA-256 mismatch" in refused(install(server.url, target, downloader), target)


def test_etcdutl_is_installed_when_only_that_is_missing(
    server: Server, target: Path, downloader: str
) -> None:
    """As on hosts that an older version of this program prepared."""
    server.release()
    assert install(server.url, target, downloader).returncode == 0
    (target.parent / "etcdutl").unlink()
    done = install(server.url, target, downloader)
    assert done.stderr.splitlines()[-1] == f"etcd-host: changed: {target.parent}/etcdutl"


@pytest.mark.parametrize("program", ["README.md", "etcdctl", "etcdutl"])
def test_nothing_is_installed_when_the_archive_does_not_hold_both(
    server: Server, target: Path, downloader: str, program: str
) -> None:
    """Its sum is right, and it is something else. What tar says is told."""
    server.release(program=program)
    text = refused(install(server.url, target, downloader), target)
    assert f"could not be unpacked from {ARCHIVE}: tar: " in text


@pytest.mark.parametrize("missing", [ARCHIVE, "SHA256SUMS"])
def test_address_and_reason_are_told_when_something_is_missing(
    server: Server, target: Path, downloader: str, missing: str
) -> None:
    """With the keys that lead there."""
    server.release()
    (server.folder / "v3.6.6" / missing).unlink()
    text = refused(install(server.url, target, downloader), target)
    assert text.startswith(
        f"etcd-host: etcdctl: {server.url}/v3.6.6/{missing} could not be downloaded: "
    )
    assert "404" in text
    assert "Check etcdctl.url and etcd.imageTag, and that this host can reach it" in text


def test_address_and_reason_are_told_when_nobody_listens(target: Path, downloader: str) -> None:
    """And not merely that it failed."""
    text = refused(install("http://127.0.0.1:9", target, downloader), target)
    assert "http://127.0.0.1:9/v3.6.6/" in text
    assert "onnect" in text.partition(" could not be downloaded: ")[2].partition(". Check")[0]
