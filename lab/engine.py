"""A working Pulumi engine, wherever this runs, and `pulumi` on it.

The `pulumi` on PATH if there is one; else Pulumi's own release, where that answers; else a build
from Go modules. All keep their plugins and settings under `.state/pulumi-home` in the tree, apart
from what the user has in ~/.pulumi.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import backend, builds, plugins, release
from lab.errors import LabError
from lab.gobuild import locked
from lab.progress import say

TREE = Path(__file__).resolve().parent.parent
STATE = TREE / ".state"
HOME = STATE / "pulumi-home"
PASSPHRASE = TREE / "lab" / "dev.passphrase"
DEFAULT_STACK = "dev"
# How a person runs pulumi with this engine.
MAKE_PULUMI = ".venv/bin/python -m lab pulumi"
_LANGUAGE_HOST = "pulumi-language-python"
_STAMP = HOME / "engine.json"

# Commands that work on a stack, and of these the ones that write its state.
_ON_STACK = frozenset({"cancel", "config", "destroy", "import", "preview", "refresh", "up"})
_WRITES = frozenset({"destroy", "import", "refresh", "up"})
_WITH_VALUE = frozenset(
    {"--color", "--cwd", "-C", "--profiling", "--tracing", "--verbose", "-v", "--stack", "-s"}
)


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A Pulumi CLI with its language host and plugins."""

    pulumi: Path
    env: Mapping[str, str]
    """The whole environment to run it with; backend and passphrase are the caller's."""
    source: str
    """Which engine and which command plugin these are, for people to read."""


@dataclass(frozen=True, kw_only=True)
class Invocation:
    """All that is needed to run a pulumi command."""

    command: list[str]
    cwd: Path
    env: Mapping[str, str]

    def start(self, *, own_session: bool = False) -> subprocess.Popen[str]:
        """Start it without input; stderr is part of stdout, as a person sees it.

        `own_session`: no signal of this process's terminal reaches it.
        """
        return subprocess.Popen(
            self.command,
            cwd=self.cwd,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=own_session,
        )


def prepare() -> Engine:
    """Return the engine; the first time, or after a change of what it is made of, set it up."""
    wanted = _wanted()
    made = _made(wanted)
    if made is None:
        HOME.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(HOME / ".set-up.lock", "the Pulumi engine"):
            made = _made(wanted)  # by another process, while this one waited
            if made is None:
                made = _set_up(wanted)
                _STAMP.write_text(json.dumps({"wanted": asdict(wanted), "made": asdict(made)}))
    pulumi = Path(made.pulumi)
    return Engine(pulumi=pulumi, env=_env(pulumi, built=made.built), source=made.source)


