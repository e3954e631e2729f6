"""How packages are installed, and how another package manager is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import complaints
from .bash import run
from .packages import INTERNAL, LATER, REFUSED, state, work

# Says what is in update.says or install.says, and remembers how it was called.
APT_GET = """
apt-get() {
  local word verb=
  for word in "$@"; do case $word in update | install) verb=$word ;; esac; done
  echo "$*" >>"$WORK/../called"
  cat "$WORK/$verb.says" 2>/dev/null
  [[ ! -e $WORK/$verb.says ]] || ! grep -q '^E: ' "$WORK/$verb.says"
}
apt-cache() { echo 'kubelet | 1.35.4-1.1 | http://x Packages'; }
"""


def install(folder: Path, play: str = "", **says: str) -> tuple[int, list[str], str]:
    """Installs two packages with a stand-in for apt-get: status, its calls, what was said.

    `play`: more functions that are played.
    """
    told = {f"{verb}_says": text for verb, text in says.items()}
    (folder / "work").mkdir()
    script = work(folder / "work", missing="kubelet 1.35.4-*\ncri-tools *\n", **told)
    done = run(script + state() + APT_GET + play + "apt_install; report_changes")
    calls = folder / "called"
    return done.returncode, calls.read_text().splitlines() if calls.exists() else [], done.stderr


def test_apt_is_asked_once_for_all_that_is_missing(tmp_path: Path) -> None:
    """At its version; what nobody has a version for, as it comes. Nothing else comes or goes."""
    status, (update, wanted), said = install(tmp_path)
    assert status == 0
    assert update.endswith(" update")
    assert wanted.endswith(" kubelet=1.35.4-1.1 cri-tools")
    assert {"--no-install-recommends", "--no-remove"} <= set(wanted.split())
    assert said.splitlines()[-1] == "etcd-host: changed: installed kubelet cri-tools"


def test_nothing_is_installed_when_our_repository_could_not_be_read(tmp_path: Path) -> None:
    """apt's update ends well all the same: it would take an old list, or the distribution's."""
    status, calls, said = install(tmp_path, update=complaints.APT_REFUSED)
    assert status == REFUSED
    assert [call.split()[-1] for call in calls] == ["update"]
    assert "Connection refused" in said


def test_packages_are_installed_when_only_another_repository_failed(tmp_path: Path) -> None:
    """It is not ours to judge."""
    status, calls, _ = install(tmp_path, update=complaints.APT_DISTRIBUTION_REFUSED)
    assert (status, len(calls)) == (0, 2)


HURRY = {"readonly LOCK_SECONDS=60": "readonly LOCK_SECONDS=2"}


def patiently(folder: Path, body: str) -> tuple[int, int, str]:
    """Runs a command of this body patiently: its status, how often it ran, what was said."""
    tried = f"sleep() {{ command sleep 0.1; }}; tried() {{ echo >>{folder}/n; {body} }}; "
    done = run(work(folder) + tried + 'patiently "$WORK/log" tried', places=HURRY)
    return done.returncode, len((folder / "n").read_text()), done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "APT_LISTS_LOCKED",
        "APT_ARCHIVES_LOCKED",
        "APT_DPKG_LOCKED",
        "DPKG_LOCKED",
        "DNF_LOCKED",
        "RPM_LOCKED",
    ],
)
def test_another_package_manager_is_waited_for_when_it_ends_in_time(
    tmp_path: Path, name: str
) -> None:
    """A host that has just started looks for updates by itself."""
    (tmp_path / "said").write_text(getattr(complaints, name))
    body = f"(($(wc -l <{tmp_path}/n) > 2)) || {{ cat {tmp_path}/said; return 100; }};"
    assert patiently(tmp_path, body) == (0, 3, "")


def test_another_package_manager_is_named_when_it_does_not_end(tmp_path: Path) -> None:
    """The next run goes on; nothing was wrong with this one."""
    (tmp_path / "said").write_text(complaints.APT_LISTS_LOCKED)
    status, times, said = patiently(tmp_path, f"cat {tmp_path}/said; return 100;")
    assert status == LATER
    assert times > 2
    assert "running on this host for 2 s: E: Could not get lock /var/lib/apt/lists/lock" in said
    assert "held by process 22547 (apt-get)" in said


@pytest.mark.parametrize("name", ["APT_NO_VERSION", "APT_WAITED", "DNF_NO_VERSION", "DNF_REFUSED"])
def test_nothing_is_waited_for_when_it_failed_for_another_reason(tmp_path: Path, name: str) -> None:
    """Once is enough, also where apt had to wait and then got its lock."""
    (tmp_path / "said").write_text(getattr(complaints, name))
    assert patiently(tmp_path, f"cat {tmp_path}/said; return 1;") == (1, 1, "")


def test_a_lock_that_was_waited_for_is_no_failure_when_apt_ends_well(tmp_path: Path) -> None:
    """Its log tells of the wait all the same."""
    waited = complaints.APT_DPKG_LOCKED.partition("E: ")[0]
    status, calls, _ = install(tmp_path, update=complaints.APT_OK, install=waited)
    assert (status, len(calls)) == (0, 2)


@pytest.mark.parametrize("again", [False, True], ids=["finished", "it says so again"])
def test_installation_that_was_cut_off_is_finished_first(tmp_path: Path, again: bool) -> None:
    """apt does nothing before that, in any later run; and it is tried once more, not for ever."""
    mends = "" if again else 'rm "$WORK/install.says"; '
    play = f'dpkg() {{ echo "dpkg $*" >>"$WORK/../called"; {mends} }}\n'
    half = complaints.DPKG_HALF_INSTALLED
    status, calls, said = install(tmp_path, play, install=half)
    assert [call.split()[0] for call in calls if "dpkg" in call.split()[0]] == ["dpkg"]
    assert calls[2] == "dpkg --force-confold --configure -a"
    assert len(calls) == 4
    assert calls[1] == calls[3]
    assert (status == 0) is not again
    assert ("etcd-host: changed: installed kubelet cri-tools" in said) is not again


def test_reason_is_told_when_an_installation_cannot_be_finished(tmp_path: Path) -> None:
    """dpkg's own."""
    fails = "dpkg: error processing package foo (--configure):"
    play = f"dpkg() {{ printf '%s\n' 'Setting up foo' '{fails}' ' exit status 1'; return 1; }}\n"
    status, calls, said = install(tmp_path, play, install=complaints.DPKG_HALF_INSTALLED)
    assert (status, len(calls)) == (INTERNAL, 2)
    last = said.splitlines()[-1]
    assert last.startswith("etcd-host: an installation was interrupted on this host")
    assert fails in last


