"""The mirror as processes of this machine: what the lab's bare hosts install from.

It listens on the machine's own address on the lab's bridge alone. It lives in a cgroup of the lab,
so whatever ends the lab finds it, also after a crash.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import ssl
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from lab.errors import LabError
from lab.hosts import cgroups
from lab.instance import Instance
from lab.mirror import certificates
from lab.mirror.content import SETS, Content, MirrorSet, content, docker_registry
from lab.progress import step

USER, PASSWORD = "lab", "lab-registry-password"  # public, as all of the lab's
_HTPASSWD = f"{USER}:$2b$05$abcdefghijklmnopqrstuuo5yayEY2CCt28nTw7YUq5M2Z79309ci\n"
"""The password by bcrypt, the one scheme that docker-registry takes."""
_WEBSERVER = Path(__file__).parent / "webserver.py"
_START_SECONDS = 15.0
_NO_ANSWER = (OSError, http.client.HTTPException)


class Part(StrEnum):
    """The mirror's servers."""

    WEB = "web"
    """Package repositories and release archives, by http."""
    REGISTRY = "registry"
    """Container images, by TLS, for everybody."""
    PRIVATE = "private-registry"
    """The same images for `USER` with `PASSWORD`."""

    @property
    def port(self) -> int:
        """Where it listens."""
        return {Part.WEB: 8080, Part.REGISTRY: 5000, Part.PRIVATE: 5001}[self]


@dataclass(frozen=True, kw_only=True)
class MirrorStatus:
    """One line of `python -m lab status`."""

    which: str
    address: str
    running: Mapping[Part, bool]


