"""A stack's own programs on its hosts: how they are asked, and what is made of their answers."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from etcd_cluster import HostEntry, HostSettings, Plan, Program
from etcd_cluster.config.settings import load_as
from etcd_cluster.plan.decide import decide_for_hosts
from tests.support.samples import raw, ready

TEXT = 'case $1 in observe) echo "drift-files: hosts.txt missing" ;; *) exit 2 ;; esac\n'
PROGRAM = Program("/usr/local/sbin/balancer", TEXT)
AT = "2026-01-01T00:00:00+00:00"
LEFT = {"program": PROGRAM.digest, "serial": "5", "drift-files": ""}


class Settings(HostSettings):
    """Of a stack with one host."""

    balancer: HostEntry


def plan(facts: Mapping[str, str] | None) -> Plan:
    """What is to be done on a host that is as it was left, but for what its program saw."""
    entry = {"name": "lb01", "address": "10.107.88.14"}
    seen = replace(ready(owner="lb lb01", serial="3", program="digest"), at=AT)
    return decide_for_hosts(
        load_as(Settings, raw(members=None, balancer=entry)),
        {"lb01": replace(seen, programs={PROGRAM.name: facts}) if facts else seen},
        preview=True,
        program_digest="digest",
        programs=[PROGRAM],
    )


def test_nothing_is_to_be_done_when_the_program_has_no_reason() -> None:
    """The case that the others differ from."""
    assert plan(LEFT).drift == {}


def test_nothing_is_to_be_done_when_the_program_was_not_asked() -> None:
    """As where a host cannot be reached."""
    assert plan(None).drift == {}


@pytest.mark.parametrize(
    ("facts", "area", "why"),
    [
        ({"drift-files": "x edited"}, "files", "drift after 5: x edited"),
        ({"drift-files": "x edited", "serial": ""}, "files", f"new at {AT}: x edited"),
        # (To install it raises no serial.)
        ({"program": "absent"}, "balancer", f"new at {AT}: balancer missing"),
        ({"program": "0" * 64}, "balancer", f"new at {AT}: balancer differs"),
    ],
)
def test_its_reason_is_the_plans_when_it_has_one(
    facts: dict[str, str], area: str, why: str
) -> None:
    """With its own serial or the time, which tell two findings of the same kind apart."""
    assert plan(LEFT | facts).drift == {("lb01", area): why}


@pytest.mark.parametrize(
    ("installed", "mode"),
    [(None, ""), (TEXT, "755 0"), ("another text", "755 0"), (TEXT, "644 0"), (TEXT, "755 1000")],
)
def test_the_program_observes_when_it_is_brought(
    tmp_path: Path, installed: str | None, mode: str
) -> None:
    """Installed or not; its file's digest is told, as it is on the host, if it can be run there."""
    program = Program(str(tmp_path / "balancer"), TEXT)
    said = "absent"
    if installed:
        Path(program.path).write_text(installed)
        said = hashlib.sha256(installed.encode()).hexdigest() if mode == "755 0" else said
    stat = tmp_path / "stat"
    stat.write_text(f"#!/bin/sh\necho {mode}\n")
    stat.chmod(0o755)
    done = subprocess.run(
        ["bash", "-c", program.observe_line("root")],
        input=program.text,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )
    assert done.stdout == f"program: {said}\ndrift-files: hosts.txt missing\n"


def test_root_is_asked_for_when_another_user_logs_in() -> None:
    """As for every verb."""
    assert PROGRAM.observe_line("ops").startswith("sudo -n sh -c ")
