"""The last command on a host can be repeated, also where the program has gone already."""

from __future__ import annotations

import shlex
import subprocess
from pathlib import Path

import pytest

from etcd_cluster import hostprogram

from .bash import run

MANIFEST, STATE = "/etc/kubernetes/manifests/etcd.yaml", "/var/lib/etcd-host"
FREE_STATE = {"readonly STATE=/var/lib/etcd-host RUN=": "STATE=; readonly RUN="}
WORDS = ("etcd", "etcd04", "cafe")


def uninstalled(folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs the line on a host whose places are in this folder."""
    line = hostprogram.uninstall_line("root", *WORDS)
    for place, name in ((hostprogram.PATH, "etcd-host"), (MANIFEST, "etcd.yaml"), (STATE, "state")):
        assert place in line
        line = line.replace(place, str(folder / name))
    return subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("status", [0, 4])
@pytest.mark.parametrize("there", [(), ("etcd.yaml", "state")])
def test_verb_decides_while_the_program_is_there(
    tmp_path: Path, status: int, there: tuple[str, ...]
) -> None:
    """With its arguments, and with its own end."""
    program = tmp_path / "etcd-host"
    program.write_text(f"#!/bin/sh\necho ran $*\nexit {status}\n")
    program.chmod(0o755)
    for name in there:
        (tmp_path / name).touch()
    done = uninstalled(tmp_path)
    assert (done.returncode, done.stdout) == (status, f"ran uninstall {' '.join(WORDS)}\n")


def test_uninstall_ends_well_when_it_was_done_before(tmp_path: Path) -> None:
    """A run was killed after the host had done it, and before the state had."""
    done = uninstalled(tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "etcd-host: unchanged\n")


@pytest.mark.parametrize("left", ["etcd.yaml", "state"])
@pytest.mark.parametrize("kind", ["there", "a link to nothing"])
def test_uninstall_is_refused_when_a_member_may_be_there(
    tmp_path: Path, left: str, kind: str
) -> None:
    """The program was removed by hand, say."""
    (tmp_path / left).touch() if kind == "there" else (tmp_path / left).symlink_to("nowhere")
    done = uninstalled(tmp_path)
    assert (done.returncode, done.stdout) == (4, "")
    assert "this program is missing on this host" in done.stderr
    assert f"{tmp_path / left} is still there. Nothing was changed" in done.stderr
    assert "run pulumi up, which installs the program again" in done.stderr


@pytest.mark.parametrize("kind", ["folder", "link", "not to be removed", "absent"])
def test_nothing_that_was_remembered_stays(tmp_path: Path, kind: str) -> None:
    """Also behind a link, and on a disk of its own, whose mount point nobody can remove."""
    folder = tmp_path / ("elsewhere" if kind == "link" else "state")
    if kind != "absent":
        (folder / "backup").mkdir(parents=True)
        (folder / "backup/settings").touch()
        (folder / "owner").touch()
    if kind == "link":
        (tmp_path / "state").symlink_to(folder)
    busy = "rmdir() { return 1; }; " if kind == "not to be removed" else ""
    done = run(f"STATE={tmp_path}/state; {busy}remove_state; echo done", places=FREE_STATE)
    assert (done.stdout, done.stderr) == ("done\n", "")
    assert [*tmp_path.rglob("settings"), *tmp_path.rglob("owner")] == []
    left = {"link": "elsewhere", "not to be removed": "state"}
    assert [each.name for each in tmp_path.iterdir()] == ([left[kind]] if kind in left else [])


def test_mount_point_that_is_empty_is_nothing_to_take_back(tmp_path: Path) -> None:
    """It stays, and so was left by a verb that ended well."""
    (tmp_path / "state").mkdir()
    assert uninstalled(tmp_path).returncode == 0
    (tmp_path / "state/owner").touch()
    assert uninstalled(tmp_path).returncode == 4


def test_all_of_it_goes_through_sudo_when_the_user_is_not_root() -> None:
    """What is not taken back may be hidden from anybody else."""
    words = shlex.split(hostprogram.uninstall_line("deploy", *WORDS))
    assert words[:4] == ["sudo", "-n", "sh", "-c"]
    assert words[5:] == [hostprogram.PATH, "uninstall", *WORDS]


def test_places_are_those_of_the_host_program() -> None:
    """They are written twice."""
    text = hostprogram.text()
    assert f"readonly STATE={STATE} " in text
    assert f"readonly MANIFESTS={MANIFEST.removesuffix('/etcd.yaml')}\n" in text
    assert "readonly MANIFEST=$MANIFESTS/etcd.yaml\n" in text
