"""A disk that became read-only: no etcd is stopped that could not be started again."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, on_host
from .bash import run
from .test_came_meanwhile import boots
from .test_guard import STOP

REFUSED = 4
STUCK = "/etc/kubernetes/manifests (on the mount /)"


def read_only() -> str:
    """The check itself, on such a host: what `asking` has in its place is taken away again."""
    own = run("declare -f need_writable").stdout
    return f"{own}read_only() {{ echo '{STUCK}'; }}\n"


def test_member_is_not_stopped_when_its_host_cannot_be_written_to(tmp_path: Path) -> None:
    """A healthy one would be down, and each further run would fail."""
    done = on_host(tmp_path, STOP, read_only(), formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert done.stderr.startswith(f"etcd-host: a: cannot be written to: {STUCK}. Its etcd could")
    assert "Nothing was changed" in done.stderr
    assert "mount it for writing, then run it again" in done.stderr


def test_member_that_came_meanwhile_is_not_stopped_either(tmp_path: Path) -> None:
    """Its kubelet goes on."""
    done = boots(tmp_path, read_only())
    assert (done.returncode, done.stdout) == (REFUSED, "stop kubelet\nstart kubelet\n")


def test_member_that_does_not_run_may_be_started(tmp_path: Path) -> None:
    """What it has may be enough for that."""
    down = "etcd_pid() { :; }; serves_peers() { false; }; systemctl() { :; }\n"
    down += "dropin_digest() { :; }; before_new_version() { :; }\n"
    assert "WROTE" in on_host(tmp_path, STOP, read_only() + down, formed=CLUSTER).stdout


def test_nobody_is_added_whose_host_cannot_be_written_to(tmp_path: Path) -> None:
    """A learner that never comes keeps the next one out."""
    stubs = "http_get() { false; }; other() { echo ASKED; }; has_data() { false; }\n"
    done = on_host(tmp_path, "join", stubs + read_only(), formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert not (tmp_path / "state/joining").exists()


def test_folder_on_a_read_only_mount_is_named_with_it(tmp_path: Path) -> None:
    """Also to root; and nothing where all is well."""
    etc, lib = tmp_path / "etc", tmp_path / "lib"
    for folder in (etc / "etcd-host", etc / "manifests", lib / "etcd", lib / "kubelet"):
        folder.mkdir(parents=True)
    places = {"/etc/kubernetes": str(etc), "/var/lib": str(lib), "/var/log": str(tmp_path)}
    assert run("read_only", places=places).stdout == "\n"
    text = run("declare -p STATE OWN MANIFESTS DATA; declare -f read_only", places=places).stdout
    mount = f"mount --bind {etc} {etc} && mount -o remount,bind,ro {etc} || exit 77\n"
    for how in (["--mount"], ["--map-root-user", "--mount"]):
        line = ["unshare", *how, "bash", "-c", f"{mount}{text}read_only"]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            break
    else:
        pytest.skip("nobody may mount here")
    # (The mount is named as stat sees it: one folder of the same disk over another is none to it.)
    on = r" \(on the mount /.*?\)"
    assert re.fullmatch(rf"{etc}/etcd-host{on}, {etc}/manifests{on}\n", done.stdout)
