"""A lab as a whole: up, down, and what a killed `up` left."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.errors import LabError
from lab.hosts import cgroups
from lab.lab import Lab
from tests.lab.support import NAMES, assert_nothing_is_left, lab_process, states, traces, wait_for
from tests.support.instances import instance


def has_namespace(name: str) -> bool:
    """Return whether a host has its network namespace."""
    return Path("/run/netns", instance().machine(name)).exists()


def test_another_checkouts_living_lab_is_left_alone(up: Lab, tmp_path: Path) -> None:
    """Two checkouts must not share hosts, nor end each other's, by accident."""
    owner = instance().folder / "owner"
    mine = owner.read_text()
    owner.write_text(f"{tmp_path}\nanother key\n")
    try:
        with pytest.raises(LabError, match=rf"runs for {tmp_path}.*down.*ETCD_LAB_INSTANCE"):
            up.up(NAMES)
        up.down()
        assert states(up) == {"etcd01": "running", "etcd02": "running"}
    finally:
        owner.write_text(mine)


def test_up_clears_another_checkouts_lab_when_it_is_dead(up: Lab, tmp_path: Path) -> None:
    """A dead lab is in nobody's way, whosever it was: its disks are not taken over either."""
    up.ssh("etcd01", "echo gone > /root/file")
    up.kill("etcd01")
    up.kill("etcd02")
    (instance().folder / "owner").write_text(f"{tmp_path}\nanother key\n")
    up.up(NAMES)
    assert up.ssh("etcd01", "cat /root/file", check=False).returncode != 0


def test_down_leaves_nothing(up: Lab) -> None:
    """No mount, link, namespace, cgroup, process or folder is left; a second `down` is fine."""
    assert len(traces(instance())) > len(NAMES)  # the look itself sees a lab that is up
    up.down()
    assert_nothing_is_left()
    up.down()


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(lambda: instance().folder.exists(), id="when the folder is there"),
        pytest.param(lambda: has_namespace("etcd02"), id="when networked"),
        pytest.param(lambda: bool(cgroups.processes(instance().name)), id="when a host starts"),
    ],
)
def test_down_and_up_clear_what_a_killed_up_left(lab: Lab, moment: Callable[[], bool]) -> None:
    """SIGKILL in the middle of `up`: `up` goes on from there, and `down` leaves nothing."""

    def killed_up() -> None:
        lab.down()
        process = lab_process("up", *NAMES)
        wait_for(moment)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    killed_up()
    lab.up(NAMES)
    assert states(lab) == {"etcd01": "running", "etcd02": "running"}
    killed_up()
    lab.down()
    assert_nothing_is_left()
