"""Packages: which are wanted, which of them are missing, and what drifts."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from .bash import run
from .packages import state, work


@pytest.mark.parametrize(
    ("pattern", "installed", "missing"),
    [
        ("1.35.4-*", "1.35.4-1.1", False),
        ("1.35.4-*", "1.35.4-150500.1.1", False),
        ("1.35.4-*", "1.35.40-1.1", True),
        ("1.35.4-*", "1.35.3-1.1", True),
        ("1.35.4-*", "1.36.4-1.1", True),
        ("1.35.4-*", "", True),
        ("*", "1:28.0-1", False),
        ("*", "", True),
        ("1.7.2[!0-9]*", "1.7.2-0ubuntu1", False),
        ("1.7.2[!0-9]*", "1.7.2~ds1-1+deb12u1", False),
        ("1.7.2[!0-9]*", "1.7.29-1", True),
        ("1.7[!0-9]*", "1.7.29-1", False),
        ("1.7[!0-9]*", "1.70.0-1", True),
        ("1.7.24~ds1-6+deb13u1[!0-9]*", "1.7.24~ds1-6+deb13u1", False),
        ("1.7.24~ds1-6+deb13u1[!0-9]*", "1.7.24~ds1-6+deb13u12", True),
        ("1.7.24-1.el9[!0-9]*", "1.7.24-1.el9", False),
        ("1.7.2[!0-9]*", "1.7", True),
        ("1.35.*", "1.35.10-1.1", False),
        ("1.35.*", "1.3.5-1.1", True),
        ("1.7.2[!0-9]*", "1:1.7.2-1", False),
    ],
)
def test_package_is_missing_when_another_version_or_none_is_installed(
    tmp_path: Path, pattern: str, installed: str, missing: bool
) -> None:
    """1.35.40 is not 1.35.4; an epoch is the distribution's affair."""
    told = f"some_version() {{ echo {shlex.quote(installed)}; }}; "
    done = run(work(tmp_path, wanted=f"kubelet {pattern}\n") + told + "list_missing some")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == (f"kubelet {pattern}\n" if missing else "")


def test_only_what_is_missing_is_listed_when_some_is_there(tmp_path: Path) -> None:
    """In its order; and a package manager that fails for one has it not."""
    wanted = "kubelet 1.35.4-*\nkubeadm 1.35.4-*\ncri-tools *\ncontainerd *\n"
    there = "case $1 in kubelet | cri-tools) echo 1.35.4-1.1 ;; *) return 1 ;; esac"
    told = f"some_version() {{ {there}; }}; "
    done = run(work(tmp_path, wanted=wanted) + told + "list_missing some")
    assert done.stdout == "kubeadm 1.35.4-*\ncontainerd *\n"


@pytest.mark.parametrize(
    ("answer", "version"),
    [
        ("installed 1.35.4-1.1", "1.35.4-1.1"),
        ("config-files 1.35.4-1.1", ""),
        ("unpacked 1.35.4-1.1", ""),
        ("not-installed ", ""),
    ],
)
def test_apt_s_package_is_there_only_when_it_is_installed_whole(answer: str, version: str) -> None:
    """A removed package leaves its configuration, and dpkg still knows it."""
    done = run(f"dpkg-query() {{ echo '{answer}'; }}; apt_version kubelet")
    assert done.stdout.strip() == version


def test_dnf_s_package_is_not_there_when_rpm_says_so() -> None:
    """It says it on stdout."""
    said = "rpm() { echo 'package kubelet is not installed'; return 1; }; "
    assert run(said + 'echo "[$(dnf_version kubelet)]"').stdout == "[]\n"


def test_dnf_s_newest_is_taken_when_rpm_knows_several() -> None:
    """rpm lists them as they were installed."""
    said = "rpm() { printf '%s\\n' 1.34.1-1 1.35.4-1; }; "
    assert run(said + "dnf_version kubelet").stdout == "1.35.4-1\n"


KUBERNETES = ["kubelet 1.35.4-*", "kubeadm 1.35.4-*", "kubectl 1.35.4-*", "cri-tools *"]
CRIO = {"runtime-package": "cri-o", "repository.crio.url": "https://mirror.example.com/crio"}
ETCD = {"etcdctl-url": "", "repository.etcd.url": "https://mirror.example.com/etcd"}


@pytest.mark.parametrize(("family", "more"), [("apt", []), ("dnf", ["iproute-tc *"])])
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ["containerd *"]),
        ({"runtime-version": "1.7.2"}, ["containerd 1.7.2[!0-9]*"]),
        (CRIO | {"runtime-version": "1.35."}, ["cri-o 1.35.*"]),
        (CRIO | {"runtime-version": "1.35.1"}, ["cri-o 1.35.1[!0-9]*"]),
        (ETCD, ["containerd *", "etcd-client 3.6.6-*"]),
        ({"etcdctl-url": "", "etcdctl-version": ""}, ["containerd *"]),
    ],
    ids=["containerd", "a version", "cri-o", "a version of cri-o", "etcd-client", "no etcdctl"],
)
def test_wanted_packages_are_kubernetes_the_runtime_and_what_the_family_needs(
    family: str, more: list[str], changes: dict[str, str], expected: list[str]
) -> None:
    """As the patterns that installed versions are to match."""
    done = run(state(changes) + f"wanted_packages {family}")
    assert done.stdout.splitlines() == [*KUBERNETES, *expected, *more]


MADISON = """\
containerd | 1.7.29-1 | http://deb.example.org/debian bookworm/main amd64 Packages
containerd | 2:1.7.2~ds1-1 | http://deb.example.org/debian bookworm/main amd64 Packages
containerd | 1.7.2-0 | http://deb.example.org/debian bookworm/main amd64 Packages
"""


