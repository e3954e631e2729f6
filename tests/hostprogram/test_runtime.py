"""The container runtime's configuration, and the images that it pulls."""

from __future__ import annotations

from pathlib import Path

import pytest

from .bash import run
from .rendered import rendered

REFUSED = 4
PAUSE = "mirror.example.com:5000/kubernetes/pause:3.10.1"
CRI = "io.containerd.grpc.v1.cri"


@pytest.mark.parametrize(("driver", "systemd"), [("systemd", True), ("cgroupfs", False)])
def test_containerd_is_told_pause_image_registries_and_cgroup_driver(
    driver: str, systemd: bool
) -> None:
    """The four things of Kubernetes' own instructions; version 2 is read by 1.x and by 2.x."""
    read = rendered("render_containerd", {"pause-image": PAUSE, "cgroup-driver": driver})
    assert read["version"] == 2
    cri = read["plugins"][CRI]
    assert cri["sandbox_image"] == PAUSE
    assert cri["registry"]["config_path"] == "/etc/containerd/certs.d"
    runc = cri["containerd"]["runtimes"]["runc"]
    assert runc["runtime_type"] == "io.containerd.runc.v2"
    assert runc["options"]["SystemdCgroup"] is systemd


@pytest.mark.parametrize(("driver", "group"), [("systemd", "system.slice"), ("cgroupfs", "pod")])
def test_crio_is_told_pause_image_and_cgroup_driver(driver: str, group: str) -> None:
    """With cgroupfs, conmon has to be in the pod's group."""
    read = rendered("render_crio", {"pause-image": PAUSE, "cgroup-driver": driver})
    assert read["crio"]["runtime"] == {"cgroup_manager": driver, "conmon_cgroup": group}
    assert read["crio"]["image"] == {"pause_image": PAUSE}


def test_crio_is_told_where_the_login_is_when_there_is_one() -> None:
    """For the pause image too, which it pulls by itself."""
    state = {"pause-image": PAUSE, "cgroup-driver": "systemd", "registry-login": "given"}
    image = rendered("render_crio", state)["crio"]["image"]
    assert image["global_auth_file"] == image["pause_image_auth_file"]
    assert image["global_auth_file"] == "/etc/crio/etcd-host-login.json"


# What crictl says when a pull fails: its own warnings, and the chain of causes.
PULLS = {
    "containerd": (
        'time="2026-01-01T10:00:00Z" level=warning msg="image connect using default endpoints"\n'
        'E0101 10:00:00.1 812 remote_image.go:180] "PullImage from image service failed" err="x"\n'
        'time="2026-01-01T10:00:00Z" level=fatal msg="pulling image: rpc error: code = Unknown '
        'desc = failed to pull and unpack image \\"mirror.example.com/etcd:3.6.6-0\\": failed to '
        'resolve reference: unexpected status from HEAD request: 401 Unauthorized"\n',
        "401 Unauthorized",
    ),
    "crio": (
        "E0101 10:00:00.1 812 log.go:32] PullImage from image service failed\n"
        "FATA[0000] pulling image: rpc error: code = Unknown desc = pinging container registry "
        "mirror.example.com: tls: failed to verify certificate: x509: certificate signed by "
        "unknown authority\n",
        "x509: certificate signed by unknown authority",
    ),
}


@pytest.mark.parametrize("runtime", list(PULLS))
def test_cause_is_told_when_an_image_cannot_be_pulled(tmp_path: Path, runtime: str) -> None:
    """What the registry answered, not the calls that wrapped it; and the keys to look at."""
    (tmp_path / "said").write_text(PULLS[runtime][0])
    script = (
        f"WORK={tmp_path}; S[runtime-socket]=/run/x.sock; S[etcd-image]=mirror.example.com/etcd:3; "
        f"cri() {{ [[ $* == *inspecti* ]] || cat {tmp_path}/said; return 1; }}; pull_images"
    )
    done = run(script)
    *_, last = done.stderr.splitlines()
    assert done.returncode == REFUSED
    assert last.startswith("etcd-host: mirror.example.com/etcd:3 could not be pulled: ")
    assert PULLS[runtime][1] in last
    assert "rpc error" not in last
    assert "Check imageRepository and registry (caFile, username, password)" in last


def test_a_runtime_without_cri_v1_is_told_apart_from_a_registry_that_refuses(
    tmp_path: Path,
) -> None:
    """What containerd 1.4 says to crictl; imageRepository has nothing to do with it."""
    said = (
        "FATA[0000] pulling image failed: rpc error: code = Unimplemented desc = unknown service "
        "runtime.v1.ImageService\n"
    )
    (tmp_path / "said").write_text(said)
    done = run(
        f"WORK={tmp_path}; S[runtime-unit]=containerd; S[etcd-image]=e:1; "
        f"cri() {{ [[ $* == *inspecti* ]] || cat {tmp_path}/said; return 1; }}; pull_images"
    )
    *_, last = done.stderr.splitlines()
    assert done.returncode == REFUSED
    assert "containerd does not serve CRI v1" in last
    assert "imageRepository" not in last


def test_images_are_pulled_once_when_the_runtime_has_them(tmp_path: Path) -> None:
    """What is there is not asked for again: a registry may be away."""
    script = (
        f"WORK={tmp_path}; S[runtime-socket]=/run/x.sock; S[pause-image]=p:1; S[etcd-image]=e:1; "
        f'cri() {{ echo "$*" >>{tmp_path}/asked; [[ $* != *inspecti*e:1 ]]; }}; '
        "pull_images; report_changes"
    )
    done = run(script)
    asked = (tmp_path / "asked").read_text().splitlines()
    assert [line.split()[-1] for line in asked if " pull " in line] == ["e:1"]
    assert done.stderr.splitlines()[-1] == "etcd-host: changed: e:1 pulled"


ROOTS = "RUNTIME_FOLDERS=(/var/lib/containerd /var/lib/containers)"


@pytest.mark.parametrize("fails", [False, True])
def test_image_counts_when_it_is_on_the_disk(tmp_path: Path, fails: bool) -> None:
    """After a power loss its runtime takes it for whole, and some of its files may be empty."""
    (tmp_path / "containerd").mkdir()
    roots = f"RUNTIME_FOLDERS=({tmp_path}/containerd {tmp_path}/containers)"
    failed = "; echo 'sync: error syncing: Input/output error' >&2; return 1" if fails else ""
    script = (
        f"WORK={tmp_path}; S[runtime-socket]=/run/x.sock; S[etcd-image]=e:1\n"
        f'cri() {{ case $* in *inspecti*) return 1 ;; *) echo "${{*: -2}}" ;; esac; }}\n'
        f'sync() {{ cat {tmp_path}/pull.log; echo "sync $*"{failed}; }}\n'
        "pull_images; report_changes"
    )
    done = run(script, places={ROOTS: roots})
    assert done.stdout == f"pull e:1\nsync -f {tmp_path}/containerd\n"
    *_, last = done.stderr.splitlines()
    if fails:
        assert done.returncode == REFUSED
        assert "e:1 was pulled, and could not be written to the disk of" in last
        assert "Input/output error" in last
        assert "crictl rmi e:1" in last
    else:
        assert (done.returncode, last) == (0, "etcd-host: changed: e:1 pulled")
