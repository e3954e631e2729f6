"""The host program `etcd-host`: its text, its digest, and the command lines that call it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import shlex
from functools import cache
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


@cache
def digest() -> str:
    """SHA-256 of the program, in hex."""
    return hashlib.sha256(text().encode()).hexdigest()


def line(user: str, verb: str, *arguments: str, why: str = "") -> str:
    """The remote command that runs one verb.

    `why` becomes a shell comment: it shows in a preview why a command is to run again.
    """
    words = [*_sudo(user), PATH, verb, *arguments]
    comment = f" # {why}" if why else ""
    return shlex.join(words) + comment


@cache
def packed() -> str:
    """The program as `install_line` wants it: small, because Pulumi's state keeps it per host."""
    return base64.b64encode(gzip.compress(text().encode(), mtime=0)).decode()


def install_line(user: str) -> str:
    """The remote command that puts the program (packed, on stdin) in its place, whole or not."""
    script = (
        f"umask 077; d={PATH}.new; base64 -d | gzip -d >$d "
        f"&& echo '{digest()}  '$d | sha256sum -c --status "
        f"&& chmod 755 $d && sync $d && mv -f $d {PATH} "
        "|| { echo 'etcd-host: the program did not arrive whole; run it again' >&2; exit 1; }"
    )
    return shlex.join([*_sudo(user), "sh", "-c", script])


def observe_line(user: str, runtime_unit: str, runtime_socket: str, *others: str) -> str:
    """The remote command that observes with this very program on stdin, installed or not.

    `others`: the other members' addresses, to be reached from there.
    """
    observe = ["bash", "-s", "--", "observe", runtime_unit, runtime_socket, *others]
    return shlex.join([*_sudo(user), *observe])


def _sudo(user: str) -> list[str]:
    return [] if user == "root" else ["sudo", "-n"]
