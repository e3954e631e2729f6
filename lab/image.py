"""The golden image that every host starts from, made once per content and shared by all checkouts.

Three folders, each named by a digest of all that decides its content:

- `base-…`: Debian, its packages and users (the slow part, and the one that rarely changes);
- `node-…`: laid over it, the Kubernetes programs and the files of `lab/rootfs`;
- `containerd-…`: a /var/lib/containerd that has the etcd and pause images already.
"""

from __future__ import annotations

import fcntl
import hashlib
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from lab import builds, debian
from lab.oci import write_image
from lab.progress import say, step
from lab.shell import PRIVATE, run

ETCD_IMAGE = "registry.k8s.io/etcd:{version}-0"
PAUSE_IMAGE = "registry.k8s.io/pause:3.10.1"

_HERE = Path(__file__).parent
_ROOTFS = _HERE / "rootfs"


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a new host is made of."""

    layers: tuple[Path, ...]
    """The root's read-only layers, topmost first."""
    containerd: Path
    """The content of /var/lib/containerd."""

    @property
    def lowerdir(self) -> str:
        """The layers as overlayfs's `lowerdir=` wants them."""
        return ":".join(str(layer) for layer in self.layers)


def image(kubernetes: str = "1.35.4", etcd: str = "3.6.6") -> Image:
    """Return the image for these versions, after building what of it is not in the cache."""
    node_programs = builds.kubernetes(kubernetes)
    etcd_programs = builds.etcd(etcd)

    base_digest = _digest([_file_digest(Path(debian.__file__))])
    base = _kept("base", base_digest, "installing Debian for the hosts (a minute)", debian.install)

    # A build's folder is named by its content, so the name stands for the programs in it.
    recipe = [_file_digest(Path(__file__)), *_tree(_ROOTFS)]
    node_digest = _digest([base.name, node_programs.name, etcd_programs.name, *recipe])
    node = _kept(
        "node",
        node_digest,
        f"adding Kubernetes {kubernetes} to the hosts' image",
        lambda folder: _make_node(folder, node_programs, etcd_programs),
    )

    layers = (node, base)
    sources = [_HERE / "oci.py", _HERE / "pause.c", _HERE / "import-images.sh"]
    store_digest = _digest([node.name, *(_file_digest(path) for path in sources)])
    store = _kept(
        "containerd",
        store_digest,
        f"importing etcd {etcd} and pause into the hosts' containerd",
        lambda folder: _make_store(folder, layers, etcd_programs, etcd),
    )
    return Image(layers=layers, containerd=store)


def _make_node(folder: Path, node_programs: Path, etcd_programs: Path) -> None:
    shutil.copytree(_ROOTFS, folder, dirs_exist_ok=True)
    for path in folder.rglob("*"):  # whatever umask the checkout was made under
        path.chmod(0o755 if path.is_dir() else 0o644)
    (folder / "etc/sudoers.d/ops").chmod(0o440)
    (folder / "usr/lib/systemd/system/kubelet.service").chmod(0o600)  # as its package has it
    programs = folder / "usr/bin"
    programs.mkdir(parents=True)
    for program in ("kubelet", "kubeadm", "kubectl"):
        shutil.copy2(node_programs / program, programs)
    shutil.copy2(etcd_programs / "etcdctl", programs)
    run(["systemctl", f"--root={folder}", "enable", "lab-cgroups-writable.service"])


def _make_store(folder: Path, layers: Iterable[Path], etcd_programs: Path, etcd: str) -> None:
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = Path(scratch_name)
        pause = scratch / "pause"
        run(["gcc", "-Os", "-static", "-s", "-o", pause, _HERE / "pause.c"])
        archives = scratch / "archives"
        archives.mkdir()
        write_image(
            archives / "etcd.tar",
            ETCD_IMAGE.format(version=etcd),
            {name: etcd_programs / name for name in ("etcd", "etcdctl", "etcdutl")},
        )
        write_image(archives / "pause.tar", PAUSE_IMAGE, {"pause": pause}, ["/usr/local/bin/pause"])
        lowerdir = ":".join(str(layer) for layer in layers)
        script = _HERE / "import-images.sh"
        run([*PRIVATE, "--net", "sh", script, lowerdir, folder, archives])
    # This containerd's own identity: each host's makes one for itself.
    shutil.rmtree(folder / "io.containerd.grpc.v1.introspection")


def _kept(kind: str, digest: str, text: str, make: Callable[[Path], None]) -> Path:
    """Return the cache's folder of this kind and digest, after making it if it is not there.

    It gets its name when it is complete, so a build that was killed leaves nothing that looks
    finished; what it does leave, the next build of that kind removes.
    """
    cache = builds.cache_root() / "image"
    target = cache / f"{kind}-{digest}"
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f".{kind}.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"• waiting: another process is {text} …")
            fcntl.flock(lock, fcntl.LOCK_EX)
        if target.is_dir():
            return target
        for leftover in cache.glob(f".{kind}.unfinished-*"):
            shutil.rmtree(leftover)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{kind}.unfinished-", dir=cache))
        try:
            with step(text):
                make(unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return target


def _digest(parts: Iterable[str]) -> str:
    total = hashlib.sha256()
    for part in parts:
        content = part.encode()
        total.update(len(content).to_bytes(4, "big") + content)
    return total.hexdigest()[:16]


def _tree(folder: Path) -> list[str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [f"{path.relative_to(folder)} {_file_digest(path)}" for path in files]


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
