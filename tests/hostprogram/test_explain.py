"""What a person is told of a member that does not come up."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .bash import run

IMAGE = "mirror.example.com/etcd:3.6.6-0"
KUBELET = (
    'E1130 10:00:00.1 812 pod_workers.go:1301] "Error syncing pod, skipping" err="failed to '
    '\\"StartContainer\\" for \\"etcd\\" with {}" pod="kube-system/etcd-etcd02" podUID="a1"'
)
RUNC = (
    'RunContainerError: \\"failed to create containerd task: failed to create shim task: OCI '
    'runtime create failed: runc create failed: unable to start container process: {}: unknown\\"'
)
MISSES = '{"level":"fatal","msg":"discovery failed","error":"open /x: no such file or directory"}'


def explained(
    folder: Path, *, kubelet: str = "", etcd: str = "", pid: str = ""
) -> subprocess.CompletedProcess[str]:
    """What is said where kubelet and container have said this last."""
    logs = folder / "pods/kube-system_etcd-etcd02_a1/etcd"
    logs.mkdir(parents=True)
    if etcd:
        (logs / "0.log").write_text(f"2026-11-30T10:00:00Z stderr F {etcd}\n")
    (folder / "kubelet").write_text(f"{kubelet}\n")
    (folder / "etcd.yaml").write_text(f"    image: {IMAGE}\n")
    stubs = (
        f"S[member]=etcd02; etcd_pid() {{ echo {pid}; }}; systemctl() {{ echo active; }}\n"
        f"journalctl() {{ cat {folder}/kubelet; }}\n"
    )
    places = {
        "/var/log/pods/": f"{folder}/pods/",
        "readonly MANIFEST=$MANIFESTS/etcd.yaml": f"readonly MANIFEST={folder}/etcd.yaml",
    }
    done = run(f"{stubs}explain_unhealthy", places=places)
    assert (done.returncode, done.stdout) == (0, "")
    return done


def test_last_words_of_kubelet_and_etcd_are_told(tmp_path: Path) -> None:
    """Indented; and nothing of the image where that is not to blame."""
    said = KUBELET.format("CrashLoopBackOff: back-off 10s")
    lines = explained(tmp_path, kubelet=said, etcd=MISSES).stderr.splitlines()
    assert lines[:2] == [
        "etcd02: kubelet active, etcd does not run",
        "etcd02: the kubelet last said:",
    ]
    assert lines[2].startswith('    "Error syncing pod, skipping"')
    assert lines[3].startswith(f"etcd02: etcd last said ({tmp_path}/pods/")
    assert lines[4:] == [f"    {MISSES}"]


def test_silence_is_not_told(tmp_path: Path) -> None:
    """No kubelet's journal, and no log."""
    assert len(explained(tmp_path).stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("kubelet", "etcd"),
    [
        ("", "exec /usr/local/bin/etcd: exec format error"),
        ("", "standard_init_linux.go:228: exec user process caused: exec format error"),
        ("", "exec container process `/usr/local/bin/etcd`: Exec format error"),
        ("", "exec container process (missing dynamic library?) `/e`: No such file or directory"),
        (RUNC.format('exec: "etcd": executable file not found in $PATH'), ""),
        (RUNC.format('exec: "/usr/local/bin/etcd": stat /e: no such file or directory'), ""),
    ],
    ids=["runc", "an old runc", "crun", "crun, missing", "kubelet", "kubelet, missing"],
)
def test_image_that_cannot_be_executed_is_to_be_deleted(
    tmp_path: Path, kubelet: str, etcd: str
) -> None:
    """By its name, with everything that holds its files, and with the way on."""
    said = KUBELET.format(kubelet) if kubelet else ""
    *_, last = explained(tmp_path, kubelet=said, etcd=etcd).stderr.splitlines()
    assert last.startswith("etcd02: its etcd cannot be executed. Its image is damaged on")
    assert f"systemctl stop kubelet; crictl rmp -fa; crictl rmi {IMAGE}. The next" in last


@pytest.mark.parametrize(
    ("kubelet", "etcd", "pid"),
    [
        ("", "exec /usr/local/bin/etcd: exec format error", "7"),
        ("", "etcd: open /var/lib/etcd/member/peer-ca.crt: no such file or directory", ""),
        (RUNC.format('error mounting "/a" to rootfs at "/a": no such file or directory'), "", ""),
    ],
    ids=["it runs by now", "etcd misses a file", "a mount"],
)
def test_image_is_not_blamed_for_other_faults(
    tmp_path: Path, kubelet: str, etcd: str, pid: str
) -> None:
    """Deleting it would cost a pull, and mend nothing."""
    said = KUBELET.format(kubelet) if kubelet else ""
    assert "crictl" not in explained(tmp_path, kubelet=said, etcd=etcd, pid=pid).stderr
