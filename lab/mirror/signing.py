"""The key that signs the mirror's repositories, and signing with it.

The key is made once per cache and has no passphrase: whoever reads it can feed throw-away hosts.
gpg starts an agent in the background. Each gpg here runs in a process namespace of its own, so its
agent ends with it, also when the build is killed.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from lab.cache import cache_root, kept
from lab.shell import PRIVATE, run

_PRIVATE_KEY = "private.asc"
_PUBLIC_KEY = "public.asc"
_DOMAIN = "lab.invalid"
_ALGORITHM = "rsa3072"  # rpm and dnf of older distributions know no elliptic curves


class Signer:
    """Signs files with the one key in its GNUPGHOME."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._env = {**os.environ, "GNUPGHOME": str(home), "LC_ALL": "C"}

    def detached(self, file: Path, signature: Path) -> None:
        """Write an armored signature of `file`."""
        self.gpg("--armor", "--output", signature, "--detach-sign", file)

    def clear(self, file: Path, signed: Path) -> None:
        """Write the text of `file` with its signature around it."""
        self.gpg("--output", signed, "--clear-sign", file)

    def rpms(self, packages: Sequence[Path]) -> None:
        """Sign rpm packages, in place."""
        # rpm wants a part of the key's name; the home holds only one key.
        defines = {"_gpg_name": _DOMAIN, "_gpg_path": str(self._home), "__gpg": "/usr/bin/gpg"}
        options = [f"--define={name} {value}" for name, value in defines.items()]
        run([*PRIVATE, "rpmsign", *options, "--addsign", *packages], env=self._env)

    def gpg(self, *words: str | Path) -> str:
        """Run gpg without questions, and return what it printed."""
        quiet = ("--batch", "--quiet", "--no-tty", "--yes", "--digest-algo=SHA256")
        return run([*PRIVATE, "gpg", *quiet, *words], env=self._env).stdout


def signing_key() -> Path:
    """Return the mirror's public key, after making the pair if there is none."""
    return _pair() / _PUBLIC_KEY


@contextmanager
def signer() -> Iterator[Signer]:
    """Give a signer with the mirror's key."""
    with _home() as signer:
        signer.gpg("--import", _pair() / _PRIVATE_KEY)
        yield signer


@contextmanager
def stranger() -> Iterator[Signer]:
    """Give a signer with a key that nobody has been told of."""
    with _home() as signer:
        _generate(signer, f"somebody else <stranger@{_DOMAIN}>")
        yield signer


def _pair() -> Path:
    return kept(
        cache_root() / "mirror", "signing", _ALGORITHM, "making the mirror's key", _make, mode=0o700
    )


def _make(folder: Path) -> None:
    with _home() as signer:
        _generate(signer, f"etcd-cluster lab mirror <mirror@{_DOMAIN}>")
        signer.gpg("--armor", "--output", folder / _PUBLIC_KEY, "--export")
        signer.gpg("--armor", "--output", folder / _PRIVATE_KEY, "--export-secret-keys")


def _generate(signer: Signer, name: str) -> None:
    signer.gpg("--passphrase", "", "--quick-generate-key", name, _ALGORITHM, "sign", "never")


@contextmanager
def _home() -> Iterator[Signer]:
    # In /tmp, whatever TMPDIR says: the agent's sockets lie in it, and their paths must be short.
    with tempfile.TemporaryDirectory(prefix="mirror-gpg-", dir="/tmp") as home:
        yield Signer(Path(home))
