"""How packages are installed, and how another package manager is waited for."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import complaints
from .bash import run
from .packages import LATER, REFUSED, state, work

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


def install(folder: Path, **says: str) -> tuple[int, list[str], str]:
    """Installs two packages with a stand-in for apt-get: status, its calls, what was said."""
    told = {f"{verb}_says": text for verb, text in says.items()}
    (folder / "work").mkdir()
    script = work(folder / "work", missing="kubelet 1.35.4-*\ncri-tools *\n", **told)
    done = run(script + state() + APT_GET + "apt_install; report_changes")
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
    ["APT_LISTS_LOCKED", "APT_ARCHIVES_LOCKED", "APT_DPKG_LOCKED", "DNF_LOCKED", "RPM_LOCKED"],
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
