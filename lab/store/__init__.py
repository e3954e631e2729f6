"""An S3 service among the lab's hosts, for whoever keeps things away from them.

It is versitygw on a disk of its own, and checks signatures. It has a link and an address as a host
has, so it can be slow, cut off or silent without anybody else being so. Like the mirror it lives in
a cgroup of the lab, so whatever ends the lab finds it, also after a crash.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import json
import os
import secrets
import shutil
import signal
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Literal

from lab import builds
from lab.errors import LabError
from lab.hosts import cgroups, network
from lab.instance import STORE, Instance
from lab.mirror import certificates
from lab.progress import step
from lab.shell import run
from lab.store.s3 import REGION, Client

_PORT = 7070
_ROOM = "4G"  # nominal: the file grows as it is filled
_START_SECONDS = 15.0
_BURST, _LATENCY = "16kb", "1s"
Retention = Literal["", "COMPLIANCE", "GOVERNANCE"]


class Store:
    """One lab's store; making the object touches nothing. `Lab.store` returns it started."""

    def __init__(self, lab: Instance) -> None:
        self.address = str(lab.address(STORE))
        self.url = f"https://{self.address}:{_PORT}"
        self.authority = lab.keys / "store-ca.crt"
        """The CA of its certificate, which is not the registries' one."""
        self._lab = lab
        self._group = f"{lab.name}/{STORE}"
        self._folder = lab.folder / STORE
        self._image = self._folder / "disk.img"
        self._disk = self._folder / "disk"
        self.folder = self._disk / "data"
        """Its content: a folder for each bucket, and below it a file for each object."""
        self._ballast = self._disk / "ballast"
        self._log = self._folder / "log"
        self._keys = self._folder / "keys.json"

    @property
    def access_key(self) -> str:
        """The one user's name, another one in each lab."""
        return self._credentials["access"]

    @property
    def secret_key(self) -> str:
        """The one user's secret."""
        return self._credentials["secret"]

    @property
    def remote(self) -> dict[str, str]:
        """What rclone has to be told of it, by rclone's names; the CA is given beside it."""
        return {
            "type": "s3",
            "provider": "Other",
            "endpoint": self.url,
            "access_key_id": self.access_key,
            "secret_access_key": self.secret_key,
        }

    @property
    def client(self) -> Client:
        """A client on this machine."""
        return Client(
            url=self.url,
            authority=self.authority,
            access_key=self.access_key,
            secret_key=self.secret_key,
        )

    @property
    def running(self) -> bool:
        """Whether it has a process."""
        return bool(cgroups.processes(self._group))

    def start(self) -> None:
        """Start it with what it had, and wait until it answers; one that runs is left alone.

        After `stop` it has its whole room and network again, whoever took them and was killed.
        """
        if self.running:
            return
        program = builds.versitygw() / "versitygw"
        with step(f"starting the store at {self.url}"):
            certificate, key = self._prepare()
            network.remove_link(self._lab, STORE)
            network.create_link(self._lab, STORE)
            command: list[str | Path] = ["nsenter", f"--net={network.namespace(self._lab, STORE)}"]
            command += [program, "--port", f"{self.address}:{_PORT}", "--region", REGION]
            command += ["--cert", certificate, "--key", key, "--quiet"]
            # Without a place for users it says of an unknown one what no other service says.
            command += ["--iam-dir", self._folder]
            command += ["posix", "--versioning-dir", self._disk / "versions", self.folder]
            # By the environment: a command line is everybody's to read.
            env = {"ROOT_ACCESS_KEY": self.access_key, "ROOT_SECRET_KEY": self.secret_key}
            cgroups.start(self._group, command, self._log, env)
            self._wait()

    def stop(self) -> None:
        """End it at once; its address stays and refuses, and `start` brings it back."""
        cgroups.kill(self._group)

    def remove(self) -> None:
        """Take all of it off this machine; its certificate stays in the checkout."""
        cgroups.kill(self._group)
        cgroups.remove(self._group)
        network.remove_link(self._lab, STORE)
        if os.path.ismount(self._disk):
            run(["umount", "--lazy", self._disk])
        shutil.rmtree(self._folder, ignore_errors=True)

    def bucket(self, name: str, lock: Retention = "", days: int = 1) -> Path:
        """Return a bucket's folder, after making what is not there.

        With a `lock` each new object is held for these days.
        """
        headers = {"x-amz-bucket-object-lock-enabled": "true"} if lock else {}
        if not (self.folder / name).exists():
            self._ask("PUT", f"/{name}", headers=headers)
        if lock:
            retention = f"<Mode>{lock}</Mode><Days>{days}</Days>"
            rule = f"<Rule><DefaultRetention>{retention}</DefaultRetention></Rule>"
            enabled = "<ObjectLockEnabled>Enabled</ObjectLockEnabled>"
            name_space = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
            text = (
                f"<ObjectLockConfiguration {name_space}>{enabled}{rule}</ObjectLockConfiguration>"
            )
            self._ask("PUT", f"/{name}", {"object-lock": ""}, body=text.encode())
        return self.folder / name

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Leave its disk without a free byte."""
        try:
            with self._ballast.open("wb") as file:
                size = 1 << 40
                end = 0
                while size:
                    try:
                        os.posix_fallocate(file.fileno(), end, size)
                        end += size
                    except OSError as error:
                        if error.errno not in (errno.ENOSPC, errno.EFBIG):
                            raise
                        size //= 2
            yield
        finally:
            self._ballast.unlink(missing_ok=True)

    @contextlib.contextmanager
    def slow(self, rate: str) -> Iterator[None]:
        """Let no more pass to and from it than e.g. `256kbit` in a second, each way."""
        inside = ["ip", "netns", "exec", self._lab.machine(STORE)]
        ends = ([*inside, "tc"], "eth0"), (["tc"], self._lab.link(STORE))
        shape = ["root", "tbf", "rate", rate, "burst", _BURST, "latency", _LATENCY]
        try:
            for tc, link in ends:
                run([*tc, "qdisc", "replace", "dev", link, *shape])
            yield
        finally:
            for tc, link in ends:
                run([*tc, "qdisc", "delete", "dev", link, "root"], check=False)

    @contextlib.contextmanager
    def cut(self) -> Iterator[None]:
        """Cut it off from the network."""
        network.set_link(self._lab, STORE, up=False)
        try:
            yield
        finally:
            network.set_link(self._lab, STORE, up=True)

    @contextlib.contextmanager
    def silent(self) -> Iterator[None]:
        """Let it take connections and say nothing."""
        try:
            self._signal(signal.SIGSTOP)
            yield
        finally:
            self._signal(signal.SIGCONT)

    def log(self, lines: int = 100) -> str:
        """Return the tail of what it said."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self._log.read_text(errors="replace").splitlines()[-lines:])
        return ""

    @cached_property
    def _credentials(self) -> dict[str, str]:
        told: dict[str, str] = json.loads(self._keys.read_text())
        return told

    def _prepare(self) -> tuple[Path, Path]:
        """Make what is not there of its disk and its keys; return its certificate's two files."""
        self._folder.mkdir(parents=True, exist_ok=True)
        if not self._keys.exists():
            words = {"access": f"lab{secrets.token_hex(8)}", "secret": secrets.token_hex(20)}
            unfinished = self._keys.with_suffix(".unfinished")
            unfinished.touch(mode=0o600)
            unfinished.write_text(json.dumps(words))
            unfinished.rename(self._keys)
        if not os.path.ismount(self._disk):
            self._mount()
        self._ballast.unlink(missing_ok=True)
        for folder in (self.folder, self._disk / "versions"):
            folder.mkdir(exist_ok=True)
        keys = self._lab.keys
        certificate, key = keys / "store.crt", keys / "store.key"
        address = self._lab.address(STORE)
        certificates.create(self.authority, certificate, key, address, name="store CA")
        return certificate, key

    def _mount(self) -> None:
        # A disk of its own to be full; not in memory, where extended attributes are rather new.
        self._disk.mkdir(exist_ok=True)
        if not self._image.exists():
            unfinished = self._image.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            options = ["-q", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1"]
            run(["mkfs.ext4", *options, unfinished, _ROOM])
            unfinished.rename(self._image)
        run(["mount", "-o", "loop", self._image, self._disk])

    def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str] | None = None,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
    ) -> None:
        status, said = self.client.request(method, path, query, body=body, headers=headers)
        if status >= 300:
            raise LabError(
                f"The store refuses {method} {path}: {status}; it said:\n{said.decode()}"
            )

    def _signal(self, what: signal.Signals) -> None:
        for pid in cgroups.processes(self._group):
            os.kill(pid, what)

    def _wait(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            with contextlib.suppress(OSError, http.client.HTTPException):
                if self.client.request("GET", "/")[0] == 200:
                    return
            if time.monotonic() > deadline:
                raise LabError(
                    f"The store does not answer at {self.url}. Its log ends:\n{self.log(10)}"
                )
            time.sleep(0.02)
