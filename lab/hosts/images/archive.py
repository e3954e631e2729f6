"""Packages of any Debian release, downloaded and not installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from lab.hosts.images.debian import debian_mirror
from lab.shell import run

ARCHITECTURE = "amd64"
_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")


class Archive:
    """One release's packages, as apt on an empty machine would see them."""

    def __init__(self, scratch: Path, suite: str) -> None:
        """`scratch` is a folder that apt may write to."""
        state, cache = scratch / "state", scratch / "cache"
        self._folder = cache / "archives"
        for path in (state / "lists/partial", self._folder / "partial"):
            path.mkdir(parents=True)
        installed = scratch / "installed"
        installed.touch()
        # The suite alone, as the hosts' base has it: with updates of libraries in the mirror, apt
        # would upgrade the base on every host.
        signed = f" signed-by={_KEYRING}" if _KEYRING.exists() else ""
        sources = scratch / "sources.list"
        sources.write_text(f"deb [arch={ARCHITECTURE}{signed}] {debian_mirror()} {suite} main\n")
        options = {
            "Dir::State": state,
            "Dir::State::status": installed,
            "Dir::Cache": cache,
            "Dir::Etc::SourceList": sources,
            "Dir::Etc::SourceParts": "/dev/null",
            "Dir::Etc::PreferencesParts": "/dev/null",
            "Acquire::Languages": "none",
            "APT::Architecture": ARCHITECTURE,
            "APT::Sandbox::User": "root",
        }
        self._options = [f"-o={name}={value}" for name, value in options.items()]
        self._env = {**os.environ, "LC_ALL": "C"}
        self._apt("apt-get", "-qq", "update")

    def with_dependencies(self, packages: Iterable[str]) -> Path:
        """Download these and all that they depend on; return the folder of the files."""
        install = ("install", "--yes", "--no-install-recommends", "--download-only")
        self._apt("apt-get", "-qq", *install, *packages)
        shutil.rmtree(self._folder / "partial")
        (self._folder / "lock").unlink(missing_ok=True)
        return self._folder

    def behind(self, package: str, beginning: str) -> list[str]:
        """Name what this package and those behind it depend on, as far as it begins so.

        Of a kernel one package has the image, and from Debian 14 on another one its modules.
        """
        found, asked = [package], 0
        while asked < len(found):
            told = self._apt("apt-cache", "depends", found[asked]).splitlines()
            asked += 1
            names = (line.rpartition(" ")[2] for line in told if "Depends: " in line)
            found += [name for name in names if name.startswith(beginning) and name not in found]
        return found

    def download(self, package: str, folder: Path) -> Path:
        """Download one package alone into a folder; return its file."""
        self._apt("env", f"--chdir={folder}", "apt-get", "-qq", "download", words=[package])
        return next(folder.glob(f"{package}_*.deb"))

    def _apt(self, *command: str, words: Iterable[str] = ()) -> str:
        return run([*command, *self._options, *words], env=self._env).stdout
