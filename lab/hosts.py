"""Throw-away hosts on this machine: systemd-nspawn with sshd, containerd and a kubelet each.

with a shell: python -m lab up; python -m lab ssh etcd01
in a test:    lab = Lab(); lab.up(["etcd01"]); lab.ssh("etcd01", "hostname").stdout
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from lab import cgroups, network, ssh
from lab.errors import LabError
from lab.host import Host, HostStatus, State
from lab.image import image
from lab.instance import DEFAULT_HOSTS, HOSTS, Instance
from lab.keys import Keys
from lab.preflight import install_packages, raise_watch_limit, require_root_on_linux
from lab.progress import say, step

BOOT_SECONDS = 60.0


class Lab:
    """The hosts of one instance. Making the object touches nothing on the machine."""

    def __init__(
        self,
        instance: Instance | None = None,
        *,
        kubernetes: str = "1.35.4",
        etcd: str = "3.6.6",
    ) -> None:
        self.instance = instance or Instance.from_environment()
        self._keys = Keys(self.instance)
        self._versions = (kubernetes, etcd)

    @property
    def identity(self) -> Path:
        """The SSH client's private key."""
        return self._keys.identity

    @property
    def known_hosts(self) -> Path:
        """The hosts' pinned keys."""
        return self._keys.known_hosts

    def address(self, name: str) -> str:
        """Return a host's address."""
        return str(self.instance.address(name))

    def up(
        self, names: Sequence[str] = DEFAULT_HOSTS, *, fresh: bool = False, keep: bool = False
    ) -> None:
        """Bring these hosts up and wait until they can be used; hosts that are up stay as they are.

        `fresh` makes them anew from the image. A host that was killed comes back with its disk. If
        one does not come up, those that this call made are removed again, unless `keep` is set.
        """
        hosts = [self._host(name) for name in names]
        require_root_on_linux()
        install_packages()
        raise_watch_limit()
        with self._locked():
            self._keys.create()
            self._claim()
            self._sweep()
            network.create_bridge(self.instance)
            if fresh:
                for host in hosts:
                    host.remove()
            made = [host for host in hosts if host.state is State.ABSENT]
            started = [host for host in hosts if host.state is not State.RUNNING]
            try:
                self._start(made, started)
                for host in hosts:
                    if not network.link_is_up(self.instance, host.name):
                        network.set_link(self.instance, host.name, up=True)
                self._each(self._wait_for_ssh, [host for host in hosts if host not in started])
            except BaseException:
                if not keep:
                    for host in made:
                        host.remove()
                raise

    def fresh(self, names: Sequence[str] = DEFAULT_HOSTS) -> None:
        """Make these hosts anew from the image and bring them up."""
        self.up(names, fresh=True)

    def down(self, *, anyones: bool = False) -> None:
        """Leave nothing of this lab on the machine, however it ended.

        A lab that is alive for another checkout is left alone, unless `anyones` is set.
        """
        require_root_on_linux()
        with self._locked():
            other = None if anyones else self._living_owner()
            if other is not None:
                say(f"• the lab {self.instance.name} runs for {other} and is left alone")
                return
            with step(f"removing the lab {self.instance.name}"):
                self._clear()

    def start(self, name: str) -> None:
        """Power a stopped host on, with the disk it had, and wait until it can be used."""
        with self._changing(name) as host:
            if host.state is State.STOPPED:
                network.create_bridge(self.instance)
                self._start([], [host])
            else:
                self._require(host, State.RUNNING)

    def kill(self, name: str) -> None:
        """Cut a host's power: SIGKILL to all its processes. Its disk stays for `start`."""
        with self._changing(name) as host:
            self._require(host, State.RUNNING, State.STOPPED)
            host.kill()

    def cut(self, name: str) -> None:
        """Cut a host off from the network; it runs on."""
        self._set_link(name, up=False)

    def heal(self, name: str) -> None:
        """Connect a host that was cut off."""
        self._set_link(name, up=True)

    def wipe(self, name: str) -> None:
        """Lose the content of a host's /var/lib/etcd, as a replaced disk does, and nothing else."""
        with self._changing(name) as host:
            self._require(host, State.RUNNING, State.STOPPED)
            host.wipe()

    def wait(self, name: str) -> None:
        """Wait until a host that boots can be used."""
        self._wait_until_ready(self._host(name))

    def ssh(
        self,
        name: str,
        command: str,
        input: str | None = None,
        *,
        check: bool = True,
        user: str = "root",
        timeout: float | None = 120.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run a shell command on a host; a status other than 0 is a LabError unless check=False."""
        done = ssh.execute(
            [*self.ssh_command(name, user), command], stdin=input or "", timeout=timeout
        )
        if check and done.returncode != 0:
            raise LabError(
                f"{name}: {command}: exit status {done.returncode}; it said:\n"
                f"{(done.stdout + done.stderr).rstrip()}"
            )
        return done

    def ssh_command(self, name: str, user: str = "root") -> list[str]:
        """Return the ssh command line for a host, up to the remote command."""
        return ssh.command_line(self._keys, self.instance.address(name), user)

    def status(self) -> list[HostStatus]:
        """Return what there is of each host that is not absent."""
        rows = [self._host(name).status() for name in HOSTS]
        return [row for row in rows if row.state is not State.ABSENT]

    def logs(self, name: str, lines: int = 100) -> str:
        """Return the tail of a host's console and of its journal."""
        host = self._host(name)
        return f"== console\n{host.tail(lines)}\n== journal\n{host.journal(lines)}"

    def _host(self, name: str) -> Host:
        return Host(self.instance, name)

    def _set_link(self, name: str, *, up: bool) -> None:
        with self._changing(name) as host:
            self._require(host, State.RUNNING, State.STOPPED)
            network.set_link(self.instance, host.name, up=up)

    def _start(self, made: Iterable[Host], started: Sequence[Host]) -> None:
        """Make the first, power the second on, and wait until those can be used."""
        made = list(made)
        source = image(*self._versions) if made else None
        if not started:
            return
        with step(f"starting {', '.join(host.name for host in started)}"):

            def start(host: Host) -> None:
                if source is not None and host in made:
                    host.create(source, self._keys)
                host.power_on()
                self._wait_until_ready(host)

            self._each(start, started)

    def _wait_until_ready(self, host: Host) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        self._wait_for_ssh(host)
        while not ssh.booted(self._keys, host.address):
            self._still_booting(host, deadline)
            time.sleep(0.1)

    def _wait_for_ssh(self, host: Host) -> None:
        deadline = time.monotonic() + BOOT_SECONDS
        while not ssh.answers(host.address):
            self._still_booting(host, deadline)
            time.sleep(0.02)

    def _still_booting(self, host: Host, deadline: float) -> None:
        state = host.state
        if state is not State.RUNNING or time.monotonic() > deadline:
            raise LabError(
                f"{host.name} is {state.value} and cannot be used after boot; `python -m lab logs "
                f"{host.name}` says more (after `up --keep`). Its console ends:\n{host.tail()}"
            )

    @property
    def _owner_mark(self) -> Path:
        return self.instance.folder / "owner"

    def _living_owner(self) -> Path | None:
        """Return the key folder of another checkout that this lab is alive for, if it is."""
        if not self._owner_mark.exists() or not cgroups.processes(self.instance.name):
            return None
        other = Path(self._owner_mark.read_text().splitlines()[0])
        return other if other != self._keys.folder and other.exists() else None

    def _claim(self) -> None:
        """Make this lab this checkout's: leftovers of another go, a living one is not touched."""
        mine = f"{self._keys.folder}\n{self._keys.authorized}"
        if self._owner_mark.exists() and self._owner_mark.read_text() == mine:
            return
        other = self._living_owner()
        if other is not None:
            raise LabError(
                f"The lab {self.instance.name} runs for {other}; take it down with `python -m lab "
                f"down --anyones`, or set ETCD_LAB_INSTANCE to 1 or more for another lab."
            )
        self._clear()
        self.instance.folder.mkdir(parents=True, exist_ok=True)
        self._owner_mark.write_text(mine)

    def _sweep(self) -> None:
        """Remove what a lab that ended in the middle left; hosts that are whole stay."""
        for host in map(self._host, HOSTS):
            if host.state is State.DEAD:
                say(f"• removing what is left of {host.name}")
                host.remove()

    def _clear(self) -> None:
        for host in map(self._host, HOSTS):
            if host.state is not State.ABSENT:
                host.remove()
        network.remove_bridge(self.instance)
        cgroups.kill(self.instance.name)
        cgroups.remove(self.instance.name)
        shutil.rmtree(self.instance.folder, ignore_errors=True)

    @contextlib.contextmanager
    def _changing(self, name: str) -> Iterator[Host]:
        host = self._host(name)
        require_root_on_linux()
        with self._locked():
            yield host

    def _require(self, host: Host, *states: State) -> None:
        state = host.state
        if state not in states:
            wanted = " or ".join(wanted.value for wanted in states)
            raise LabError(
                f"{host.name} is {state.value}, and this needs it {wanted}; "
                f"`python -m lab up {host.name}` brings it up."
            )

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other commands from changing this lab meanwhile."""
        self.instance.lock.parent.mkdir(parents=True, exist_ok=True)
        with self.instance.lock.open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                say(f"• waiting: another command changes the lab {self.instance.name} …")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @staticmethod
    def _each(work: Callable[[Host], None], hosts: Sequence[Host]) -> None:
        """Do it for all hosts at once; the first failure is raised when all have ended."""
        if not hosts:
            return
        with ThreadPoolExecutor(max_workers=len(hosts)) as pool:
            for outcome in [pool.submit(work, host) for host in hosts]:
                outcome.result()
