"""The host program `etcd-host`: its text, its digest, and the command lines that call it.

A stack that builds on this one brings its own programs to its hosts the same way: see Program.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import shlex
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

PARTS = (
    "head",
    "files",
    "etcd",
    "packages",
    "system",
    "runtime",
    "host",
    "pki",
    "manifest",
    "join",
    "member",
    "checks",
    "observe",
    "main",
)
PATH = "/usr/local/sbin/etcd-host"


@cache
def text() -> str:
    """The whole program: one bash script made of the parts in this folder."""
    folder = files(__name__)
    return "".join((folder / f"{part}.sh").read_text(encoding="utf-8") for part in PARTS)


@dataclass(frozen=True)
class Program:
    """A shell program with verbs, and where it is on a host."""

    path: str
    text: str

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the program, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def packed(self) -> str:
        """The program as `install_line` wants it: small, for Pulumi's state keeps it per host."""
        return base64.b64encode(gzip.compress(self.text.encode(), mtime=0)).decode()

    def line(self, user: str, verb: str, *arguments: str) -> str:
        """The remote command that runs one verb."""
        return shlex.join([*_sudo(user), self.path, verb, *arguments])

    def install_line(self, user: str) -> str:
        """The remote command that puts it (packed, on stdin) in its place, whole or not."""
        name = self.path.rpartition("/")[2]
        script = (
            f"umask 077; d={self.path}.new; base64 -d | gzip -d >$d "
            f"&& echo '{self.digest}  '$d | sha256sum -c --status "
            f"&& chmod 755 $d && sync $d && mv -f $d {self.path} "
            f"|| {{ echo '{name}: the program did not arrive whole; run it again' >&2; exit 1; }}"
        )
        return shlex.join([*_sudo(user), "sh", "-c", script])

    def remove_line(self, user: str) -> str:
        """The remote command that takes it off the host."""
        return shlex.join([*_sudo(user), "rm", "-f", self.path])


@cache
def program() -> Program:
    """The host program."""
    return Program(PATH, text())


def digest() -> str:
    """SHA-256 of the program, in hex."""
    return program().digest


def line(user: str, verb: str, *arguments: str, why: str = "") -> str:
    """The remote command that runs one verb.

    `why` becomes a shell comment: it shows in a preview why a command is to run again.
    """
    comment = f" # {why}" if why else ""
    return program().line(user, verb, *arguments) + comment


def packed() -> str:
    """The program as `install_line` wants it."""
    return program().packed


def install_line(user: str) -> str:
    """The remote command that puts the program (packed, on stdin) in its place, whole or not."""
    return program().install_line(user)


def observe_line(user: str, runtime_unit: str, runtime_socket: str, *others: str) -> str:
    """The remote command that observes with this very program on stdin, installed or not.

    `others`: the other members' addresses, to be reached from there.
    """
    observe = ["bash", "-s", "--", "observe", runtime_unit, runtime_socket, *others]
    return shlex.join([*_sudo(user), *observe])


def _sudo(user: str) -> list[str]:
    return [] if user == "root" else ["sudo", "-n"]
