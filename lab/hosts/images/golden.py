"""The golden image: a host with everything that the product builds on, for whoever tests that.

Three folders, each named by a digest of all that decides its content:

- `base-…`: Debian, its packages and users (the slow part, and the one that rarely changes);
- `node-…`: laid over it, Kubernetes's programs and the files of `rootfs-host` and `rootfs`;
- `containerd-…`: a /var/lib/containerd that has the etcd and pause images already.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from lab import builds
from lab.cache import code_digest, file_digest
from lab.hosts.images import debian, layers, oci
from lab.hosts.images.layers import Image, files_digests
from lab.shell import PRIVATE, run
from lab.versions import TODAY

ETCD_IMAGE = f"registry.k8s.io/etcd:{TODAY.etcd_tag}"
PAUSE_IMAGE = f"registry.k8s.io/pause:{TODAY.pause}"

_IMPORT = Path(__file__).parent / "import-images.sh"
_ROOTFS = ("rootfs-host", "rootfs")
_PACKAGES = (*debian.SYSTEM, *debian.NODE)


def golden() -> Image:
    """Return the image for today's versions, after building what of it is not in the cache."""
    node_programs = builds.kubernetes()
    etcd_programs = builds.etcd()

    base = layers.layer(
        "base",
        [code_digest(Path(debian.__file__)), *_PACKAGES],
        "installing Debian for the hosts (a minute)",
        lambda folder: debian.install(folder, _PACKAGES, ("ssh.service", "containerd.service")),
    )

    # A build's folder is named by its content, so the name stands for the programs in it.
    recipe = [code_digest(Path(__file__)), code_digest(Path(layers.__file__))]
    node = layers.layer(
        "node",
        [base.name, node_programs.name, etcd_programs.name, *recipe, *files_digests(*_ROOTFS)],
        f"adding Kubernetes {TODAY.kubernetes} to the hosts' image",
        lambda folder: lay_node(folder, node_programs, etcd_programs, _ROOTFS),
    )

    sources = [code_digest(Path(oci.__file__)), *map(file_digest, (oci.PAUSE_SOURCE, _IMPORT))]
    store = layers.layer(
        "containerd",
        [node.name, ETCD_IMAGE, PAUSE_IMAGE, *sources],
        f"importing etcd {TODAY.etcd} and pause into the hosts' containerd",
        lambda folder: make_store(folder, (node, base), etcd_programs),
    )
    return Image(layers=(node, base), containerd=store)


def lay_node(folder: Path, node_programs: Path, etcd_programs: Path, parts: Iterable[str]) -> None:
    """Put the files of these folders and Kubernetes' programs into a layer."""
    layers.lay_files(folder, *parts)
    (folder / "usr/lib/systemd/system/kubelet.service").chmod(0o600)  # as its package has it
    programs = folder / "usr/bin"
    programs.mkdir(parents=True)
    for program in ("kubelet", "kubeadm", "kubectl"):
        shutil.copy2(node_programs / program, programs)
    shutil.copy2(etcd_programs / "etcdctl", programs)


def make_store(folder: Path, root: Iterable[Path], etcd_programs: Path) -> None:
    """Fill a containerd store with the images, by the containerd of this root (layers)."""
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = Path(scratch_name)
        pause = scratch / "pause"
        run(["gcc", "-Os", "-static", "-s", "-o", pause, oci.PAUSE_SOURCE])
        archives = scratch / "archives"
        archives.mkdir()
        oci.write_image(
            archives / "etcd.tar",
            ETCD_IMAGE,
            {name: etcd_programs / name for name in ("etcd", "etcdctl", "etcdutl")},
        )
        entrypoint = ["/usr/local/bin/pause"]
        oci.write_image(archives / "pause.tar", PAUSE_IMAGE, {"pause": pause}, entrypoint)
        lowerdir = ":".join(map(str, root))
        run([*PRIVATE, "--net", "sh", _IMPORT, lowerdir, folder, archives])
    # This containerd's own identity: each host's makes one for itself.
    shutil.rmtree(folder / "io.containerd.grpc.v1.introspection")
