"""Virtual machines: QEMU, with KVM where a kernel starts under it, else with an emulated processor.

A machine's disk is an overlay over the image's. Its keys, name and address come in an archive that
its initrd unpacks, so that no disk is mounted here.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from lab.errors import LabError
from lab.hosts.images.machine import pack
from lab.instance import MACHINE_WIDE, Instance
from lab.locks import locked
from lab.progress import step
from lab.shell import run

MEMORY_MIB = 1024
BOOT_SECONDS = 600.0
"""An emulated machine needs half a minute by itself, and minutes where others want to run, too."""
_PROBE_SECONDS = 15.0
_MONITOR_SECONDS = 10.0
_POWER = 'rm -f "$1/stopped"; folder=$1; shift; "$@" && : >"$folder/stopped"'
"""A machine that powers itself off is a stopped one; QEMU that was killed is none."""
_KERNEL = (
    *("root=/dev/vda", "rw", "console=ttyS0", "net.ifnames=0", "panic=-1", "quiet", "loglevel=4"),
    *("mitigations=off", "no_timer_check", "random.trust_cpu=on"),
    "systemd.show_status=0",
)
_OPTIONS = (
    *("-nodefaults", "-no-user-config", "-display", "none", "-M", "q35,hpet=off", "-smp", "1"),
    *("-m", str(MEMORY_MIB)),
)


@dataclass(frozen=True, kw_only=True)
class File:
    """A file of a host's own."""

    text: str
    mode: int = 0o644
    owner: int = 0


def make(folder: Path, image: Path, files: Mapping[str, File], network: str) -> None:
    """Make a machine's disk and what it is started with; `network` is a script for its initrd."""
    for name in ("kernel", "initrd", "kernel-words"):
        (folder / name).symlink_to(image / name)
    disk = folder / "disk.qcow2"
    backing = ["-b", str(image / "disk.ext4"), "-F", "raw"]
    run(["qemu-img", "create", "-q", "-f", "qcow2", *backing, disk])
    own = folder / "own"
    own.mkdir(mode=0o700)
    (own / "host").mkdir()
    (own / "host").chmod(0o755)  # it becomes /, whatever umask this runs under
    (own / "network.sh").write_text(network)
    (own / "wiped").write_text("")
    for path, file in files.items():
        _put(own / "host", path, file)


def network_script(lab: Instance, host: str) -> str:
    """Return what a machine's initrd does for its network."""
    return "\n".join(
        [
            "$b ip link set lo up",
            "$b ip link set eth0 up",
            f"$b ip address add {lab.address(host)}/{lab.network.prefixlen} dev eth0",
            f"$b ip route add default via {lab.gateway}",
            "echo 0 >/proc/sys/net/ipv6/conf/eth0/accept_dad",
            f"$b ip -6 address add {lab.address6(host)}/{lab.network6.prefixlen} dev eth0",
            "",
        ]
    )


def command(folder: Path, link: str, hardware_address: str) -> list[str | Path]:
    """Return the command that powers a machine on; its own files are packed for it."""
    own, started, words = folder / "own.cpio", folder / "started", folder / "kernel-words"
    kernel = (folder / "kernel").resolve()
    pack(folder / "own", own)
    started.touch(mode=0o600)  # a host's private key is in it
    with started.open("wb") as file:
        for part in (folder / "initrd", own):
            file.write(part.read_bytes())
    own.unlink()
    monitor = f"unix:{_monitor(folder)},server,nowait"
    disk = f"id=disk,file={folder}/disk.qcow2,if=none,cache=writeback,discard=unmap"
    card = f"virtio-net-pci,netdev=net,mac={hardware_address}"
    return [
        *("sh", "-c", _POWER, "power", folder, "qemu-system-x86_64", *_OPTIONS),
        *_accelerator(kernel),
        *(
            "-kernel",
            kernel,
            "-initrd",
            started,
            "-append",
            " ".join((*_KERNEL, _clock(kernel), words.read_text() if words.exists() else "")),
        ),
        *("-serial", "stdio", "-monitor", monitor),
        *("-drive", disk, "-device", "virtio-blk-pci,drive=disk"),
        *("-netdev", f"tap,id=net,ifname={link},script=no,downscript=no", "-device", card),
    ]


def wipe_at_start(folder: Path) -> None:
    """Have the next start lose what is in /var/lib/etcd."""
    (folder / "own/wiped").write_text(uuid.uuid4().hex)


def limit_disk(folder: Path, operations: int) -> None:
    """Let a machine's disk do this many reads and writes a second at most; 0 is no limit."""
    told = _tell(folder, f"block_set_io_throttle disk 0 0 0 {operations} 0 0")
    if "rror" in told:
        raise LabError(f"QEMU does not limit the disk: {told}")


def _tell(folder: Path, order: str) -> str:
    """Give QEMU's monitor an order, and return what it says."""
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(_MONITOR_SECONDS)
        monitor.connect(str(_monitor(folder)))
        _until_prompt(monitor)
        monitor.sendall(f"{order}\n".encode())
        return _until_prompt(monitor)


def _until_prompt(monitor: socket.socket) -> str:
    said = b""
    while not said.endswith(b"(qemu) "):
        got = monitor.recv(4096)
        if not got:
            break
        said += got
    return said.decode(errors="replace")


def _monitor(folder: Path) -> Path:
    return folder / "monitor"


@cache
def _accelerator(kernel: Path) -> Sequence[str]:
    """Return the options that make it fast, if this machine has a KVM under which it starts."""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    answer = MACHINE_WIDE / f"kvm-{boot}"
    with locked(answer.with_suffix(".lock"), "another process tries KVM"):
        if not answer.exists():
            answer.write_text("kvm" if _kvm_works(kernel) else "tcg")
    if answer.read_text() == "kvm":
        return ("-accel", "kvm", "-cpu", "host")
    return ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max")


def _clock(kernel: Path) -> str:
    """Return the kernel's word for a clock that can be trusted.

    At the boot of an emulated machine the processor's own is measured wrongly where others want to
    run, too: such a machine's clock was eight minutes ahead of another's after two.
    """
    return "clocksource=acpi_pm" if "kvm" not in _accelerator(kernel) else "tsc=reliable"


def _kvm_works(kernel: Path) -> bool:
    """Whether a kernel comes as far as its first program in a bounded time.

    A /dev/kvm says little: inside a virtual machine it may be there, and be slower than none.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    words = ["-kernel", str(kernel), "-initrd", str(kernel.with_name("initrd"))]
    words += ["-append", "console=ttyS0 panic=-1 lab.probe", "-serial", "stdio", "-no-reboot"]
    with step("trying whether machines can have KVM"):
        try:
            done = subprocess.run(
                ["qemu-system-x86_64", *_OPTIONS, "-accel", "kvm", "-cpu", "host", *words],
                stdin=subprocess.DEVNULL, capture_output=True, timeout=_PROBE_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
    return b"lab-probe-ok" in done.stdout


def _put(root: Path, path: str, file: File) -> None:
    """Write a file; a folder that is its owner's own is nobody else's."""
    target = root / path
    for parent in reversed(target.relative_to(root).parents[:-1]):
        folder = root / parent
        if not folder.exists():
            folder.mkdir()
            private = parent.name == ".ssh" or str(parent) == "root"
            folder.chmod(0o700 if private else 0o755)
            if file.owner and str(parent).startswith("home/"):
                os.chown(folder, file.owner, file.owner)
    target.touch(mode=0o600)
    target.write_text(file.text)
    target.chmod(file.mode)
    shutil.chown(target, file.owner, file.owner)
