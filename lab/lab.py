"""Throw-away hosts on this machine: systemd-nspawn with an sshd each, bare or with all packages.

with a shell: python -m lab up; python -m lab ssh etcd01
in a test:    lab = Lab(); lab.up(["etcd01"]); lab.ssh("etcd01", "hostname").stdout
bare hosts:   lab.up(["etcd01"], image="debian"); they install what they need from lab.mirror
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from lab.choice import mirror_for, releases_for, require_kind
from lab.errors import LabError
from lab.faults import Faults
from lab.hosts import cgroups, network, ssh
from lab.hosts.boot import each, wait_for_ssh, wait_until_ready
from lab.hosts.claim import Claim
from lab.hosts.host import HostStatus, LabHost, State
from lab.hosts.images.kind import Kind, image
from lab.hosts.keys import Keys
from lab.hosts.sources import source_files
from lab.instance import DEFAULT_HOSTS, HOSTS, STORE, Instance
from lab.machine import install_packages, raise_watch_limit, require_root_on_linux
from lab.mirror.content import MirrorSet
from lab.mirror.server import Mirror
from lab.progress import say, step
from lab.store import Store


class Lab(Faults):
    """The hosts of one instance. Making the object touches nothing on the machine."""

    def __init__(self, instance: Instance | None = None) -> None:
        self.instance = instance or Instance.from_environment()
        self.mirror = Mirror(self.instance)
        """What bare hosts install from; tests stop and start it to see what they do without."""
        self.reached_by_ipv6 = False
        """Whether `ssh` goes to the hosts' IPv6 addresses: tests take the other ones away."""
        self._keys = Keys(self.instance)
        self._claim = Claim(self.instance, self._keys)

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

    def address6(self, name: str) -> str:
        """Return a host's IPv6 address."""
        return str(self.instance.address6(name))

    def up(
        self,
        names: Sequence[str] = DEFAULT_HOSTS,
        *,
        image: str | None = None,
        mirror: MirrorSet | None = None,
        control_plane: bool = False,
        fresh: bool = False,
        keep: bool = False,
    ) -> None:
        """Bring these hosts up and wait until they can be used; hosts that are up stay as they are.

        `image` says what they are made of (see Kind): golden without it. A host that is there must
        be of that. `fresh` makes them anew. A host that was killed comes back with its disk. If one
        does not come up, those that this call made are removed again, unless `keep` is set.

        The mirror runs for bare hosts, with the content that `mirror` says (see lab.choice),
        and with the images of Kubernetes' control plane if `control_plane` asks for them.
        """
        hosts = [self._host(name) for name in names]
        kind = None if image is None else Kind.named(image)
        require_root_on_linux()
        install_packages()
        raise_watch_limit()
        with self._claim.alone():
            self._keys.create()
            self._claim.take(self._clear)
            self._sweep()
            made = [host for host in hosts if fresh or host.state is State.ABSENT]
            require_kind(kind, [host for host in hosts if host not in made])
            network.create_bridge(self.instance)
            self._serve(kind or Kind.GOLDEN, made, mirror, control_plane)
            if fresh:
                for host in hosts:
                    host.remove()
            started = [host for host in hosts if host.state is not State.RUNNING]
            try:
                self._start(kind or Kind.GOLDEN, made, started)
                for host in hosts:
                    if not network.link_is_up(self.instance, host.name):
                        network.set_link(self.instance, host.name, up=True)
                each(wait_for_ssh, [host for host in hosts if host not in started])
            except BaseException:
                if not keep:
                    for host in made:
                        host.remove()
                raise

    def fresh(
        self,
        names: Sequence[str] = DEFAULT_HOSTS,
        *,
        image: str | None = None,
        mirror: MirrorSet | None = None,
    ) -> None:
        """Make these hosts anew and bring them up; golden without `image`, as `up` does."""
        self.up(names, image=image, mirror=mirror, fresh=True)

    def reset(self, names: Sequence[str]) -> None:
        """Make these hosts anew, each from what it was made of."""
        kinds = {name: self._host(name).kind for name in names}
        for kind in dict.fromkeys(kinds.values()):
            self.fresh([name for name in names if kinds[name] is kind], image=kind)

    def down(self, *, anyones: bool = False) -> None:
        """Leave nothing of this lab on the machine, however it ended.

        A lab that is alive for another checkout is left alone, unless `anyones` is set.
        """
        require_root_on_linux()
        with self._claim.alone():
            other = None if anyones else self._claim.living_owner()
            if other is not None:
                say(f"• the lab {self.instance.name} runs for {other} and is left alone")
                return
            with step(f"removing the lab {self.instance.name}"):
                self._clear()

    def store(self) -> Store:
        """Return the lab's object store, started; it keeps what it has until `down` removes it."""
        require_root_on_linux()
        install_packages()
        with self._claim.alone():
            self._keys.create()
            self._claim.take(self._clear)
            network.create_bridge(self.instance)
            store = Store(self.instance)
            store.start()
        return store

    def start(self, name: str) -> None:
        """Power a stopped host on, with the disk it had, and wait until it can be used."""
        with self._changing(name) as host:
            if host.state is State.STOPPED:
                network.create_bridge(self.instance)
                self._start(host.kind, [], [host])
            else:
                self._require(host, State.RUNNING)

    def wait(self, name: str) -> None:
        """Wait until a host that boots can be used."""
        wait_until_ready(self._host(name), self._keys)

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
        by_ipv6 = self.reached_by_ipv6
        address = self.instance.address6(name) if by_ipv6 else self.instance.address(name)
        return ssh.command_line(self._keys, address, user)

    def status(self) -> list[HostStatus]:
        """Return what there is of each host that is not absent."""
        rows = [self._host(name).status() for name in HOSTS]
        return [row for row in rows if row.state is not State.ABSENT]

    def logs(self, name: str, lines: int = 100) -> str:
        """Return the tail of a host's console and journal, or of what mirror or store said."""
        if name == "mirror":
            return self.mirror.logs(lines)
        if name == STORE:
            return Store(self.instance).log(lines)
        host = self._host(name)
        journal = host.journal(lines)
        if host.kind.machine:
            journal = self.ssh(name, f"journalctl --no-pager --lines={lines}", check=False).stdout
        return f"== console\n{host.tail(lines)}\n== journal\n{journal}"

    def _host(self, name: str) -> LabHost:
        return LabHost(self.instance, name)

    def _serve(
        self, kind: Kind, made: Sequence[LabHost], mirror: MirrorSet | None, control_plane: bool
    ) -> None:
        """Have the mirror run, if some host is bare or somebody asks for it."""
        anew = {host.name for host in made}
        known = [self._host(name) for name in HOSTS if name not in anew]
        bare = [host for host in known if host.state is not State.ABSENT and host.kind.bare]
        wanted = mirror_for(kind if made else None, bare, mirror, self.mirror.which)
        if wanted is not None:
            releases = releases_for(*([kind] if made else []), *(host.kind for host in bare))
            self.mirror.serve(wanted, control_plane=control_plane, releases=releases)

    def _start(self, kind: Kind, made: Sequence[LabHost], started: Sequence[LabHost]) -> None:
        """Make the first, power the second on, and wait until those can be used."""
        source = image(kind) if made else None
        files = {}
        if made and kind.bare:
            files = source_files(kind, self.mirror.url, self.mirror.signing_key.read_text())
        if not started:
            return
        with step(f"starting {', '.join(host.name for host in started)}"):

            def start(host: LabHost) -> None:
                if source is not None and host in made:
                    host.create(kind, source, self._keys, files)
                host.power_on()
                wait_until_ready(host, self._keys)

            each(start, started)

    def _sweep(self) -> None:
        """Remove what a lab that ended in the middle left; hosts that are whole stay."""
        for host in map(self._host, HOSTS):
            if host.state is State.DEAD:
                say(f"• removing what is left of {host.name}")
                host.remove()

    def _clear(self) -> None:
        self.mirror.remove()
        Store(self.instance).remove()
        for host in map(self._host, HOSTS):
            if host.state is not State.ABSENT:
                host.remove()
        network.remove_bridge(self.instance)
        cgroups.kill(self.instance.name)
        cgroups.remove(self.instance.name)
        shutil.rmtree(self.instance.folder, ignore_errors=True)

    @contextlib.contextmanager
    def _changing(self, name: str) -> Iterator[LabHost]:
        host = self._host(name)
        require_root_on_linux()
        with self._claim.alone():
            yield host

    def _require(self, host: LabHost, *states: State) -> None:
        state = host.state
        if state not in states:
            wanted = " or ".join(wanted.value for wanted in states)
            raise LabError(
                f"{host.name} is {state.value}, and this needs it {wanted}; "
                f"`python -m lab up {host.name}` brings it up."
            )
