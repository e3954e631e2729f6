"""One throw-away host: its disk, its power, and what of it is on this machine."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address
from pathlib import Path

from lab.errors import LabError
from lab.hosts import cgroups, network, qemu
from lab.hosts.images import debian
from lab.hosts.images.kind import Kind
from lab.hosts.images.layers import Image
from lab.hosts.keys import Keys
from lab.hosts.qemu import File
from lab.instance import Instance
from lab.shell import run

_SUPERVISOR = Path(__file__).parent / "supervise.sh"
_POWER_ON_SECONDS = 5.0
_WIPE_SECONDS = 30.0


class State(Enum):
    """What a host is, from its processes and its folder."""

    ABSENT = "absent"
    RUNNING = "running"
    STOPPED = "stopped"
    """Killed or powered off on purpose: `start` brings it back with its disk."""
    DEAD = "dead"
    """Half made, or its processes ended without anybody asking: a leftover."""


@dataclass(frozen=True, kw_only=True)
class HostStatus:
    """One line of `python -m lab status`."""

    name: str
    address: str
    image: Kind
    state: State
    connected: bool
    """False while it is cut off from the network."""
    processes: int
    memory: int | None
    """Bytes, None where it has no processes or nothing counts them."""


class LabHost:
    """One host of one lab; making the object touches nothing."""

    def __init__(self, lab: Instance, name: str) -> None:
        self.name = name
        self.address: IPv4Address = lab.address(name)
        self.folder = lab.folder / "hosts" / name
        self.console = self.folder / "console.log"
        self.group = f"{lab.name}/{name}"
        """Its cgroup, in every hierarchy."""
        self._lab = lab
        self._kind = self.folder / "image"
        self._made_of = self.folder / "lowerdir"  # written last: with it the disk is complete
        self._stopped = self.folder / "stopped"

    @property
    def state(self) -> State:
        """What it is right now."""
        if cgroups.processes(self.group):
            return State.RUNNING if self._made_of.exists() else State.DEAD
        if not self._made_of.exists():
            return State.DEAD if self._traces() else State.ABSENT
        return State.STOPPED if self._stopped.exists() else State.DEAD

    @property
    def kind(self) -> Kind:
        """What it was made of; golden if it was not."""
        with contextlib.suppress(FileNotFoundError):
            return Kind(self._kind.read_text())
        return Kind.GOLDEN

    def status(self) -> HostStatus:
        """Return what there is of it."""
        processes = len(cgroups.processes(self.group))
        return HostStatus(
            name=self.name,
            address=str(self.address),
            image=self.kind,
            state=self.state,
            connected=network.link_is_up(self._lab, self.name),
            processes=processes,
            memory=cgroups.memory(self.group) if processes else None,
        )

    def create(self, kind: Kind, image: Image, keys: Keys, files: Mapping[str, str]) -> None:
        """Make its disk from the image, with these files more; it is off afterwards."""
        self.folder.mkdir(parents=True)
        self._kind.write_text(kind)
        own = {path: File(text=text) for path, text in files.items()} | self._own_files(keys)
        if image.machine is not None:
            script = qemu.network_script(self._lab, self.name)
            qemu.make(self.folder, image.machine, own, script)
        else:
            for name in ("upper", "work", "root"):
                (self.folder / name).mkdir()
            if image.containerd is not None:
                self._copy_containerd(image.containerd)
            for path, file in own.items():
                self._put(image, path, file)
        self._stopped.touch()
        self._made_of.write_text(image.lowerdir)

    def power_on(self) -> None:
        """Start it; returns when its supervisor runs, before the host has booted."""
        # Always anew: what is there may be half of it, from an `up` that was killed.
        network.remove_link(self._lab, self.name)
        if self.kind.machine:
            network.create_tap(self._lab, self.name)
            address = network.hardware_address(self._lab, self.name)
            command = qemu.command(self.folder, self._lab.link(self.name), address)
            cgroups.start(self.group, command, self.console)
        else:
            self._start_container()
        deadline = time.monotonic() + _POWER_ON_SECONDS
        while not cgroups.processes(self.group):
            if time.monotonic() > deadline:
                raise LabError(f"{self.name} did not start; its console says:\n{self.tail()}")
            time.sleep(0.005)

    def _start_container(self) -> None:
        network.create_link(self._lab, self.name)
        groups = cgroups.create(self.group)
        namespace = network.namespace(self._lab, self.name)
        machine = self._lab.machine(self.name)
        lowerdir = self._made_of.read_text()
        # A session of its own, and nothing inherited: it outlives whoever starts it. In a mount
        # namespace of its own: its root is no mount of this machine's and ends with it.
        command: list[str | Path] = ["setsid", "--fork", "unshare", "--mount"]
        command += ["--propagation=slave", "sh", _SUPERVISOR]
        command += [machine, self.name, namespace, lowerdir, self.folder, *groups]
        with self.console.open("ab") as console:
            subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=console, stderr=console, cwd="/",
                check=True,
            )  # fmt: skip

    def kill(self) -> None:
        """End all its processes at once, as a power cut does; its disk and its link stay."""
        self._stopped.touch()
        cgroups.kill(self.group)

    def remove(self) -> None:
        """Take everything of it off this machine, whatever state it is in."""
        cgroups.kill(self.group)
        network.remove_link(self._lab, self.name)
        cgroups.remove(self.group)
        self._made_of.unlink(missing_ok=True)  # first, so that half a removal is no host
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def wipe(self) -> None:
        """Lose the content of /var/lib/etcd, as a replaced disk does; etcd is killed, no more."""
        if self.kind.machine:
            qemu.wipe_at_start(self.folder)
            return
        deadline = time.monotonic() + _WIPE_SECONDS
        while True:
            self._kill_program("etcd")
            data = self._root() / "var/lib/etcd"
            if data.is_dir():
                for entry in data.iterdir():
                    if entry.is_dir() and not entry.is_symlink():
                        shutil.rmtree(entry, ignore_errors=True)
                    else:
                        entry.unlink(missing_ok=True)
            # The kubelet may have started etcd again in the middle of it, on what was left.
            if not data.is_dir() or not any(data.iterdir()):
                return
            if time.monotonic() > deadline:
                raise LabError(f"{self.name}: something keeps writing to /var/lib/etcd.")

    def tail(self, lines: int = 25) -> str:
        """Return the last lines of its console."""
        if not self.console.exists():
            return ""
        return "\n".join(self.console.read_text(errors="replace").splitlines()[-lines:])

    def journal(self, lines: int = 100) -> str:
        """Return the last lines of its journal, also of a host that is off."""
        folder = self.folder / "upper/var/log/journal"
        return run(
            ["journalctl", f"--directory={folder}", "--no-pager", f"--lines={lines}"], check=False
        ).stdout

    def _traces(self) -> bool:
        return (
            self.folder.exists()
            or network.namespace(self._lab, self.name).exists()
            or Path("/sys/class/net", self._lab.link(self.name)).exists()
            or any((root / self.group).exists() for root in cgroups.hierarchies())
        )

    def _root(self) -> Path:
        """Its root folder, to be written to: through a process of it, or its disk if it is off."""
        for pid in sorted(cgroups.processes(self.group)):
            with contextlib.suppress(OSError):
                status = Path(f"/proc/{pid}/status").read_text()
                ids = next(row for row in status.splitlines() if row.startswith("NSpid:"))
                # Process 1 in a namespace below this one: its systemd.
                if ids.split()[2:] == ["1"]:
                    return Path(f"/proc/{pid}/root")
        return self.folder / "upper"

    def _kill_program(self, name: str) -> None:
        """End the program of this name in this host, and wait until it is gone."""
        for pid in cgroups.processes(self.group):
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                    os.kill(pid, 9)
                    deadline = time.monotonic() + _POWER_ON_SECONDS
                    while pid in cgroups.processes(self.group) and time.monotonic() < deadline:
                        time.sleep(0.005)

    def _copy_containerd(self, store: Path) -> None:
        """Give it the image's containerd store: files that never change are shared by hard link."""
        target = self.folder / "containerd"
        # No program does this: it would go on when this process is killed in the middle.
        shutil.copytree(store, target, symlinks=True, copy_function=_link_or_copy)

    def _own_files(self, keys: Keys) -> dict[str, File]:
        """Return what no other host has."""
        key = keys.host_key(self.name).read_text()
        found = {
            "etc/hostname": File(text=f"{self.name}\n"),
            "etc/hosts": File(text=self._lab.etc_hosts),
            "etc/machine-id": File(text=f"{uuid.uuid4().hex}\n"),
            "etc/ssh/ssh_host_ed25519_key": File(text=key, mode=0o600),
        }
        for home, owner in {"root": 0, **{f"home/{n}": u for n, u in debian.USERS.items()}}.items():
            path = f"{home}/.ssh/authorized_keys"
            found[path] = File(text=keys.authorized, mode=0o600, owner=owner)
        return found

    def _put(self, image: Image, path: str, file: File) -> None:
        """Write a file to its disk, in folders that look as the image's own."""
        for parent in reversed(Path(path).parents[:-1]):
            folder = self.folder / "upper" / parent
            if not folder.exists():
                folder.mkdir()
                like = next((each for each in image.layers if (each / parent).is_dir()), None)
                if like is None:
                    folder.chmod(0o755)
                    continue
                shutil.copystat(like / parent, folder)
                os.chown(folder, (like / parent).stat().st_uid, (like / parent).stat().st_gid)
        target = self.folder / "upper" / path
        target.touch(mode=0o600)
        target.write_text(file.text)
        target.chmod(file.mode)
        os.chown(target, file.owner, file.owner)


def _link_or_copy(source: str, target: str) -> None:
    """Share a file of an image, if it is one that containerd never changes, else copy it."""
    if not source.endswith(".db"):
        with contextlib.suppress(OSError):  # the cache is on another file system
            os.link(source, target)
            return
    shutil.copy2(source, target)
