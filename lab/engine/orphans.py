"""Ends what a killed engine left: its language host, the program under it, its plugins."""

from __future__ import annotations

import os
import re
import signal
import socket
from pathlib import Path

from lab.progress import say

_KINDS = ("pulumi-language-", "pulumi-resource-")


def end_orphans(home: str) -> list[int]:
    """End the processes of this PULUMI_HOME whose engine was killed; return their ids.

    They ask for their engine every five minutes only. An engine that does not listen any more will
    never listen again: nothing can reach them. Those of an engine that was killed before it took
    the stack's lock are found too, which is why no lock is asked.
    """
    ended = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if not Path(words[0]).name.startswith(_KINDS):
                continue
            environment = (folder / "environ").read_bytes().split(b"\0")
            if f"PULUMI_HOME={home}".encode() not in environment:
                continue
            engine = next(word for word in words if re.fullmatch(r"127\.0\.0\.1:\d+", word))
            if not _listens(int(engine.rpartition(":")[2])):
                _kill(int(folder.name))
                ended.append(int(folder.name))
        except (OSError, StopIteration):  # it has ended, is another's, or is none
            continue
    if ended:
        say(f"• end what a killed command left: process {', '.join(map(str, ended))}")
    return ended


def _kill(process: int) -> None:
    """Kill a plugin, and with it what it has started: Pulumi gives each a group of its own."""
    if os.getpgid(process) == process:
        os.killpg(process, signal.SIGKILL)
    else:
        os.kill(process, signal.SIGKILL)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return False
    except OSError:
        return True  # in doubt it does
    return True
