"""Pulumi's own release of the engine, where the machine can reach it."""

from __future__ import annotations

import platform
import tarfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO
from urllib.error import URLError
from urllib.request import Request, urlopen

from lab.cache import cache_root, kept
from lab.progress import say

_RELEASE = "https://get.pulumi.com/releases/sdk/pulumi-v{version}-{system}-{machine}.tar.gz"
_ANSWERS_WITHIN = 4.0  # seconds: whoever cannot reach it must not wait long to learn so
_STALLS_AFTER = 30.0


def installed(version: str) -> Path | None:
    """Return the folder of the release's programs; download it if need be and if that answers."""
    kind = "pulumi-sdk"
    if not (cache_root() / f"{kind}-{version}").is_dir() and not answers(version):
        say("• Pulumi's downloads do not answer; its engine is built from Go modules instead")
        return None

    def unpack(folder: Path) -> None:
        answer = _open(version, "GET")
        if answer is None:
            raise OSError("no answer")
        with answer, tarfile.open(fileobj=answer, mode="r|gz") as archive:
            archive.extractall(folder, filter="data")  # filter: nothing outside the folder

    try:
        sdk = kept(cache_root(), kind, version, f"download Pulumi {version}", unpack)
    except (OSError, tarfile.TarError) as error:  # cut off: as good as no answer
        say(f"• Pulumi's release could not be downloaded ({error})")
        return None
    return sdk / "pulumi"  # the archive's only folder


def answers(version: str) -> bool:
    """Say whether Pulumi's downloads can be reached from here; takes a few seconds at most."""
    answer = _open(version, "HEAD")
    if answer is None:
        return False
    answer.close()
    return True


def _open(version: str, method: str) -> IO[bytes] | None:
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    url = _RELEASE.format(version=version, system=platform.system().lower(), machine=machine)
    answer: list[IO[bytes]] = []

    def ask() -> None:
        with suppress(URLError, OSError, ValueError):  # each of them: no answer
            answer.append(urlopen(Request(url, method=method), timeout=_STALLS_AFTER))  # noqa: S310

    # A thread, because no timeout of urlopen covers looking the name up.
    asking = threading.Thread(target=ask, name="ask-for-release", daemon=True)
    asking.start()
    asking.join(_ANSWERS_WITHIN)
    return answer[0] if answer else None
