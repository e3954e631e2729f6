"""A disk that became read-only, or is full: no etcd is stopped that could not be started again."""

from __future__ import annotations

import os
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
    return f"{need_writable()}read_only() {{ echo '{STUCK}'; }}\n"


def need_writable() -> str:
    """As the program has it."""
    return run("declare -f need_writable").stdout


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


FULL = "too_full() { echo '/x has 3 MiB free, and 16 MiB are needed'; }\nread_only() { :; }\n"


def test_member_is_not_stopped_when_there_is_no_room_to_start_it_again(tmp_path: Path) -> None:
    """Nor one that came meanwhile, whose kubelet goes on; nor is a learner added."""
    full = need_writable() + FULL
    done = on_host(tmp_path, STOP, full, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert done.stderr == (
        f"etcd-host: a: too little room on {os.uname().nodename} for its etcd to start again once "
        "it is stopped: /x has 3 MiB free, and 16 MiB are needed. Nothing was changed. Make room "
        "there, then run it again\n"
    )
    done = boots(tmp_path, full)
    assert (done.returncode, done.stdout) == (REFUSED, "stop kubelet\nstart kubelet\n")
    stubs = "http_get() { false; }; other() { echo ASKED; }; has_data() { false; }\n"
    done = on_host(tmp_path, "join", stubs + full, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")


def test_member_is_not_stopped_when_its_image_has_taken_the_room(tmp_path: Path) -> None:
    """It is asked again after the image was pulled."""
    image = "need_image() { : >$WORK/pulled; }; too_full() { [[ ! -e $WORK/pulled ]] || echo X; }\n"
    done = on_host(tmp_path, STOP, need_writable() + image, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "once it is stopped: X. Nothing was changed" in done.stderr


DF = r"""
df() {
  case ${*: -1} in
    */state) printf 'a\n%s /\n' "$ROOT" ;;
    */pods) printf 'a\n%s /var/log\n' "$LOGS" ;;
    *) printf 'a\n9 99999 9 999 /var/lib\n' ;;
  esac
}
"""
HUGE = str(2**64 - 1)
ROOM = "100000 16384 1000 500"


@pytest.mark.parametrize(
    ("root", "logs", "said"),
    [
        (ROOM, ROOM, ""),
        ("100000 16383 1000 500", ROOM, "{}/state (on the mount /) has 15 MiB free, and 16 MiB"),
        (ROOM, "100000 0 1000 500", "{}/log/pods (on the mount /var/log) has 0 MiB free, and 16"),
        (
            ROOM,
            "100000 16384 1000 499",
            "{}/log/pods (on the mount /var/log) has 499 free inodes, and 500",
        ),
        ("100000 16384 0 0", "100000 16384 - -", ""),
        ("0 0 0 0", "- - - -", ""),
        (f"{HUGE} {HUGE} {HUGE} {HUGE}", ROOM, ""),
        (
            ROOM,
            "100000 - 1000 500",
            "how much is free in {}/log/pods is not known (df), and 16 MiB",
        ),
        (ROOM, "", "how much is free in {}/log/pods is not known (df), and 16 MiB are needed"),
        (ROOM, "100000 -5 1000 500", "how much is free in {}/log/pods is not known (df)"),
    ],
    ids=[
        "just enough",
        "too little on /",
        "full logs",
        "too few inodes",
        "inodes are not counted, as on btrfs",
        "nothing is counted",
        "huge",
        "df does not say",
        "df says nothing",
        "df says less than nothing",
    ],
)
def test_file_system_without_room_is_named(tmp_path: Path, root: str, logs: str, said: str) -> None:
    """With what is free there, and what is needed; each once."""
    for name in ("state", "log/pods", "lib/kubelet", "etc/manifests", "run"):
        (tmp_path / name).mkdir(parents=True)
    done = run(
        f"ROOT='{root}' LOGS='{logs}'\n{DF}too_full",
        places={
            "readonly STATE=/var/lib/etcd-host RUN=/run": (
                f"readonly STATE={tmp_path}/state RUN={tmp_path}/run"
            ),
            "/etc/kubernetes": f"{tmp_path}/etc",
            "/var/lib/": f"{tmp_path}/lib/",
            "/var/log": f"{tmp_path}/log",
        },
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(said.format(tmp_path))
    assert done.stdout.count("needed") == bool(said)


def test_room_is_not_known_when_df_fails(tmp_path: Path) -> None:
    """Where it cannot be started, as anywhere."""
    place = {"readonly STATE=/var/lib/etcd-host RUN": f"readonly STATE={tmp_path} RUN"}
    for stub in ("df() { return 127; }", "df() { echo 1K-blocks; return 1; }"):
        done = run(f"{stub}\ntoo_full", places=place)
        assert done.stdout.startswith(f"how much is free in {tmp_path} is not known (df), and 16")


@pytest.mark.parametrize(
    ("folder", "said"),
    [
        (
            "/dev/shm",
            r"/dev/shm \(on the mount /dev/shm\) has [0-9]+ MiB free, and 999999999 MiB .*",
        ),
        ("/proc", ""),
    ],
)
def test_room_is_read_as_df_says_it(folder: str, said: str) -> None:
    """By the real one, of a file system that counts its blocks, and of one that does not."""
    places = {
        "readonly STATE=/var/lib/etcd-host RUN=/run": f"readonly STATE={folder} RUN=/nowhere",
        "START_MIB=16": "START_MIB=999999999",
        "/etc/kubernetes": "/nowhere",
        "/var/l": "/nowhere/l",
    }
    assert re.fullmatch(f"{said}\n", run("too_full", places=places).stdout)