def invocation(
    args: Sequence[str], *, project: Path = TREE, env: Mapping[str, str] | None = None
) -> Invocation:
    """Return how to run pulumi on a project, after making the stack ready for the command.

    `env` goes over the engine's environment: tests name a backend and a passphrase of their own.
    Without them the backend is `.state/backend` and the passphrase that of the dev stack.
    `-C FOLDER` among the arguments names a project below, as it does to pulumi itself.
    """
    engine = prepare()
    environment = {**engine.env, **(env or {})}
    if not environment.get("PULUMI_BACKEND_URL"):
        folder = STATE / "backend"
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        environment["PULUMI_BACKEND_URL"] = backend.url(folder)
    if not environment.keys() & {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}:
        environment["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(PASSPHRASE)
    command, stack = _parse(args)
    # Pulumi falls back on this one where no --stack is given: no stack need ever be selected.
    environment.setdefault("PULUMI_STACK", DEFAULT_STACK)
    if command in _ON_STACK:
        if command in _WRITES:
            say(f"• {engine.source}")
        name = (stack or environment["PULUMI_STACK"]).rpartition("/")[2]
        folder = project / _value(args, "-C", "--cwd")
        target = backend.Stack(name=name, project=folder, pulumi=engine.pulumi, env=environment)
        target.make_ready(will_write=command in _WRITES)
    return Invocation(command=[str(engine.pulumi), *args], cwd=project, env=environment)


def run(args: Sequence[str], *, project: Path = TREE, env: Mapping[str, str] | None = None) -> int:
    """Run pulumi in place of this process, which ends with pulumi's exit status.

    In place, so that a signal to this process reaches pulumi, and killing it kills pulumi: a
    pulumi that outlives the command would hold the stack's lock with nobody waiting for it.
    """
    call = invocation(args, project=project, env=env)
    sys.stdout.flush()
    os.chdir(call.cwd)
    os.execve(call.command[0], call.command, call.env)  # noqa: S606


def _parse(args: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the command, such as `up`, and the stack that the arguments name."""
    command = stack = None
    rest = iter(args)
    for arg in rest:
        if arg == "--":
            break
        name, equals, value = arg.partition("=")
        if name in _WITH_VALUE and not equals:
            value = next(rest, "")
        elif re.match("-s[^=]", arg):  # -sdev
            name, value = "-s", arg[2:]
        if name in {"--stack", "-s"}:
            stack = value
        elif command is None and not arg.startswith("-"):
            command = arg
    return command, stack


def _value(args: Sequence[str], *names: str) -> str:
    """Return what an option of these names is given, or an empty string."""
    pairs = zip(args, [*args[1:], ""], strict=True)
    return next((value for name, value in pairs if name in names), "")


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """All that decides what the engine is made of; a change of it means a new set-up."""

    versions: Mapping[str, str]
    wrappers: Mapping[str, str]
    on_path: str | None
    tree: str


@dataclass(frozen=True, kw_only=True)
class _Made:
    pulumi: str
    built: bool
    source: str
    files: list[str]
    """What must be there for the engine to be complete."""


def _wanted() -> _Wanted:
    versions = _pinned((TREE / "requirements.txt").read_text())
    return _Wanted(
        versions=versions,
        wrappers=builds.engine_digests(versions),
        on_path=_on_path(),
        tree=str(TREE),
    )


def _made(wanted: _Wanted) -> _Made | None:
    """Return what the last set-up made, if that is what is wanted now and it is complete."""
    try:
        stamp = json.loads(_STAMP.read_text())
    except (OSError, ValueError):
        return None
    if stamp["wanted"] != asdict(wanted):
        return None
    made = _Made(**stamp["made"])
    return made if all(Path(path).exists() for path in made.files) else None


def _set_up(wanted: _Wanted) -> _Made:
    versions = dict(wanted.versions)
    version = versions.pop("pulumi")
    own = HOME / "bin"
    built = False
    if wanted.on_path:
        pulumi, what = Path(wanted.on_path), "the one on PATH"
        downloads = release.answers(version)
    elif folder := release.installed(version):
        pulumi, what, downloads = folder / "pulumi", "Pulumi's release", True
    else:
        pulumi, what, downloads = own / "pulumi", "built from Go modules", False
        plugins.link_or_copy(builds.pulumi(version) / "pulumi", pulumi)
        built = True
    files = [pulumi]
    if built or not (pulumi.resolve().parent / _LANGUAGE_HOST).exists():
        host, script = own / _LANGUAGE_HOST, own / f"{_LANGUAGE_HOST}-exec"
        plugins.link_or_copy(builds.language_host() / host.name, host)
        plugins.link_or_copy(builds.pulumi(version) / script.name, script)
        files += [host, script]
    official = plugins.install(
        HOME, versions, pulumi=pulumi, downloads=downloads, env=_env(pulumi, built=built)
    )
    files += [plugins.program(HOME, name, pin) for name, pin in versions.items()]
    command = "official" if official else f"stand-in, lab/go/command-plugin-{versions['command']}"
    reported = subprocess.run(
        [pulumi, "version"],
        env=_env(pulumi, built=built),
        check=True,
        capture_output=True,
        text=True,
    )
    source = f"Pulumi {reported.stdout.strip()} ({what}), command plugin: {command}"
    return _Made(pulumi=str(pulumi), built=built, source=source, files=[str(f) for f in files])


def _env(pulumi: Path, *, built: bool) -> dict[str, str]:
    # The venv first: the built language host knows no other way to find the program's Python.
    path = [str(Path(sys.prefix) / "bin"), str(HOME / "bin"), str(pulumi.parent)]
    env = {
        **os.environ,
        "PATH": os.pathsep.join([*dict.fromkeys(path), os.environ.get("PATH", os.defpath)]),
        "PULUMI_HOME": str(HOME),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # The example imports etcd_cluster, which nobody has installed here.
        "PYTHONPATH": os.pathsep.join(filter(None, (str(TREE), os.environ.get("PYTHONPATH")))),
        # The engine writes its whole state at every step: less collecting in between.
        "GOGC": os.environ.get("GOGC", "400"),
    }
    if built:  # there is nobody to ask for more
        env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return env


def _on_path() -> str | None:
    # Without this engine's own folders, which are there when one of its commands runs this.
    own = (HOME / "bin", builds.cache_root())
    folders = (Path(folder) for folder in os.environ.get("PATH", os.defpath).split(os.pathsep))
    others = (str(f) for f in folders if not any(f.is_relative_to(mine) for mine in own))
    return shutil.which("pulumi", path=os.pathsep.join(others))


def _pinned(requirements: str) -> dict[str, str]:
    """Return the versions to match, of `pulumi` and of the plugins, by the plugins' names."""
    pins = dict(re.findall(r"(?m)^(pulumi(?:-[a-z]+)?)==(\S+)$", requirements))
    missing = {"pulumi", "pulumi-tls", "pulumi-random", "pulumi-command"} - pins.keys()
    if missing:
        raise LabError(
            f"requirements.txt: no version of {', '.join(sorted(missing))}; "
            "pin it with ==, the engine is chosen to match."
        )
    names = {"pulumi": "pulumi", "tls": "pulumi-tls", "random": "pulumi-random"}
    names["command"] = "pulumi-command"
    return {name: pins[package] for name, package in names.items()}
