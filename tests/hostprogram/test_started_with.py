"""What runtime and kubelet were last started with, where somebody has changed their files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .systemd import CONFIG, configured, drift, host

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


# --- the kubelet's configuration

KUBELET = "/var/lib/kubelet/etcd-service-manager.yaml"
BOOT = "BOOT_ID=/proc/sys/kernel/random/boot_id"
BEGAN = 'started_at() { if [[ $1 == 7 ]]; then echo "$KUBELET_BEGAN"; else echo "$NOW"; fi; }\n'
READ = "if has_read_config 7; then echo READ; else echo NOT; fi"


def kubelet(folder: Path, script: str, boot: str = "a", *, ends: int = 0) -> str:
    """On a host whose kubelet has begun at 500."""
    (folder / "boot").write_text(f"{boot}\n")
    (folder / "wanted").write_text("ours\n")
    places = {KUBELET: f"{folder}/kubelet.yaml", BOOT: f"BOOT_ID={folder}/boot"}
    said = host(folder, f"{BEGAN}KUBELET_BEGAN=500 NOW=900\n{script}", places=places)
    assert said.returncode == ends, said.stderr
    return said.stdout


PUT = 'put_kubelet_config "$OUT/wanted"; '


def test_kubelet_of_a_host_that_was_always_right_has_read_its_file(tmp_path: Path) -> None:
    """Also of one that a former version of this program prepared, which remembers nothing."""
    (tmp_path / "kubelet.yaml").write_text("ours\n")
    assert kubelet(tmp_path, PUT + READ) == "READ\n"
    assert not (tmp_path / "state").exists()


def test_kubelet_that_began_before_its_file_was_put_back_does_not_count(tmp_path: Path) -> None:
    """It may have been started with the other one; nothing of the process tells."""
    (tmp_path / "kubelet.yaml").write_text("theirs\n")
    assert kubelet(tmp_path, PUT + READ) == "NOT\n"
    assert kubelet(tmp_path, PUT + READ) == "NOT\n"
    assert kubelet(tmp_path, f"KUBELET_BEGAN=900; {READ}") == "NOT\n"
    assert kubelet(tmp_path, f"KUBELET_BEGAN=901; {READ}") == "READ\n"
    assert kubelet(tmp_path, f"started_at() {{ return 1; }}; {READ}") == "NOT\n"
    assert kubelet(tmp_path, READ, boot="b") == "READ\n"


@pytest.mark.parametrize("at", ["put_file", "started_at"])
def test_kubelet_does_not_count_after_a_run_that_was_killed(tmp_path: Path, at: str) -> None:
    """Whether the file was there already or not; the next run puts that right."""
    (tmp_path / "kubelet.yaml").write_text("theirs\n")
    cut = (
        f'eval "whole_$(declare -f {at})"; {at}() {{ whole_{at} "$@"; kill -KILL "$$"; sleep 9; }}'
    )
    kubelet(tmp_path, f"{cut}\n{PUT}", ends=-9)
    assert (tmp_path / "kubelet.yaml").read_text() == "ours\n"
    assert kubelet(tmp_path, READ) == "NOT\n"
    assert kubelet(tmp_path, READ, boot="b") == "NOT\n"
    assert kubelet(tmp_path, PUT + READ) == "NOT\n"
    assert kubelet(tmp_path, f"KUBELET_BEGAN=901; {READ}") == "READ\n"


def test_kubelet_with_the_right_digest_has_to_have_read_its_file(tmp_path: Path) -> None:
    """Its environment and its arguments are as they should be."""
    stubs = "dropin_digest() { echo cafe; }; running_digest() { echo cafe; }\n"
    stubs += 'kubelet_arguments() { echo "--config=$KUBELET_CONFIG"; }\n'
    asked = f"{stubs}if kubelet_current 7; then echo CURRENT; else echo NOT; fi"
    (tmp_path / "kubelet.yaml").write_text("ours\n")
    assert kubelet(tmp_path, PUT + asked) == "CURRENT\n"
    (tmp_path / "kubelet.yaml").write_text("theirs\n")
    assert kubelet(tmp_path, PUT + asked) == "NOT\n"


@pytest.mark.parametrize(
    ("content", "etcd", "said"),
    [
        ("ours\n", "7", ""),
        ("theirs\n", "7", "kubelet restarts with its member\n"),
        (None, "7", "kubelet restarts with its member\n"),
        ("theirs\n", "", ""),
    ],
    ids=["as it was left", "edited", "missing", "no etcd runs"],
)
def test_member_has_its_turn_when_the_kubelets_file_was_edited(
    tmp_path: Path, content: str | None, etcd: str, said: str
) -> None:
    """By then the file is right, and it would be too late to plan it. See test_sentences."""
    file = tmp_path / "kubelet.yaml"
    file.write_text("ours\n")
    stamp = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout
    (tmp_path / "state").mkdir()
    (tmp_path / "state/host.stamp").write_text(f"{stamp}600:0:0 {file}\n")
    file.unlink()
    if content:
        file.write_text(content)
    stubs = f"etcd_pid() {{ echo {etcd}; }}"
    assert drift(tmp_path, "containerd", stubs, **{KUBELET: str(file)}) == said