class Mirror:
    """One lab's mirror; making the object touches nothing."""

    def __init__(self, lab: Instance) -> None:
        self.url = f"http://{lab.gateway}:{Part.WEB.port}"
        self.registry = f"{lab.gateway}:{Part.REGISTRY.port}"
        self.private_registry = f"{lab.gateway}:{Part.PRIVATE.port}"
        self.authority = lab.keys / "registry-ca.crt"
        """The CA of the registries' certificate."""
        self.signing_key = lab.keys / "signing-key.asc"
        """The public key of all package repositories."""
        self._lab = lab
        self._folder = lab.folder / "mirror"
        self._record = self._folder / "content.json"

    @property
    def which(self) -> MirrorSet | None:
        """Which content it has, also while it is stopped; None where there is no mirror."""
        told = self._recorded().get("which")
        return next((known for known in SETS if known == told), None)

    def serve(
        self, which: MirrorSet, *, control_plane: bool = False, releases: Iterable[str] = ()
    ) -> None:
        """Run all of it with this content; what runs with that already is left alone.

        Images of the control plane and releases that it has once been asked for stay.
        """
        told = self._recorded() if which == self.which else {}
        control_plane = control_plane or told.get("control_plane") == str(True)
        wanted = sorted({*releases, *told.get("releases", "").split()})
        served = content(which, control_plane=control_plane, releases=wanted)
        record = {
            "which": which,
            "control_plane": str(control_plane),
            "releases": " ".join(wanted),
            **{name: str(path) for name, path in vars(served).items()},
        }
        if self._recorded() != record:
            self.stop()
            self._prepare(served)
            self._record.write_text(json.dumps(record))
        self.start()

    def start(self, *parts: Part) -> None:
        """Start these parts, or all, and wait until they answer; those that run are left alone."""
        if self.which is None:
            raise LabError(
                f"The lab {self._lab.name} has no mirror; `python -m lab up --image debian` makes "
                f"one."
            )
        missing = [part for part in parts or Part if not self._running(part)]
        if not missing:
            return
        with step(f"starting the mirror on {self._lab.gateway}: {', '.join(missing)}"):
            for part in missing:
                self._start(part)
            for part in missing:
                self._wait_for(part)

    def stop(self, *parts: Part) -> None:
        """End these parts, or all, at once; `start` brings them back."""
        for part in parts or Part:
            cgroups.kill(self._group(part))

    def remove(self) -> None:
        """Take all of it off this machine; the keys stay in the checkout."""
        group = f"{self._lab.name}/mirror"
        cgroups.kill(group)
        cgroups.remove(group)
        shutil.rmtree(self._folder, ignore_errors=True)

    def status(self) -> MirrorStatus | None:
        """Return what there is of it, None where there is no mirror."""
        if self.which is None:
            return None
        running = {part: self._running(part) for part in Part}
        return MirrorStatus(which=self.which, address=str(self._lab.gateway), running=running)

    def log(self, part: Part, lines: int = 100) -> str:
        """Return the tail of what a part said, every request among it."""
        with contextlib.suppress(FileNotFoundError):
            return "\n".join(self._log(part).read_text(errors="replace").splitlines()[-lines:])
        return ""

    def logs(self, lines: int = 100) -> str:
        """Return the tails of what all parts said."""
        return "\n".join(f"== {part}\n{self.log(part, lines)}" for part in Part)

    def _recorded(self) -> dict[str, str]:
        with contextlib.suppress(FileNotFoundError):
            told: dict[str, str] = json.loads(self._record.read_text())
            return told
        return {}

    def _prepare(self, served: Content) -> None:
        """Write what the servers are started with, and what configurations of this lab name."""
        self._folder.mkdir(parents=True, exist_ok=True)
        keys = self._lab.keys
        certificate, key = keys / "registry.crt", keys / "registry.key"
        certificates.create(self.authority, certificate, key, self._lab.gateway)
        shutil.copyfile(served.signing_key, self.signing_key)
        htpasswd = self._folder / "htpasswd"
        htpasswd.write_text(_HTPASSWD)
        for part in (Part.REGISTRY, Part.PRIVATE):
            auth = {"htpasswd": {"realm": "etcd-lab", "path": str(htpasswd)}}
            config = {
                "version": 0.1,
                "log": {"level": "warn"},
                "storage": {
                    "filesystem": {"rootdirectory": str(served.registry)},
                    # Shared between labs and checkouts: nobody may push, nothing is cleaned up.
                    "maintenance": {
                        "readonly": {"enabled": True},
                        "uploadpurging": {"enabled": False},
                    },
                },
                "http": {
                    "addr": f"{self._lab.gateway}:{part.port}",
                    "tls": {"certificate": str(certificate), "key": str(key)},
                },
                **({"auth": auth} if part is Part.PRIVATE else {}),
            }
            self._config(part).write_text(json.dumps(config, indent=2))

    def _start(self, part: Part) -> None:
        cgroups.start(self._group(part), self._command(part), self._log(part))

    def _command(self, part: Part) -> list[str | Path]:
        if part is not Part.WEB:
            return [docker_registry(), "serve", self._config(part)]
        www = self._recorded()["www"]
        return [sys.executable, "-I", _WEBSERVER, str(self._lab.gateway), str(part.port), www]

    def _wait_for(self, part: Part) -> None:
        deadline = time.monotonic() + _START_SECONDS
        seen = False
        while not self._answers(part):
            running = self._running(part)
            if time.monotonic() > deadline or (seen and not running):
                raise LabError(
                    f"The mirror's {part} does not answer at {self._lab.gateway}:{part.port}. "
                    f"Its log ends:\n{self.log(part, 10)}"
                )
            seen = running
            time.sleep(0.02)

    def _answers(self, part: Part) -> bool:
        host = str(self._lab.gateway)
        connection = http.client.HTTPConnection(host, part.port, timeout=2)
        if part is not Part.WEB:
            context = ssl.create_default_context(cafile=str(self.authority))
            connection = http.client.HTTPSConnection(host, part.port, timeout=2, context=context)
        with contextlib.closing(connection), contextlib.suppress(*_NO_ANSWER):
            connection.request("GET", "/v2/")
            wanted = {Part.WEB: 404, Part.REGISTRY: 200, Part.PRIVATE: 401}
            return connection.getresponse().status == wanted[part]
        return False

    def _running(self, part: Part) -> bool:
        return bool(cgroups.processes(self._group(part)))

    def _group(self, part: Part) -> str:
        return f"{self._lab.name}/mirror/{part}"

    def _config(self, part: Part) -> Path:
        return self._folder / f"{part}.json"

    def _log(self, part: Part) -> Path:
        return self._folder / f"{part}.log"
