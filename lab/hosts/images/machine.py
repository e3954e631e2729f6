"""A machine's disk, kernel and initrd: Debian's own, made without a loop mount.

The initrd is a busybox that finds the disk, puts the host's own files on it (see
lab.hosts.qemu) and gives way to systemd. All of it is made once per content.
"""

from __future__ import annotations

import lzma
import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from lab import builds
from lab.cache import code_digest, file_digest
from lab.hosts.images import archive, debian, golden, layers
from lab.hosts.images.bare import forget_archive
from lab.hosts.images.layers import Image, files_digests
from lab.machine import install_machine_packages
from lab.shell import run

_INIT = Path(__file__).parent / "machine-init.sh"
_BUSYBOX = Path("/bin/busybox")
_Fill = Callable[[Path, Path], None]
"""Lays over a root what such machines have beside Debian; with a folder for its work."""
_SELINUX = ("selinux-policy-default", "policycoreutils", "selinux-utils")
_ROOTFS = ("rootfs", "rootfs-host", "rootfs-machine")
_BARE = "rootfs-host"
_ONLY_CONTAINERS = (
    "etc/tmpfiles.d/lab-kmsg.conf",
    "etc/systemd/system/lab-cgroups-writable.service",
)
"""Of rootfs-host: what a container of this machine needs, and a machine has."""
_MODULES = (
    *("virtio_blk", "failover", "net_failover", "virtio_net"),
    *("crc16", "mbcache", "jbd2", "crc32c_generic", "ext4"),
)
"""What the initrd loads, in this order, where the kernel has it as a module."""
_MASKED = (
    *("serial-getty@ttyS0.service", "systemd-machine-id-commit.service", "ldconfig.service"),
    *("systemd-update-utmp.service", "systemd-timesyncd.service", "systemd-hwdb-update.service"),
    *("systemd-tpm2-setup-early.service", "systemd-tpm2-setup.service", "modprobe@drm.service"),
    *("systemd-rfkill.socket", "apt-daily.service", "apt-daily-upgrade.service"),
)
"""Further units without a purpose there; each takes seconds where the processor is emulated."""
_DISK = "6G"


def machine(suite: str, *, selinux: bool = False) -> Image:
    """Return the image of a machine that has all that golden has, after making what is missing."""
    packages = (*debian.SYSTEM, *debian.NODE, "udev", *(_SELINUX if selinux else ()))
    base = _base(suite, packages, ("ssh.service", "containerd.service"))
    programs, etcd = builds.kubernetes(), builds.etcd()

    def fill(root: Path, scratch: Path) -> None:
        files = scratch / "files"
        files.mkdir()
        golden.lay_node(files, programs, etcd, _ROOTFS)
        store = scratch / "store"
        store.mkdir()
        golden.make_store(store, (files, base), etcd)
        run(["cp", "-a", f"{files}/.", root])
        (root / "var/lib/containerd").mkdir(exist_ok=True)
        run(["cp", "-a", f"{store}/.", root / "var/lib/containerd"])

    parts = [programs.name, etcd.name, code_digest(Path(golden.__file__)), *files_digests(*_ROOTFS)]
    kind = f"machine-{suite}{'-selinux' if selinux else ''}"
    return _image(kind, suite, base, parts, fill)


def bare_machine(suite: str) -> Image:
    """Return the image of a machine that installs everything from the mirror."""
    base = _base(suite, (*debian.SYSTEM, "udev"), ("ssh.service",))

    def fill(root: Path, scratch: Path) -> None:
        files = scratch / "files"
        files.mkdir()
        layers.lay_files(files, _BARE)
        run(["cp", "-a", f"{files}/.", root])
        forget_archive(root)

    return _image(f"machine-{suite}-bare", suite, base, files_digests(_BARE), fill)


def _base(suite: str, packages: Sequence[str], services: Sequence[str]) -> Path:
    install_machine_packages()
    return layers.layer(
        f"machine-base-{suite}",
        [code_digest(Path(debian.__file__)), suite, *packages],
        f"installing Debian ({suite}) for machines (a minute)",
        lambda folder: debian.install(folder, packages, services, suite),
    )


