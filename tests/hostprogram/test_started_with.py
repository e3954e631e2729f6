"""What runtime and kubelet were last started with, where somebody has changed their files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .systemd import CONFIG, configured, drift

REFUSED = 4

# --- the runtime's configuration

RESTARTED = ["asked", "put config.toml", "restart containerd"]


def test_runtime_restarts_once_for_its_configuration(tmp_path: Path) -> None:
    """An `up` that changes nothing restarts nothing."""
    assert configured(tmp_path, guard=True) == RESTARTED
    assert configured(tmp_path, guard=True) == []
    assert configured(tmp_path, "SETTINGS=others", guard=True) == RESTARTED
    assert configured(tmp_path, "SETTINGS=others", guard=True) == []


def test_runtime_restarts_where_its_file_is_put_back(tmp_path: Path) -> None:
    """Whoever wrote another one has restarted it with that: it would run with it for weeks."""
    configured(tmp_path)
    (tmp_path / "config.toml").write_text("theirs\n")
    assert configured(tmp_path, guard=True) == RESTARTED
    assert (tmp_path / "config.toml").read_text() == "ours\n"
    assert configured(tmp_path, guard=True) == []


def test_runtime_does_not_restart_for_its_files_mode(tmp_path: Path) -> None:
    """It reads it as root. The mode is put right all the same."""
    configured(tmp_path)
    mode = 'put_file() { echo "mode" >>"$OUT/done"; }'
    assert configured(tmp_path, mode, guard=True) == ["mode"]


def test_file_stays_as_it_is_when_the_member_cannot_be_spared(tmp_path: Path) -> None:
    """What is remembered, too: the next run finds what this one found."""
    configured(tmp_path)
    before = (tmp_path / "state/runtime-config").read_text()
    (tmp_path / "config.toml").write_text("theirs\n")
    shut = "spare_member() { die 4 refused; }"
    assert configured(tmp_path, shut, ends=REFUSED) == []
    assert (tmp_path / "config.toml").read_text() == "theirs\n"
    assert (tmp_path / "state/runtime-config").read_text() == before
    assert configured(tmp_path) == ["put config.toml", "restart containerd"]


@pytest.mark.parametrize(
    "cut",
    [
        'systemctl() { [[ $1 != restart ]] || kill -KILL "$$"; }',
        'eval "whole_$(declare -f put_file)"; put_file() { whole_put_file "$@"; kill -KILL "$$"; }',
        'put_file() { kill -KILL "$$"; }',
    ],
    ids=["before the restart", "after the file", "before the file"],
)
def test_next_run_restarts_the_runtime_that_a_killed_one_has_not(tmp_path: Path, cut: str) -> None:
    """The file is as it was left then, and nothing else would say so."""
    configured(tmp_path)
    file = tmp_path / "config.toml"
    lines = f"sha256sum {file}; stat -c '%a:%u:%g %n' {file}"
    stamped = subprocess.run(
        ["bash", "-c", lines], capture_output=True, text=True, check=True
    ).stdout
    (tmp_path / "state/host.stamp").write_text(stamped)
    assert drift(tmp_path, "containerd", **{CONFIG: str(file)}) == ""
    file.write_text("theirs\n")
    configured(tmp_path, cut, ends=-9)
    said = drift(tmp_path, "containerd", **{CONFIG: str(file)})
    assert said == "containerd runs with other settings\n"
    assert configured(tmp_path)[-1] == "restart containerd"
    assert drift(tmp_path, "containerd", **{CONFIG: str(file)}) == ""


def test_runtime_whose_configuration_is_not_ours_has_no_drift_of_it(tmp_path: Path) -> None:
    """In an image that somebody made; nothing is remembered of it."""
    assert drift(tmp_path, "containerd") == ""
    assert configured(tmp_path, "unset 'S[pause-image]'", guard=True) == []
