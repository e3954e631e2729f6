"""The disk that a member's data is on: one that is not mounted, and one that is back too late."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from .asking import CLUSTER, SELF, on_host
from .bash import run
from .restoring import SNAPSHOT, STAGE, Host
from .test_asking import NOT_HEALTHY
from .test_cut_off import DOWN, FORMED, JOINS

REFUSED = 4
FORMER = "beef"


@pytest.fixture
def disk() -> Iterator[Path]:
    """A folder of another file system than a test's."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        yield Path(folder)


def here(
    folder: Path, script: str, *, data: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs it where the data is in `data`, and what is remembered in `state`."""
    places = {
        "readonly DATA=/var/lib/etcd": f"readonly DATA={data or folder / 'data'}",
        "readonly STATE=/var/lib/etcd-host RUN": f"readonly STATE={folder}/state RUN",
    }
    return run(f"WORK={folder}; S[member]=etcd02\n{script}", places=places)


def remembers(folder: Path, mount: object) -> None:
    """Where its data was."""
    (folder / "state").mkdir(exist_ok=True)
    (folder / "state/data-mount").write_text(f"{mount}\n")


def test_mount_of_the_data_is_known_also_behind_a_link_and_of_a_folder_that_is_gone(
    tmp_path: Path, disk: Path
) -> None:
    """Of one that is gone, that of the nearest folder above it."""
    link = tmp_path / "link"
    link.symlink_to(disk)
    for data in (disk, disk / "a/b", link, link / "a"):
        assert here(tmp_path, "data_mount", data=data).stdout == "/dev/shm\n"
    own = here(tmp_path, "data_mount", data=tmp_path).stdout
    assert own not in ("", "/dev/shm\n")
    assert here(tmp_path, "data_mount", data=tmp_path / "a/b").stdout == own


NO_DATA = "has_data() { false; }\n"


@pytest.mark.parametrize(
    ("mount", "stubs", "missing"),
    [
        ("{}/disk", NO_DATA, True),
        ("{}/nowhere", NO_DATA, True),
        ("/dev/shm", f"{NO_DATA}stat() {{ return 127; }}\n", True),
        ("/dev/shm", NO_DATA, False),
        ("/", NO_DATA, False),
        ("", NO_DATA, False),
    ],
    ids=["not", "no folder", "stat fails", "mounted", "root's", "not known"],
)
def test_disk_of_the_data_is_missed_when_there_is_no_data_and_it_is_not_mounted(
    tmp_path: Path, mount: str, stubs: str, missing: bool
) -> None:
    """One that was emptied, or replaced, or of which nothing is remembered, is not."""
    (tmp_path / "disk").mkdir()
    place = mount.format(tmp_path)
    remembers(tmp_path, place)
    done = here(tmp_path, f"{stubs}mount_fault")
    assert (done.returncode, done.stderr) == (0, "")
    assert bool(done.stdout) is missing
    if missing:
        assert f"was on the disk mounted at {place}, which is not mounted now" in done.stdout
        assert 'run "etcd-host abandon" on the host' in done.stdout


def test_link_to_a_folder_that_is_missing_is_followed_where_a_disk_is_mounted(
    tmp_path: Path, disk: Path
) -> None:
    """A new disk is empty; one that is not mounted would be missed, and the disk of / be filled."""
    link, stubs = tmp_path / "link", "data_mount() { echo /; }; ETCD_OWNER=0:0\n"
    link.symlink_to(disk / "etcd")
    done = here(tmp_path, "mount_fault; put_data_folder", data=link)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert (disk / "etcd").stat().st_mode & 0o7777 == 0o700
    (disk / "etcd").rmdir()
    done = here(tmp_path, f"{stubs}need_mount", data=link)
    assert done.returncode == REFUSED
    assert f"is a link to {disk}/etcd, which is missing or not a folder" in done.stderr
    assert "Mount its disk; or, if the data is to be on the disk of /, make that" in done.stderr
    (disk / "etcd").mkdir()
    assert here(tmp_path, f"{stubs}need_mount", data=link).returncode == 0


@pytest.mark.parametrize("joining", ["", "yes", "empty"])
def test_member_does_not_join_anew_while_its_disk_is_not_mounted(
    tmp_path: Path, joining: str
) -> None:
    """On the disk below, where nobody has looked for room; and the former data would be back."""
    memory = {**FORMED, "data_mount": str(tmp_path), "joining": joining}
    stubs = f"{JOINS}{DOWN}{NO_DATA}need_user() {{ echo MADE; }}\n"
    done = on_host(tmp_path, "verb_converge", stubs, **memory)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert f"a: its data was on the disk mounted at {tmp_path}" in done.stderr
    assert done.stderr.endswith("Nothing was changed\n")
    done = on_host(tmp_path, "verb_converge", stubs, **{**memory, "data_mount": "/dev/shm"})
    assert "JOINS" in done.stdout, done.stderr


def test_restore_is_not_staged_while_the_disk_is_not_mounted(tmp_path: Path) -> None:
    """The new data would be on another one."""
    host = Host(tmp_path)
    host.write(host.state / "data-mount", str(tmp_path))
    done = host.do(f"{SNAPSHOT}{NO_DATA}{STAGE}", status=REFUSED)
    assert "which is not mounted now" in done.stderr
    assert not host.staged()
    assert host.runs


# A running etcd: this very bash, whose root is the host's.
RUNS = "etcd_pid() { echo $$; }\n"


def test_data_says_whose_it_is_and_the_host_where_it_is_once_its_member_is_well(
    tmp_path: Path, disk: Path
) -> None:
    """As it is by now; what another one has left is put right."""
    (disk / "member").mkdir()
    for member in (FORMER, SELF):
        done = here(tmp_path, f"{RUNS}remember_formed {member} {CLUSTER}; data_id", data=disk)
        assert (done.returncode, done.stdout) == (0, f"{member}\n"), done.stderr
        assert [each.name for each in (disk / "member").iterdir()] == ["id"]
        found, folder = (disk / "member/id").stat(), (disk / "member").stat()
        assert (found.st_uid, found.st_gid) == (folder.st_uid, folder.st_gid)
        assert (tmp_path / "state/data-mount").read_text() == "/dev/shm\n"
        remembers(tmp_path, "/elsewhere")
    assert (tmp_path / "state/member-id").read_text() == f"{SELF}\n"


def test_data_that_cannot_be_told_whose_it_is_says_nothing(tmp_path: Path) -> None:
    """Better than that it is another's; and the run goes on."""
    (tmp_path / "data/member").mkdir(parents=True)
    (tmp_path / "data/member/id").write_text(f"{FORMER}\n")
    full = "install() { echo 'no space left on device' >&2; return 1; }\n"
    done = here(tmp_path, f"{RUNS}{full}remember_formed {SELF} {CLUSTER}; data_id; echo ON")
    assert (done.returncode, done.stdout) == (0, "ON\n")


@pytest.mark.parametrize(
    "stub", ["etcd_pid() { :; }\n", "etcd_pid() { echo 0; }\n"], ids=["no etcd", "another folder"]
)
def test_data_that_no_etcd_has_open_is_not_told_whose_it_is(tmp_path: Path, stub: str) -> None:
    """The folder under an etcd may have been unmounted, or be another disk by now."""
    (tmp_path / "data/member").mkdir(parents=True)
    done = here(tmp_path, f"{stub}remember_formed {SELF} {CLUSTER}")
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "data/member/id").exists()
    assert not (tmp_path / "state/data-mount").exists()


