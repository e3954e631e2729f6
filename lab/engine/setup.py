"""A working Pulumi engine, wherever this runs.

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
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import TREE, builds
from lab.cache import cache_root
from lab.engine import plugins, release
from lab.errors import LabError
from lab.locks import locked

STATE = TREE / ".state"
HOME = STATE / "pulumi-home"
_LANGUAGE_HOST = "pulumi-language-python"
_STAMP = HOME / "engine.json"


@dataclass(frozen=True, kw_only=True)
class Engine:
    """A Pulumi CLI with its language host and plugins."""

    pulumi: Path
    env: Mapping[str, str]
    """The whole environment to run it with; backend and passphrase are the caller's."""
    source: str
    """Which engine and which command plugin these are, for people to read."""


def prepare() -> Engine:
    """Return the engine; the first time, or after a change of what it is made of, set it up."""
    wanted = _wanted()
    made = _made(wanted)
    if made is None:
        HOME.mkdir(parents=True, exist_ok=True, mode=0o700)
        with locked(HOME / ".set-up.lock", "another process sets the Pulumi engine up"):
            made = _made(wanted)  # by another process, while this one waited
            if made is None:
                made = _set_up(wanted)
                _STAMP.write_text(json.dumps({"wanted": asdict(wanted), "made": asdict(made)}))
    pulumi = Path(made.pulumi)
    return Engine(pulumi=pulumi, env=_env(pulumi, built=made.built), source=made.source)


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
    command = "official" if official else f"stand-in for {versions['command']}, lab/go/stand-in"
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
    }
    if built:  # there is nobody to ask for more
        env["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return env


def _on_path() -> str | None:
    # Without this engine's own folders, which are there when one of its commands runs this.
    own = (HOME / "bin", cache_root())
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
