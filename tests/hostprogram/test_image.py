"""etcd's image is here, or can be pulled, before an etcd stops for it."""

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
crictl() {
  local word
  for word in "$@"; do
    case $word in
      inspecti) [[ $* == *"etcd:${HERE-none}" ]]; return ;;
      version) ((${REACHED-1})); return ;;
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
        ("", OLD, PULLS["crio"][0], False),
    ],
    ids=["it is pulled", "it is there", "it runs from it"],
)
def test_member_restarts_when_the_image_is_there(
    tmp_path: Path, stubs: str, tag: str, says: str, asked: bool
) -> None:
    """A registry that is away is none of a restart's business."""
    done = restarts(tmp_path, stubs, tag, says)
    assert "STOPPED" in done.stdout, done.stderr
    assert pulled(tmp_path) == asked


@pytest.mark.parametrize(
    ("stubs", "why"),
    [
        ("CRICTL=no", "there is no crictl on this host"),
        ("REACHED=0", "crictl does not reach the runtime at unix:///run/c.sock"),
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