@pytest.mark.parametrize("text", ["", "\n", "x y\n", "c42767f57a4f14123\n"])
def test_id_that_is_none_is_not_read_from_the_data(tmp_path: Path, text: str) -> None:
    """What is remembered counts then."""
    (tmp_path / "data/member").mkdir(parents=True)
    assert here(tmp_path, "data_id").stdout == ""
    (tmp_path / "data/member/id").write_text(text)
    done = here(tmp_path, "data_id")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("data", "etcd", "remembered", "expected"),
    [
        (FORMER, "", SELF, "no"),
        (SELF, "", FORMER, "yes"),
        ("", "", SELF, "yes"),
        (FORMER, "7", SELF, "yes"),
    ],
    ids=["of a former member", "a memory of another", "not known", "its etcd says it"],
)
def test_data_of_a_former_member_is_not_taken_for_the_one_that_is_remembered(
    tmp_path: Path, data: str, etcd: str, remembered: str, expected: str
) -> None:
    """Its disk was away while the member joined anew: its etcd would be waited for in vain."""
    stubs = "member_healthy() { false; }\n" if etcd else f"{NOT_HEALTHY}\n"
    stubs += f"etcd_pid() {{ echo {etcd}; }}; data_id() {{ echo {data}; }}\n"
    memory = {"formed": CLUSTER, "member_id": remembered}
    assert on_host(tmp_path, "listed", stubs, **memory).stdout == f"{expected}\n"


def test_member_joins_when_the_disk_of_its_former_data_is_back(tmp_path: Path) -> None:
    """What is there is moved aside; it would be started over and over."""
    stubs = f"{JOINS}{DOWN}etcd_pid() {{ :; }}; data_id() {{ echo {FORMER}; }}\n"
    assert "JOINS" in on_host(tmp_path, "verb_converge", stubs, **FORMED).stdout
