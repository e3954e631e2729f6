"""What a pod is made of is here, or can be pulled, before an etcd stops."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, on_host
from .bash import run
from .restoring import SNAPSHOT, STAGE, Host
from .test_guard import STOP
from .test_runtime import PULLS, REFUSED

OLD, NEW = "3.5.9-0", "3.5.999-0"
RUNTIME = r"""
S[image-tag]=%s; dropin_digest() { :; }; before_new_version() { :; }
kubelet_logs_in() { ((${LOGS_IN-0})); }
type() { [[ $2 != crictl || ${CRICTL-yes} == yes ]]; }
timeout() { shift; "$@"; }
says() { :; }
crictl() {
  local word
  for word in "$@"; do
    case $word in
      inspecti) [[ $* == *"etcd:${HERE-none}" ]]; return ;;
      version) says; ((${REACHED-1})); return ;;
      pull) echo "$*" >>"$STATE/pulled"; cat "$STATE/said"; [[ ! -s $STATE/said ]]; return ;;
    esac
  done
}
"""


def restarts(
    folder: Path, stubs: str = "", tag: str = NEW, says: str = PULLS["containerd"][0]
) -> subprocess.CompletedProcess[str]:
    """A member that runs 3.5.9 restarts with this tag; its registry answers a pull like that."""
    (folder / "etcd.yaml").write_text(f"    image: registry.k8s.io/etcd:{OLD}\n")
    (folder / "state").mkdir()
    (folder / "state/said").write_text(says)
    own = run("declare -f need_image").stdout
    return on_host(folder, f"{own}{RUNTIME % tag}{stubs}\n{STOP}", formed=CLUSTER)


def pulled(folder: Path) -> bool:
    """Whether the registry was asked."""
    return (folder / "state/pulled").exists()


def test_member_is_not_stopped_for_an_image_that_cannot_be_pulled(tmp_path: Path) -> None:
    """It would be down until somebody comes; with the registry's answer, and the keys."""
    done = restarts(tmp_path)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    *_, last = done.stderr.splitlines()
    assert last.startswith(f"etcd-host: a: registry.k8s.io/etcd:{NEW} could not be pulled: ")
    assert "401 Unauthorized. Nothing was changed. Check imageRepository" in last
    assert "etcd.imageTag" in last


@pytest.mark.parametrize(
    ("stubs", "tag", "says", "asked"),
    [
        ("", NEW, "", True),
        (f"HERE={NEW}", NEW, PULLS["crio"][0], False),
        (f"HERE={OLD}", OLD, PULLS["crio"][0], False),
        ("", OLD, "", True),
    ],
    ids=["it is pulled", "it is there", "it runs from it", "it has gone, and is pulled"],
)
def test_member_restarts_when_the_image_is_there(
    tmp_path: Path, stubs: str, tag: str, says: str, asked: bool
) -> None:
    """A registry that is away is none of a restart's business."""
    done = restarts(tmp_path, stubs, tag, says)
    assert "STOPPED" in done.stdout, done.stderr
    assert pulled(tmp_path) == asked


def test_member_is_not_stopped_when_the_image_that_it_runs_from_has_gone(tmp_path: Path) -> None:
    """Somebody has cleared the disk of images, and the registry is away; only a flag changes."""
    done = restarts(tmp_path, tag=OLD)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert f"etcd:{OLD} could not be pulled: " in done.stderr
    assert "Nothing was changed" in done.stderr


DOWN = "etcd_pid() { :; }; serves_peers() { false; }; systemctl() { :; }\n"
PAUSE = """
runtime_config() { echo "$STATE/config.toml"; }
printf '%s\n' '  [a]' '    %s_image = "r/pause:3"' >"$STATE/config.toml"
HERE=3.5.9-0
"""


@pytest.mark.parametrize("kind", ["sandbox", "pause"])
def test_member_is_not_stopped_when_the_pause_image_has_gone(tmp_path: Path, kind: str) -> None:
    """As the runtime's configuration names it, if that is ours: containerd's, and CRI-O's."""
    done = restarts(tmp_path, PAUSE.replace("%s_image", f"{kind}_image"), OLD)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "r/pause:3 could not be pulled: " in done.stderr


def test_member_that_does_not_run_needs_no_pause_image(tmp_path: Path) -> None:
    """Its pod may be there, and all that is missing is its etcd."""
    pause = PAUSE.replace("%s_image", "pause_image")
    assert "WROTE" in restarts(tmp_path, pause + DOWN, OLD).stdout
    assert not pulled(tmp_path)


SILENT = {
    "it cannot be reached": ("REACHED=0; says() { echo 'FATA refused'; }\n", "FATA refused"),
    "it hangs": ("timeout() { return 124; }\n", "nothing within 30 s"),
}


@pytest.mark.parametrize("tag", [OLD, NEW], ids=["the same image", "another image"])
@pytest.mark.parametrize(("stub", "said"), SILENT.values(), ids=SILENT)
def test_member_is_not_stopped_under_a_runtime_that_is_silent(
    tmp_path: Path, stub: str, said: str, tag: str
) -> None:
    """systemd calls it active, and it starts nothing any more. With what to do about it."""
    done = restarts(tmp_path, stub, tag)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    *_, last = done.stderr.splitlines()
    assert "a: the container runtime does not answer at unix:///run/c.sock" in last
    assert said in last
    assert "Nothing was changed. Restart the runtime" in last


@pytest.mark.parametrize("stub", [stub for stub, _ in SILENT.values()], ids=SILENT)
def test_member_that_does_not_run_is_not_held_up_by_its_runtime(tmp_path: Path, stub: str) -> None:
    """What the kubelet can do there need not be known here."""
    done = restarts(tmp_path, stub + DOWN)
    assert "WROTE" in done.stdout, done.stderr
    assert "can be pulled was not checked: crictl does not reach the runtime" in done.stderr


@pytest.mark.parametrize(
    ("stubs", "why"),
    [
        ("CRICTL=no", "there is no crictl on this host"),
        ("LOGS_IN=1", "the kubelet logs in to registries by itself"),
    ],
)
def test_it_is_said_when_the_image_could_not_be_looked_for(
    tmp_path: Path, stubs: str, why: str
) -> None:
    """In an image that somebody made: what the kubelet can do there need not be known here."""
    done = restarts(tmp_path, stubs)
    assert "STOPPED" in done.stdout, done.stderr
    assert f"etcd:{NEW} can be pulled was not checked: {why}" in done.stderr
    assert not pulled(tmp_path)


REFUSES = "need_image() { die 4 'could not be pulled'; }\n"


def test_nobody_is_added_who_could_not_start(tmp_path: Path) -> None:
    """A learner that never comes keeps the next one out."""
    stubs = "http_get() { false; }; other() { echo ASKED; }; has_data() { false; }\n"
    done = on_host(tmp_path, "join", stubs + REFUSES, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert not (tmp_path / "state/joining").exists()


def test_nothing_is_staged_that_could_not_start(tmp_path: Path) -> None:
    """All members stop for a restore."""
    host = Host(tmp_path)
    assert "could not be pulled" in host.do(REFUSES + SNAPSHOT + STAGE, status=REFUSED).stderr
    assert host.staged() == ""
    assert host.runs
