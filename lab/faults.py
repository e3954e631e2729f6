"""What happens to hosts: power cuts, cut cables, lost disks, slow disks, processors and lines."""

from __future__ import annotations

import contextlib
import subprocess
from typing import Protocol

from lab.errors import LabError
from lab.hosts import cgroups, network, qemu
from lab.hosts.host import LabHost, State
from lab.instance import Instance
from lab.shell import run

_WIPE = """
for try in $(seq 100); do
  pkill -KILL -x etcd
  rm -rf /var/lib/etcd/* /var/lib/etcd/.[!.]*
  [ -n "$(ls -A /var/lib/etcd 2>/dev/null)" ] || exit 0
  sleep 0.1
done
exit 1
"""
"""Of a machine: the kubelet may start etcd again in the middle of it."""


class _Lab(Protocol):
    instance: Instance

    def _changing(self, name: str) -> contextlib.AbstractContextManager[LabHost]: ...
    def _require(self, host: LabHost, *states: State) -> None: ...
    def ssh(self, name: str, command: str) -> subprocess.CompletedProcess[str]: ...


class Faults:
    """The part of a lab that harms its hosts."""

    instance: Instance

    def kill(self: _Lab, name: str) -> None:
        """Cut a host's power: SIGKILL to all its processes. Its disk stays for `start`."""
        with self._changing(name) as host:
            self._require(host, State.RUNNING, State.STOPPED)
            host.kill()

    def cut(self: _Lab, name: str) -> None:
        """Cut a host off from the network; it runs on."""
        _set_link(self, name, up=False)

    def heal(self: _Lab, name: str) -> None:
        """Connect a host that was cut off."""
        _set_link(self, name, up=True)

    def wipe(self: _Lab, name: str) -> None:
        """Lose the content of a host's /var/lib/etcd, as a replaced disk does, and nothing else."""
        with self._changing(name) as host:
            self._require(host, State.RUNNING, State.STOPPED)
            if host.kind.machine and host.state is State.RUNNING:
                self.ssh(name, _WIPE)
            else:
                host.wipe()

    def limit_cpu(self: _Lab, name: str, cores: float) -> None:
        """Give a host this much of the machine's processor time at most, e.g. 0.5 of a core."""
        with self._changing(name) as host:
            self._require(host, State.RUNNING)
            cgroups.limit_cpu(host.group, cores)

    def limit_disk(self: _Lab, name: str, operations: int) -> None:
        """Let a machine's disk do this many reads and writes a second at most; 0 is no limit."""
        with self._changing(name) as host:
            self._require(host, State.RUNNING)
            if not host.kind.machine:
                raise LabError(f"{name} is a container and has no disk of its own to be slow.")
            qemu.limit_disk(host.folder, operations)

    def shape(self: _Lab, name: str, *, delay: float = 0, loss: float = 0) -> None:
        """Have what a host sends take so many milliseconds more, and be lost so often (percent).

        Without either, it is as it was. A machine forgets it when it boots.
        """
        rule = f"netem delay {delay:g}ms loss {loss:g}%"
        words = f"qdisc replace dev eth0 root {rule}" if delay or loss else _AS_BEFORE
        with self._changing(name) as host:
            self._require(host, State.RUNNING)
            if host.kind.machine:
                self.ssh(name, f"modprobe sch_netem && tc {words}")
                return
            inside = ["tc", "-n", self.instance.machine(name), *words.split()]
            done = run(inside, check=False)
            if done.returncode != 0:
                raise LabError(
                    f"This machine's kernel does not delay packets (netem): "
                    f"{done.stderr.strip()} A host of --image vm has a kernel that does."
                )


_AS_BEFORE = "qdisc replace dev eth0 root pfifo_fast"


def _set_link(lab: _Lab, name: str, *, up: bool) -> None:
    with lab._changing(name) as host:
        lab._require(host, State.RUNNING, State.STOPPED)
        network.set_link(lab.instance, host.name, up=up)
