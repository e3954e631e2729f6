"""What disturbs a member besides a new manifest: packages, its runtime, defragmenting it."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import CLUSTER, SELF, on_host
from .test_guard import OWN, TOO_FEW, UNKNOWN

REFUSED, LATER = 4, 5
# Each says so in a file when it is done, and goes no further.
DONE = 'did() { echo "$*" >>$STATE/did; exit 9; }\n'
WORK = {
    "installing packages": """
      read_state() { :; }; lock() { :; }; family() { echo apt; }; put_repositories() { :; }
      wanted_packages() { echo 'kubelet *'; }; apt_missing() { echo 'kubelet *'; }
      apt_install() { did installed; }; apt_hold() { did held; }
      verb_install
    """,
    "restarting containerd": """
      S[pause-image]=pause:3; S[runtime-unit]=containerd; render_containerd() { echo settings; }
      put_file() { echo wrote >>$STATE/did; }; systemctl() { [[ $1 == is-enabled ]] || did "$1"; }
      configure_runtime
    """,
    "defragmenting it": """
      out_of_space() { true; }; read_space() { total=6e+04 used=100 quota=65536; }
      other() { did "$1"; }; find_room() { did room; }; room_in() { echo 9999999999; }
      relieve_space
    """,
}
SHUT = {
    "the list fails": (UNKNOWN["the list fails"], SELF),
    "the list is cut": (UNKNOWN["the list is cut"], SELF),
    "another is stopped": (TOO_FEW["another is stopped"], SELF),
    "its id is not known": (OWN["answers half"], ""),
}


@pytest.mark.parametrize("doing", WORK)
@pytest.mark.parametrize(("stub", "known"), SHUT.values(), ids=SHUT.keys())
def test_nothing_is_done_when_the_guard_is_shut(
    tmp_path: Path, doing: str, stub: str, known: str
) -> None:
    """Nothing installed, held, written, restarted or defragmented; it is said what for."""
    stubs = f"{DONE}{stub}\n"
    done = on_host(tmp_path, WORK[doing], stubs, formed=CLUSTER, member_id=known)
    assert done.returncode in (REFUSED, LATER), done.stderr
    assert doing in done.stderr
    assert "Nothing was changed" in done.stderr
    assert not (tmp_path / "state/did").exists()


@pytest.mark.parametrize(
    ("doing", "did"),
    [
        ("installing packages", "installed\n"),
        ("restarting containerd", "wrote\nrestart\n"),
        ("defragmenting it", "defrag\n"),
    ],
)
def test_it_is_done_when_the_guard_opens(tmp_path: Path, doing: str, did: str) -> None:
    """The case that those above differ from."""
    on_host(tmp_path, WORK[doing], DONE, formed=CLUSTER, member_id=SELF)
    assert (tmp_path / "state/did").read_text().startswith(did)
