"""The host program `etcd-host`: its text, its digest, and the command lines that call it.

A stack that builds on this one brings its own programs to its hosts the same way: see Program.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files

PARTS = (
    "head",
    "files",
    "quorum",
    "etcd",
    "process",
    "disk",
    "guard",
    "space",
    "explain",
    "owner",
    "user",
    "selinux",
    "packages",
    "repositories",
    "apt",
    "dnf",
    "package-errors",
    "etcdctl",
    "system",
    "units",
    "runtime",
    "host",
    "pki",
    "version",
    "downgrade",
    "gently",
    "store",
    "fetch",
    "bolt",
    "prove",
    "backup",
    "before",
    "damage",
    "missed",
    "retention",
    "metrics",
    "manifest",
    "identity",
    "join",
    "member",
    "restore",
    "fence",
    "turn",
    "survivor",
    "leave",
    "adopt",
    "takeover",
    "distance",
    "preflight",
    "observe",
    "main",
)
PATH = "/usr/local/sbin/etcd-host"
BROUGHT = "/run/etcd-host/program"
"""Where a host keeps the program that it was last observed with, until its next boot."""
_NOT_TAKEN_BACK = ("/etc/kubernetes/manifests/etcd.yaml", "/var/lib/etcd-host")
"""What is there as long as `uninstall` has not done its work: MANIFEST and STATE in head.sh."""


@cache
def text() -> str:
    """The whole program: one bash script made of the parts in this folder."""
    folder = files(__package__)
    return "".join((folder / f"{part}.sh").read_text(encoding="utf-8") for part in PARTS)


@dataclass(frozen=True)
class Program:
    """A shell program with verbs, and where it is on a host.

    Its verb `observe`, if it is to be asked: prints `serial: N`, a number that rises with every
    repair, and `drift-AREA: REASON, …` for each of its areas, with no reason where all is well.
    """

    path: str
    text: str

    @property
    def name(self) -> str:
        """The file's name; its own area, too."""
        return self.path.rpartition("/")[2]

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the program, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    @cached_property
    def packed(self) -> str:
        """The program as `install_line` wants it: small, for Pulumi's state keeps it."""
        return base64.b64encode(gzip.compress(self.text.encode(), mtime=0)).decode()

    def line(self, user: str, verb: str, *arguments: str) -> str:
        """The remote command that runs one verb."""
        return shlex.join([*_sudo(user), self.path, verb, *arguments])

    def install_line(self, user: str) -> str:
        """The remote command that puts it (packed, on stdin) in its place, whole or not."""
        return self._install_line(
            user, "base64 -d | gzip -d", "did not arrive complete; run pulumi up again"
        )

    def install_brought_line(self, user: str, source: str, *first: str) -> str:
        """The remote command that puts it in its place from a file that was brought before.

        first: a verb and its arguments; where that ends badly, nothing is put in place.
        """
        missing = (
            "is missing or was changed (rebooted since the probe?), or could not be written: "
            "see any line above; run pulumi up again"
        )
        return self._install_line(user, f"cat {source}", missing, *first)

    def _install_line(self, user: str, read: str, complaint: str, *first: str) -> str:
        check = f"{{ bash $d {shlex.join(first)} || {{ s=$?; rm -f $d; exit $s; }}; }} && "
        script = (
            f"umask 077; d={self.path}.new; {read} >$d "
            f"&& echo '{self.digest}  '$d | sha256sum -c --status "
            f"&& {check if first else ''}chmod 755 $d && sync -d $d && mv -f $d {self.path} "
            f"|| {{ rm -f $d; echo '{self.name}: the program {complaint}' >&2; exit 1; }}"
        )
        return shlex.join([*_sudo(user), "sh", "-c", script])

    def observe_line(self, user: str) -> str:
        """The remote command that observes with this very program on stdin, installed or not.

        It says `program: SHA256`, of the one that is installed, or `absent`, before all else. One
        that does not have the owner and the mode of its installation perhaps cannot be run: absent.
        """
        script = (
            f"p={self.path}; s=absent; if [ -f $p ] && [ ! -L $p ] && "
            "[ \"$(stat -c '%a %u' $p)\" = '755 0' ]; then s=$(sha256sum <$p); fi; "
            f'echo "program: ${{s%% *}}"; exec {shlex.join(_from_stdin(self.name, "observe"))}'
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


def line(user: str, verb: str, *arguments: str) -> str:
    """The remote command that runs one verb."""
    return program().line(user, verb, *arguments)


def uninstall_line(user: str, *arguments: str) -> str:
    """The remote command that runs `uninstall`, the last verb on a host.

    It can be repeated where it was cut off after the program was gone: it ends well if nothing is
    there that the verb would have taken back, and with an error otherwise.
    """
    script = (
        'if [ -e "$0" ]; then exec "$0" "$@"; fi; '
        f"for f in {' '.join(_NOT_TAKEN_BACK)}; do "
        'if [ -d "$f" ] && [ -z "$(ls -A "$f" 2>&1)" ]; then continue; fi; '
        'if [ -e "$f" ] || [ -L "$f" ]; then '
        'echo "etcd-host: this program is missing on this host, and $f is still there. Nothing was '
        "changed. Put the host back into the configuration and run pulumi up, which installs the "
        'program again; remove the host after that" >&2; exit 4; fi; done; '
        'echo "etcd-host: unchanged" >&2'
    )
    return shlex.join([*_sudo(user), "sh", "-c", script, PATH, "uninstall", *arguments])


def install_line(user: str, *identity: str, adopt: Sequence[str] = ()) -> str:
    """The remote command that puts the program, brought by an observation, in its place.

    identity: cluster, member, token and stack, which the host has to belong to (`claim`). adopt:
    the id and the CA of a cluster whose member the host has, and which becomes this stack's.

    Not on stdin: Pulumi would keep the program in its state, for each host twice, and write it
    anew at each step.
    """
    first = ["adopt", *identity, *adopt] if adopt else ["claim", *identity]
    return program().install_brought_line(user, BROUGHT, *(first if identity else []))


def observe_line(
    user: str, runtime_unit: str, runtime_socket: str, identity: str, *others: str, bring: bool
) -> str:
    """The remote command that observes with this very program on stdin, installed or not.

    `identity`: cluster, member, token and CA that the host is to belong to, or `-`.
    `others`: the other members' addresses, to be reached from there. `bring`: the host keeps the
    program, for `install_line`; without it no more stays there than a note under /run of the
    programs' versions.
    """
    observe = ["observe", runtime_unit, runtime_socket, identity, *others]
    if not bring:
        return shlex.join([*_sudo(user), *_from_stdin("etcd-host", *observe)])
    script = (
        f"umask 077; p={BROUGHT}; n=$p.$$; mkdir -p ${{p%/*}} && cat >$n && mv -f $n $p "
        '|| { rm -f $n; echo "etcd-host: $p could not be written" >&2; exit 1; }; exec bash $p "$@"'
    )
    return shlex.join([*_sudo(user), "sh", "-c", script, "etcd-host", *observe])


def _from_stdin(name: str, *arguments: str) -> list[str]:
    """The command that runs a bash program from there: `bash -s` reads a pipe byte by byte."""
    return ["bash", "-c", 'eval "$(cat)"', name, *arguments]


def _sudo(user: str) -> list[str]:
    return [] if user == "root" else ["sudo", "-n"]
