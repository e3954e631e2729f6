"""A host that is to run no member: it must not be a member's."""

from __future__ import annotations

from pathlib import Path

from etcd_cluster import flat_yaml

from .bash import run

REFUSED = 4
FOLDER = "/etc/systemd/system/kubelet.service.d"
STATE = {
    "cluster": "kubernetes",
    "member": "master01",
    "runtime-unit": "containerd",
    "runtime-socket": "/run/containerd/containerd.sock",
    "cgroup-driver": "systemd",
}


def test_a_members_host_is_refused_when_it_is_to_be_another_stacks(tmp_path: Path) -> None:
    """Its kubelet knows no API server; nothing is done to it."""
    (tmp_path / "20-etcd-service-manager.conf").touch()
    script = "prepare_system() { echo prepared; }; verb_prepare_host"
    done = run(script, flat_yaml(STATE), places={FOLDER: str(tmp_path)})
    assert done.returncode == REFUSED
    assert "runs an etcd member. Nothing was changed" in done.stderr
    assert done.stdout == ""


def test_another_host_is_prepared(tmp_path: Path) -> None:
    """Also where its kubelet has settings that are not ours."""
    (tmp_path / "10-kubeadm.conf").touch()
    script = "prepare_system() { echo prepared; }; verb_prepare_host"
    done = run(script, flat_yaml(STATE), places={FOLDER: str(tmp_path)})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("prepared\n")
