"""By whom the kubelet of a host is used, before it becomes a member's."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from .facts import fact


def kubelet_user(
    root: Path, process: int | str = "self", further: Mapping[str, str] | None = None
) -> str:
    """Who uses a kubelet of a host with this /etc/kubernetes, and this process alone."""
    places = {
        "KUBERNETES=/etc/kubernetes": f"KUBERNETES={root}",
        "/proc/[0-9]*/comm": f"/proc/{process}/comm",
        **(further or {}),
    }
    return fact("used_kubelet", "kubelet-user", places)


def test_no_user_of_a_kubelet_is_told_when_there_is_none(tmp_path: Path) -> None:
    """As on a fresh host."""
    assert kubelet_user(tmp_path) == ""


@pytest.mark.parametrize("name", ["kubelet.conf", "bootstrap-kubelet.conf"])
def test_node_of_kubernetes_is_told_when_kubeadm_has_joined_it(tmp_path: Path, name: str) -> None:
    """By the file that its kubelet reaches the API server with."""
    (tmp_path / name).touch()
    assert kubelet_user(tmp_path) == f"{tmp_path}/{name}"


@pytest.mark.parametrize(
    ("config", "told"), [("missing.yaml", False), ("config.yaml", True), ("", True)]
)
def test_kubelet_that_nobody_has_configured_is_nobody_s(
    tmp_path: Path, config: str, told: bool
) -> None:
    """The package's starts every ten seconds, and ends at once."""
    (tmp_path / "config.yaml").touch()
    program = tmp_path / "kubelet"
    program.symlink_to(Path(sys.executable).resolve())
    words = [f"--config={tmp_path}/{config}"] if config else []
    code = "import time; print(1, flush=True); time.sleep(60)"
    command = [str(program), "-I", "-c", code, *words]
    with subprocess.Popen(command, env={}, stdout=subprocess.PIPE) as running:
        try:
            assert running.stdout
            running.stdout.readline()
            assert bool(kubelet_user(tmp_path, running.pid)) is told
            if not told:  # one that has run for long is used, wherever its configuration is
                stays = kubelet_user(
                    tmp_path, running.pid, {"KUBELET_TICKS=1000": "KUBELET_TICKS=0"}
                )
                assert stays == f"kubelet (process {running.pid})"
        finally:
            running.kill()


@pytest.mark.parametrize(("ours", "name"), [(False, "kubelet"), (True, "kubelet"), (False, "k")])
def test_running_kubelet_is_told_when_it_is_not_ours(tmp_path: Path, ours: bool, name: str) -> None:
    """Ours says so in its environment."""
    program = tmp_path / name
    program.symlink_to("/bin/sleep")
    env = {"ETCD_HOST_KUBELET": "cafe"} if ours else {}
    with subprocess.Popen([program, "60"], env=env) as running:
        try:
            told = f"kubelet (process {running.pid})"
            assert kubelet_user(tmp_path, running.pid) == (
                told if (ours, name) == (False, "kubelet") else ""
            )
        finally:
            running.kill()
