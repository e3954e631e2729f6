"""Data that is a copy: its disk is not mounted, or another one is mounted over it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from etcd_cluster import hostprogram

from .asking import CLUSTER, SELF, on_host
from .test_came_meanwhile import boots
from .test_cut_off import DOWN, FORMED, JOINS
from .test_disk import RUNS, disk, here, remembers
from .test_guard import STOP

__all__ = ["disk"]

REFUSED = 4
DATA = "has_data() { true; }\n"
NO_ETCD, ELSEWHERE = "etcd_pid() { :; }\n", "etcd_pid() { echo 0; }\n"
NOT_MOUNTED = "which is not mounted now, and {} holds another copy. "


def data(folder: Path) -> Path:
    """Where it is; no disk is mounted there."""
    (folder / "data/member/wal").mkdir(parents=True)
    (folder / "data/member/wal/0.wal").touch()
    return folder / "data"


@pytest.mark.parametrize(
    ("stub", "says"),
    [
        (NO_ETCD, 'It may be an old one. Mount that disk; if it is lost, run "etcd-host abandon'),
        (RUNS, "Its etcd was started from that copy, which may be an old one. Replace its data:"),
        (ELSEWHERE, "Its etcd still has that disk open, but would start from the copy. Mount"),
    ],
    ids=["no etcd", "etcd started from it", "etcd has the disk open"],
)
def test_data_where_the_disk_should_be_is_a_copy(tmp_path: Path, stub: str, says: str) -> None:
    """As one that was left when the data was moved. What to do depends on what etcd has open."""
    place = data(tmp_path)
    remembers(tmp_path, place)
    done = here(tmp_path, f"{stub}mount_fault")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"its data was on the disk mounted at {place}, ")
    assert NOT_MOUNTED.format(place) + says in done.stdout
    assert ("etcd-host accept-data" in done.stdout) == (stub != ELSEWHERE)


@pytest.mark.parametrize("known", ["", "/", "{}/elsewhere"], ids=["none", "root's", "elsewhere"])
def test_data_is_no_copy_when_it_never_had_a_disk_of_its_own_or_was_led_elsewhere(
    tmp_path: Path, known: str
) -> None:
    """A link that leads to another disk by now was changed by somebody."""
    data(tmp_path)
    remembers(tmp_path, known.format(tmp_path))
    for stub in (NO_ETCD, RUNS):
        done = here(tmp_path, f"{stub}mount_fault")
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_data_is_no_copy_when_its_disk_is_mounted(tmp_path: Path, disk: Path) -> None:
    """Also behind a link."""
    link = tmp_path / "link"
    link.symlink_to(data(disk))
    remembers(tmp_path, "/dev/shm")
    assert here(tmp_path, f"{RUNS}mount_fault", data=link).stdout == ""


def test_missing_disk_is_not_forgotten_for_a_copy_that_etcd_was_started_from(
    tmp_path: Path,
) -> None:
    """The kubelet starts it at boot; the next preview has to find it, too."""
    remembers(tmp_path, data(tmp_path))
    done = here(tmp_path, f"{RUNS}remember_formed {SELF} {CLUSTER}; mount_fault")
    assert "Its etcd was started from that copy" in done.stdout, done.stderr
    assert (tmp_path / "state/data-mount").read_text() == f"{tmp_path}/data\n"


@pytest.mark.parametrize("runs", ["", DOWN], ids=["it runs", "it is down"])
def test_member_is_left_as_it_is_while_its_data_is_a_copy(tmp_path: Path, runs: str) -> None:
    """Neither started nor stopped: on_host has its data in its place, where nothing is mounted."""
    memory = {**FORMED, "data_mount": "/var/lib/etcd"}
    done = on_host(tmp_path, "verb_converge", f"{JOINS}{DATA}{runs}", **memory)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "a: its data was on the disk mounted at /var/lib/etcd" in done.stderr
    assert done.stderr.endswith(". Nothing was changed\n")


ACCEPT = "lock() { :; }\nverb_accept_data; report_changes"


@pytest.mark.parametrize("stub", [NO_ETCD, RUNS], ids=["no etcd", "etcd started from it"])
def test_data_that_was_moved_on_purpose_is_accepted_when_a_person_says_so(
    tmp_path: Path, stub: str
) -> None:
    """And once more without an effect."""
    remembers(tmp_path, data(tmp_path))
    mount = here(tmp_path, "data_mount").stdout
    done = here(tmp_path, f"{stub}{ACCEPT}; mount_fault")
    assert (done.returncode, done.stdout) == (0, "")
    assert f"changed: its data is on the disk mounted at {mount}" in done.stderr
    assert (tmp_path / "state/data-mount").read_text() == mount
    assert "etcd-host: unchanged" in here(tmp_path, f"{stub}{ACCEPT}").stderr


@pytest.mark.parametrize("stub", [NO_ETCD, RUNS])
def test_host_that_remembers_no_disk_is_left_alone_when_data_is_accepted(
    tmp_path: Path, stub: str
) -> None:
    """It may be nobody's."""
    data(tmp_path)
    done = here(tmp_path, f"{stub}{ACCEPT}")
    assert (done.returncode, done.stderr) == (0, "etcd-host: unchanged\n")
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    ("stub", "why"),
    [
        (ELSEWHERE, "a disk was mounted over the data of the running etcd"),
        (f"{NO_ETCD}has_data() {{ false; }}\n", "holds no data of a member"),
        (f"{NO_ETCD}data_mount() {{ return 1; }}\n", "could not be determined"),
    ],
    ids=["etcd has other data open", "no data", "stat fails"],
)
def test_data_is_not_accepted_when(tmp_path: Path, stub: str, why: str) -> None:
    """What it is is not known, or is known to be a copy."""
    remembers(tmp_path, data(tmp_path))
    done = here(tmp_path, f"{stub}{ACCEPT}")
    assert done.returncode in (REFUSED, 5)
    assert why in done.stderr
    assert done.stderr.endswith("Nothing was changed\n")
    assert (tmp_path / "state/data-mount").read_text() == f"{tmp_path}/data\n"