def _image(kind: str, suite: str, base: Path, parts: Sequence[str], fill: _Fill) -> Image:
    kernel = layers.layer(
        f"machine-kernel-{suite}",
        [code_digest(Path(archive.__file__)), suite],
        f"downloading Debian's kernel ({suite})",
        lambda folder: _fetch_kernel(folder, suite),
    )
    modules = (Path(__file__), Path(layers.__file__))
    parts = [base.name, kernel.name, *map(code_digest, modules), *parts]
    parts += [file_digest(_INIT), file_digest(_BUSYBOX)]
    made = layers.layer(
        kind,
        parts,
        f"making the disk of machines ({kind.removeprefix('machine-')})",
        lambda folder: _make(folder, base, kernel, fill),
    )
    return Image(layers=(), machine=made)


def _fetch_kernel(folder: Path, suite: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        known = archive.Archive(Path(scratch), suite)
        for package in known.behind("linux-image-cloud-amd64", "linux-"):
            file = known.download(package, Path(scratch))
            run(["dpkg-deb", "--extract", file, folder])
    modules = _modules_of(folder)
    run(["depmod", "-b", modules.parents[2], modules.name])


def _modules_of(kernel: Path) -> Path:
    """Return the folder of a kernel's modules, which bears its version."""
    return next(iter([*kernel.glob("usr/lib/modules/*"), *kernel.glob("lib/modules/*")]))


def _make(folder: Path, base: Path, kernel: Path, fill: _Fill) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as scratch_name:
        scratch = Path(scratch_name)
        root = scratch / "root"
        # By a program: Python's copytree keeps neither owners nor hard links.
        run(["cp", "-a", base, root])
        fill(root, scratch)
        for path in _ONLY_CONTAINERS:
            (root / path).unlink()
        for link in (root / "etc/systemd/system").glob("*.wants/lab-cgroups-writable.service"):
            link.unlink()
        modules = _modules_of(kernel)
        (root / "usr/lib/modules").mkdir(exist_ok=True)
        run(["cp", "-a", modules, root / "usr/lib/modules"])
        run(["systemctl", f"--root={root}", "mask", *_MASKED])
        (root / "etc/fstab").write_text("")
        if (root / "etc/selinux/config").exists():  # of a policy
            _confine(root)
            (folder / "kernel-words").write_text("security=selinux selinux=1 enforcing=1")
        disk = folder / "disk.ext4"
        options = "lazy_itable_init=1,lazy_journal_init=1,discard"
        run(["mke2fs", "-q", "-t", "ext4", "-E", options, "-m", "0", "-d", root, disk, _DISK])
        _make_initrd(folder / "initrd", scratch / "initrd", modules)
    shutil.copyfile(next(kernel.rglob("vmlinuz*")), folder / "kernel")


def _confine(root: Path) -> None:
    """Label every file as the policy has it; the disk is made with the labels."""
    config = root / "etc/containerd/config.toml"
    cri = '[plugins."io.containerd.grpc.v1.cri"]\n'
    config.write_text(config.read_text().replace(cri, f"{cri}  enable_selinux = true\n", 1))
    rules = "/etc/selinux/default/contexts/files/file_contexts"
    run(["chroot", root, "setfiles", "-F", rules, "/"])


def _make_initrd(archive_file: Path, folder: Path, modules: Path) -> None:
    for name in ("bin", "dev", "proc", "sys", "root", "modules"):
        (folder / name).mkdir(parents=True)
    shutil.copyfile(_BUSYBOX, folder / "bin/busybox")
    shutil.copyfile(_INIT, folder / "init")
    for program in (folder / "bin/busybox", folder / "init"):
        program.chmod(0o755)
    order = []
    for name in _MODULES:
        found = next(modules.rglob(f"{name}.ko*"), None)
        if found is None:  # built in
            continue
        data = found.read_bytes()
        (folder / f"modules/{name}.ko").write_bytes(
            lzma.decompress(data) if found.suffix == ".xz" else data
        )
        order.append(name)
    (folder / "modules/order").write_text("".join(f"{name}\n" for name in order))
    pack(folder, archive_file)


def pack(folder: Path, target: Path) -> None:
    """Make the archive that a kernel unpacks at its start; several can follow one another."""
    script = 'cd "$1" && find . | cpio -o -H newc --quiet >"$2"'
    run(["sh", "-c", script, "pack", folder.absolute(), target.absolute()])
