"""Puts the plugins that the program needs under a PULUMI_HOME.

The version in a plugin's folder is that of the Python SDK, because that is what the engine looks
for. In order of preference: the official plugin that this user has already, the official one from
Pulumi's downloads, else what the registries allow: tls and random built from Go modules, and for
command the stand-in of this tree, built the same way.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from lab import builds
from lab.progress import say, step

_INSTALLS_WITHIN = 300.0  # seconds; the largest is some 30 MB


def install(
    home: Path,
    versions: Mapping[str, str],
    *,
    pulumi: Path,
    downloads: bool,
    env: Mapping[str, str],
) -> bool:
    """Install tls, random and command; return whether the command plugin is the official one.

    `downloads` says whether it is worth asking Pulumi for them.
    """
    official = {name: _of_user(home, name, version) for name, version in versions.items()}
    for name, version in versions.items():
        if not official[name] and downloads:
            official[name] = downloads = _download(home, name, version, pulumi, env)
    if not (official["tls"] and official["random"]):
        built = builds.bridged_plugins(tls=versions["tls"], random=versions["random"])
        for name in ("tls", "random"):
            if not official[name]:
                _place(built, home, name, versions[name])
    if not official["command"]:
        built = builds.command_plugin(versions["command"])
        _place(built, home, "command", versions["command"])
    return official["command"]


def program(home: Path, name: str, version: str) -> Path:
    """Return where the engine looks for a plugin."""
    return home / "plugins" / f"resource-{name}-v{version}" / f"pulumi-resource-{name}"


def link_or_copy(source: Path, target: Path) -> None:
    """Put a file in place at once; no second copy of its content where a link will do.

    A hard link, not a symbolic one: the language host looks for its script beside its real path,
    and a cache that is emptied must not break what is set up.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    try:
        os.link(source, unfinished)
    except OSError:  # another file system
        shutil.copy2(source, unfinished)
    unfinished.replace(target)


def _place(built: Path, home: Path, name: str, version: str) -> None:
    target = _fresh(home, name, version)
    link_or_copy(built / f"pulumi-resource-{name}", target / f"pulumi-resource-{name}")


def _of_user(home: Path, name: str, version: str) -> bool:
    theirs = Path(os.environ.get("PULUMI_HOME") or "~/.pulumi").expanduser()
    source = program(theirs, name, version)
    if theirs.resolve() == home.resolve() or not source.is_file():
        return False
    target = _fresh(home, name, version)
    shutil.copytree(source.parent, target, dirs_exist_ok=True)
    return True


def _download(home: Path, name: str, version: str, pulumi: Path, env: Mapping[str, str]) -> bool:
    # Off while a program runs, so that nothing is downloaded unasked; here it is asked.
    allowed = {k: v for k, v in env.items() if not k.startswith("PULUMI_DISABLE_AUTOMATIC")}
    shutil.rmtree(program(home, name, version).parent, ignore_errors=True)
    command = [str(pulumi), "plugin", "install", "resource", name, f"v{version}"]
    try:
        with step(f"download the {name} plugin {version}"):
            subprocess.run(
                [*command, "--non-interactive"], env=allowed, check=True, capture_output=True,
                text=True, timeout=_INSTALLS_WITHIN,
            )  # fmt: skip
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = str(getattr(error, "stderr", "") or error).strip().splitlines()
        say(f"• Pulumi's plugins cannot be downloaded: {said[-1] if said else error}")
        return False
    return True


def _fresh(home: Path, name: str, version: str) -> Path:
    folder = program(home, name, version).parent
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
