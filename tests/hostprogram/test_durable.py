"""What is written is on the disk before it counts, and stays where it can be renamed."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from .bash import run
from .test_ownership import needs_root

FAILS = {
    "the disk is full": "sync() { echo 'sync: No space left on device' >&2; return 1; }",
    "it cannot be renamed": "mv() { return 1; }",
}


@pytest.mark.parametrize("fails", FAILS.values(), ids=FAILS)
@pytest.mark.parametrize("asked", ["{} || echo FAILED", "if ! {}; then echo FAILED; fi"])
def test_nothing_takes_the_place_of_what_was_there_unless_it_is_on_the_disk(
    tmp_path: Path, fails: str, asked: str
) -> None:
    """Also where the caller asks whether it went well: then bash goes on after what fails."""
    state, file = tmp_path / "state", tmp_path / "file"
    state.mkdir()
    (state / "formed").write_text("cafe\n")
    file.write_text("before")
    (tmp_path / "new").write_text("after")
    file.chmod(0o600)
    places = {"STATE=/var/lib/etcd-host": f"STATE={state}"}
    for line in ("remember formed beef", f"put_file {file} 600 {tmp_path}/new"):
        done = run(f"{fails}\n{asked.format(line)}", places=places)
        assert done.stdout == "FAILED\n", done.stderr
    assert (state / "formed").read_text() == "cafe\n"
    assert file.read_text() == "before"


@needs_root
def test_owner_may_be_a_number_without_an_account(tmp_path: Path) -> None:
    """As after an account got another one, or of a disk from another host."""
    (tmp_path / "new").write_text("x")
    run(f"put_file {tmp_path}/a 640 {tmp_path}/new 64997:64998")
    run(f"put_folder {tmp_path}/b 700 64997:64998")
    for name, mode in (("a", 0o640), ("b", 0o700)):
        found = (tmp_path / name).stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o7777) == (64997, 64998, mode)


def test_data_behind_a_link_stays_on_its_disk_when_it_is_set_aside(tmp_path: Path) -> None:
    """A copy to another disk takes long, and needs room that nobody has looked for."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as elsewhere:
        (Path(elsewhere) / "member").mkdir()
        assert Path(elsewhere).stat().st_dev != tmp_path.stat().st_dev
        (tmp_path / "data").symlink_to(elsewhere)
        done = run("set_aside", places={"DATA=/var/lib/etcd\n": f"DATA={tmp_path}/data\n"})
        assert done.returncode == 0, done.stderr
        (aside,) = (Path(elsewhere) / ".aside").iterdir()
        assert [each.name for each in aside.iterdir()] == ["member"]
    assert not (tmp_path / "data.aside").exists()


def test_data_on_the_same_disk_is_set_aside_beside_it(tmp_path: Path) -> None:
    """As always."""
    (tmp_path / "data/member").mkdir(parents=True)
    run("set_aside", places={"DATA=/var/lib/etcd\n": f"DATA={tmp_path}/data\n"})
    assert len([*(tmp_path / "data.aside").iterdir()]) == 1


PROFILES = "containerd-shim (enforce)\nunshare (%s)\nunshare//x (enforce)\n"


@pytest.mark.parametrize(
    ("profiles", "rights", "refused"),
    [
        (PROFILES % "enforce", "return 1", True),
        (PROFILES % "enforce", "return 0", False),
        (PROFILES % "complain", "return 1", False),
        ("", "return 1", False),
        (None, "return 1", False),
    ],
    ids=["enforced", "with rights", "complains", "no profile", "no AppArmor"],
)
def test_host_whose_apparmor_takes_all_rights_is_refused_before_a_member_stops(
    tmp_path: Path, profiles: str | None, rights: str, refused: bool
) -> None:
    """With the way out; a host may get that profile years after its member."""
    file = tmp_path / "profiles"
    if profiles is not None:
        file.write_text(profiles)
    script = f"""
    WORK={tmp_path}; S=([member]=etcd01 [image-repository]=r [image-tag]=3.6.6-0)
    unshare() {{ echo 'mount: permission denied' >&2; {rights}; }}
    etcd_pid() {{ echo 7; }}; need_one_image() {{ :; }}
    need_image; echo WENT ON
    """
    places = {"APPARMOR=/sys/kernel/security/apparmor/profiles": f"APPARMOR={file}"}
    done = run(script, places=places)
    assert (done.returncode == 4) == refused, done.stderr
    assert ("WENT ON" in done.stdout) == (not refused)
    assert not refused or "permission denied. Nothing was changed. Disable that" in done.stderr


def test_host_that_is_to_carry_no_member_may_be_a_node(tmp_path: Path) -> None:
    """The example's control plane: what was done on it can be taken back."""
    script = """
    kubernetes_node() { echo 'admin.conf is there'; }; has_data() { false; }; manifest_flag() { :; }
    own_host kubernetes master01 -; echo WENT ON
    """
    places = {"STATE=/var/lib/etcd-host": f"STATE={tmp_path}"}
    assert run(script, places=places).stdout == "WENT ON\n"


@pytest.mark.parametrize("there", [True, False])
def test_host_that_became_a_node_of_kubernetes_keeps_its_kubelet(
    tmp_path: Path, there: bool
) -> None:
    """After `abandon` it is nobody's; a `destroy` of the former stack then finds it."""
    state = tmp_path / "state"
    state.mkdir()
    node = "echo 'kubelet.conf is there'" if there else ":"
    script = f"""
    kubernetes_node() {{ {node}; }}; has_data() {{ false; }}; manifest_flag() {{ :; }}
    own_host etcd etcd01 cafe; echo WENT ON
    """
    places = {
        "STATE=/var/lib/etcd-host": f"STATE={state}",
        "MANIFESTS=/etc/kubernetes/manifests": f"MANIFESTS={tmp_path}",
    }
    done = run(script, places=places)
    assert done.returncode == 0, done.stderr
    assert ("WENT ON" in done.stdout) == (not there)
    assert ("this host is a node of Kubernetes by now" in done.stderr) == there
