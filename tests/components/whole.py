"""The whole program, run as Pulumi runs it."""

from __future__ import annotations

import json
import runpy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from etcd_cluster.plan.probe import Observation
from tests.support import mocks
from tests.support.mocks import Graph
from tests.support.samples import hosts, members, raw

MAIN = Path(__file__).parents[2] / "__main__.py"
Up = Callable[..., Graph]


class Hosts:
    """The hosts' answers, and how often they were asked."""

    def __init__(self) -> None:
        self.answers: Mapping[str, Observation] = hosts()
        self.brought: list[bool] = []
        """Whether each look at them brought the host program along."""

    @property
    def asked(self) -> int:
        """How often they were asked."""
        return len(self.brought)

    def observe(self, *_: object, bring: bool) -> Mapping[str, Observation]:
        """In place of the probe."""
        self.brought.append(bring)
        return self.answers


def write_files(folder: Path) -> Path:
    """The files that the least configuration names."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    (folder / "id_ed25519").write_bytes(key.export_private_key())
    public = key.export_public_key().decode()
    (folder / "known_hosts").write_text(
        "".join(f"{member['address']} {public}" for member in members())
    )
    return folder


def execute(
    patch: pytest.MonkeyPatch,
    folder: Path,
    *,
    preview: bool = False,
    other: Mapping[str, str] | None = None,
    **changes: Any,
) -> Graph:
    """Runs __main__.py with a changed configuration, as the language host does."""
    own = {f"etcd-cluster:{key}": value for key, value in raw(**changes).items()}
    patch.setenv("PULUMI_CONFIG", json.dumps(own | dict(other or {})))
    return mocks.run(
        lambda: runpy.run_path(str(MAIN), run_name="__main__"), preview=preview, folder=str(folder)
    )