COVERED = "covered_fault() { echo 'a disk was mounted over it'; }\n"


def test_member_is_not_stopped_when_a_disk_was_mounted_over_its_data(tmp_path: Path) -> None:
    """It would start again from what lies there."""
    done = on_host(tmp_path, STOP, COVERED, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert done.stderr == "etcd-host: a: a disk was mounted over it. Nothing was changed\n"
    done = boots(tmp_path, COVERED)  # neither one that came meanwhile, whose kubelet goes on
    assert (done.returncode, done.stdout) == (REFUSED, "stop kubelet\nstart kubelet\n")


def test_etcd_that_ends_meanwhile_has_no_other_data(tmp_path: Path) -> None:
    """The first look has found it, and the second one does not any more."""
    data(tmp_path)
    ended = "etcd_pid() { [[ -e $WORK/asked ]] || echo 0; : >$WORK/asked; }\n"
    done = here(tmp_path, f"{ended}covered_fault")
    assert (done.returncode, done.stdout) == (0, "")


# A member's etcd: a program with a root of its own, as a container has, in which nothing is mounted
# that is mounted outside later on.
MOUNTS = r"""
mount --make-rprivate /
S[member]=etcd02; mkdir -p "$WORK/state"
mount -t tmpfs tmpfs "$DATA" && mkdir -p "$DATA/member/wal" && : >"$DATA/member/wal/0.wal"
unshare --mount bash -c 'echo UP; exec sleep 60' >"$WORK/up" & etcd=$!
etcd_pid() { echo "$etcd"; }
wait_until 10 grep -q UP "$WORK/up"
remember data-mount "$(data_mount)"
show() { printf '%s: %s\n' "$1" "$(mount_fault)" | cut -c1-300; }
show well
cp -a "$DATA/." "$WORK/new"
mount -t tmpfs tmpfs "$DATA" && cp -a "$WORK/new/." "$DATA"
show covered
note_data cafe
umount "$DATA"
show uncovered
umount -l "$DATA"
cp -a "$WORK/new/." "$DATA"
show lost
kill "$etcd"
"""


def test_what_is_mounted_is_seen_under_an_etcd_that_runs(tmp_path: Path) -> None:
    """By real mounts, where the test may mount."""
    (tmp_path / "data").mkdir()
    (tmp_path / "new").mkdir()
    body = hostprogram.text().rpartition('main "$@"')[0]
    for place, instead in {
        "readonly DATA=/var/lib/etcd\n": f"readonly DATA={tmp_path}/data\n",
        "readonly STATE=/var/lib/etcd-host RUN": f"readonly STATE={tmp_path}/state RUN",
    }.items():
        assert place in body
        body = body.replace(place, instead)
    script = tmp_path / "script"
    script.write_text(f"{body}WORK={tmp_path}\n{MOUNTS}")
    for how in (["--mount"], ["--map-root-user", "--mount"]):
        may = ["unshare", *how, "mount", "-t", "tmpfs", "tmpfs", str(tmp_path / "new")]
        if subprocess.run(may, capture_output=True, check=False).returncode == 0:
            break
    else:
        pytest.skip("nobody may mount here")
    line = ["unshare", *how, "bash", str(script)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    said = dict(each.split(": ", 1) for each in done.stdout.splitlines())
    assert list(said) == ["well", "covered", "uncovered", "lost"], done.stderr
    assert (said["well"], said["uncovered"]) == ("", "")
    assert said["covered"].startswith("a disk was mounted over the data of the running etcd (proc")
    assert f"mounted at {tmp_path}/data, which is not mounted now" in said["lost"]
    assert "Its etcd still has that disk open" in said["lost"]