@pytest.mark.parametrize(
    ("pattern", "chosen"),
    [
        ("1.7.2[!0-9]*", "2:1.7.2~ds1-1"),
        ("1.7[!0-9]*", "1.7.29-1"),
        ("1.7.29[!0-9]*", "1.7.29-1"),
        ("1.7.29-1[!0-9]*", "1.7.29-1"),
        ("1.7.2~ds1-1[!0-9]*", "2:1.7.2~ds1-1"),
        ("1.7.3[!0-9]*", "1.7.3"),
        ("1.7.3-*", "1.7.3-*"),
    ],
)
def test_apt_is_given_the_newest_version_that_matches(pattern: str, chosen: str) -> None:
    """Of a beginning, apt would take 1.7.29 for 1.7.2; where none matches, it says so itself."""
    madison = f"apt-cache() {{ printf '%s' {shlex.quote(MADISON)}; }}; "
    assert run(f"{madison} apt_choice containerd '{pattern}'").stdout == f"{chosen}\n"


@pytest.mark.parametrize(
    ("version", "refused"),
    [
        ("1.4.13~ds1-1~deb11u4", True),
        ("1.5.9-0ubuntu1", True),
        ("2:1.5.2-1", True),
        ("1.6.20~ds1-1+b1", False),
        ("1.7.24~ds1-6+deb13u1", False),
        ("2.1.9-1", False),
        ("(none)", False),  # apt says it itself
        ("", False),
    ],
)
def test_a_containerd_without_cri_v1_is_refused(version: str, refused: bool) -> None:
    """A kubelet of today gets nowhere with it; said before anything is installed."""
    done = run(f"S[kubernetes-version]=v1.35.4; refuse_old_containerd '{version}'")
    assert done.returncode == (4 if refused else 0), done.stderr
    assert (f"containerd {version} is too old for Kubernetes v1.35.4" in done.stderr) is refused


def test_the_version_that_apt_would_take_is_its_candidate_or_the_one_that_is_named() -> None:
    """In apt's own words."""
    policy = "containerd:\\n  Installed: (none)\\n  Candidate: 1.4.13~ds1-1~deb11u4\\n"
    play = f"apt-cache() {{ printf '{policy}'; }}; "
    assert run(f"{play} apt_candidate containerd").stdout == "1.4.13~ds1-1~deb11u4\n"
    assert run(f"{play} apt_candidate containerd=1.7.2").stdout == "1.7.2\n"


# --- drift

HELD = "Package: {}\nStatus: hold ok installed\nVersion: 1.35.4-1.1\n\n"
NOT_HELD = HELD.replace("hold ok", "install ok")


def drift(folder: Path, now: str, dpkg: str = "", *, installed: bool = True) -> list[str]:
    """What packages_drift says where these versions and this dpkg status are found."""
    if installed:
        (folder / "packages.stamp").write_text("")
        (folder / "packages").write_text("kubelet v1.35.4 kubeadm v1.35.4 etcdctl v3.6.1\n")
    (folder / "status").write_text(dpkg)
    script = f"versions() {{ printf '%b' {shlex.quote(now)}; }}; file_drift() {{ :; }}; "
    places = {
        "STATE=/var/lib/etcd-host": f"STATE={folder}",
        "/var/lib/dpkg/status": f"{folder}/status",
    }
    done = run(script + "packages_drift", places=places)
    assert done.stderr == ""
    return done.stdout.splitlines()


CLEAN = "kubelet: v1.35.4\nkubeadm: v1.35.4\netcdctl: v3.6.1\n"


def test_packages_did_not_drift_when_they_are_as_they_were_left(tmp_path: Path) -> None:
    """Same versions, still held."""
    assert drift(tmp_path, CLEAN, HELD.format("kubelet") + HELD.format("kubeadm")) == []


def test_packages_are_said_not_to_be_installed_when_they_never_were(tmp_path: Path) -> None:
    """One reason, and not one for each package."""
    assert drift(tmp_path, CLEAN, installed=False) == ["packages not installed"]


@pytest.mark.parametrize(
    ("program", "version"),
    [
        ("kubelet", "v1.35.40"),
        ("kubelet", "v1.35.3"),
        ("kubeadm", "absent"),
        ("etcdctl", "v3.6.10"),
    ],
)
def test_program_is_named_with_what_it_is_when_somebody_changed_it(
    tmp_path: Path, program: str, version: str
) -> None:
    """v3.6.10 begins as v3.6.1 does, and is another."""
    now = "\n".join(
        f"{program}: {version}" if line.startswith(program) else line for line in CLEAN.splitlines()
    )
    held = HELD.format("kubelet") + HELD.format("kubeadm")
    assert drift(tmp_path, now + "\n", held) == [f"{program} is {version}"]


@pytest.mark.parametrize("free", ["kubelet", "kubeadm"])
def test_packages_are_said_not_to_be_held_when_one_is_not(tmp_path: Path, free: str) -> None:
    """The next upgrade by others would take it."""
    other = "kubeadm" if free == "kubelet" else "kubelet"
    dpkg = HELD.format(other) + NOT_HELD.format(free)
    assert drift(tmp_path, CLEAN, dpkg) == ["packages not held"]


def test_other_packages_need_not_be_held_when_ours_are(tmp_path: Path) -> None:
    """kubelet-exporter is not kubelet."""
    dpkg = "".join(
        (NOT_HELD.format("kubelet-exporter"), HELD.format("kubelet"), HELD.format("kubeadm"))
    )
    assert drift(tmp_path, CLEAN, dpkg) == []