def hold(folder: Path, apt_mark: str) -> tuple[int, str]:
    """Holds two packages; how apt-mark behaves, which has the number of the try in `n`."""
    script = work(folder, wanted="kubelet 1.35.4-*\ncri-tools *\n") + state()
    script += f"sleep() {{ command sleep 0.1; }}; apt_held() {{ false; }}; n=0\n{apt_mark}\n"
    done = run(script + "apt_hold; report_changes", places=HURRY)
    return done.returncode, done.stderr.splitlines()[-1]


def test_packages_are_held_when_another_package_manager_has_ended(tmp_path: Path) -> None:
    """The installation is done by then, and would be left half of what it is to be."""
    (tmp_path / "said").write_text(complaints.DPKG_LOCKED)
    waits = f"apt-mark() {{ ((++n > 2)) || {{ cat {tmp_path}/said; return 2; }}; }}"
    assert hold(tmp_path, waits) == (0, "etcd-host: changed: held kubelet cri-tools")
    status, said = hold(tmp_path, f"apt-mark() {{ cat {tmp_path}/said; return 2; }}")
    assert status == LATER
    assert "running on this host for 2 s: dpkg: error: dpkg frontend lock was locked by" in said


def test_reason_is_told_when_packages_cannot_be_held(tmp_path: Path) -> None:
    """And the run does not end without a word."""
    status, said = hold(tmp_path, "apt-mark() { echo 'E: Read-only file system'; return 100; }")
    assert status == INTERNAL
    assert said.startswith("etcd-host: kubelet cri-tools could not be held")
    assert "E: Read-only file system" in said
