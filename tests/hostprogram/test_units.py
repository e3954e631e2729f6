"""Masks of kubelet and runtime, and what the next boot would not start."""

from __future__ import annotations

from pathlib import Path

import pytest

from .systemd import configured, done, drift, host

REFUSED = 4

MASKS = [("etc",), ("run",), ("etc", "run")]


@pytest.mark.parametrize("masks", MASKS, ids="+".join)
def test_unit_is_unmasked_wherever_its_mask_is(tmp_path: Path, masks: tuple[str, ...]) -> None:
    """Each place has a call of its own; nothing is started or stopped for it."""
    for place in masks:
        (tmp_path / f"{place}.kubelet").touch()
    said = host(tmp_path, "unmask_unit kubelet; report_changes")
    assert (said.returncode, said.stderr) == (0, "etcd-host: changed: kubelet unmasked\n")
    assert not list(tmp_path.glob("*.kubelet"))
    assert done(tmp_path) == []


def test_mask_that_stays_is_refused_with_its_name(tmp_path: Path) -> None:
    """Not with what `enable` says of it."""
    (tmp_path / "usr.kubelet").touch()
    said = host(tmp_path, "unmask_unit kubelet")
    assert said.returncode == REFUSED
    assert "kubelet is masked (masked), and systemctl unmask did not change that" in said.stderr


@pytest.mark.parametrize("state", ["enabled", "disabled", "static", "not-found"])
def test_nothing_is_unmasked_that_is_not_masked(tmp_path: Path, state: str) -> None:
    """Nor said."""
    (tmp_path / "state.kubelet").write_text(state)
    said = host(tmp_path, "unmask() { echo CALLED; }; unmask_unit kubelet; report_changes")
    assert (said.stdout, said.stderr) == ("", "etcd-host: unchanged\n")


PREPARE = """
for each in read_state need_program lock put_labels prepare_system put_folder put_kubelet_config \\
  render_kubelet_config render_dropin set_aside_foreign_dropins start_kubelet stamp serial put_file
do eval "$each() { :; }"; done
verb_prepare_kubelet; report_changes
"""


@pytest.mark.parametrize("masks", MASKS, ids="+".join)
def test_masked_kubelet_is_enabled_again(tmp_path: Path, masks: tuple[str, ...]) -> None:
    """`enable` refuses where one mask is left, until a reboot if that is the one in /run."""
    for place in masks:
        (tmp_path / f"{place}.kubelet").touch()
    said = host(tmp_path, PREPARE)
    expected = "etcd-host: changed: kubelet unmasked, kubelet enabled\n"
    assert (said.returncode, said.stderr) == (0, expected)
    assert done(tmp_path) == ["enable -q kubelet"]


@pytest.mark.parametrize("masks", MASKS, ids="+".join)
def test_running_runtime_is_unmasked_and_not_restarted(
    tmp_path: Path, masks: tuple[str, ...]
) -> None:
    """A member runs on it."""
    for place in masks:
        (tmp_path / f"{place}.containerd").touch()
    script = "S[runtime-unit]=containerd; S[runtime-socket]=/; wait_until() { :; }; start_runtime"
    said = host(tmp_path, f"{script}; report_changes")
    assert (said.returncode, said.stderr) == (0, "etcd-host: changed: containerd unmasked\n")
    assert done(tmp_path) == []


def test_masked_runtime_restarts_with_another_configuration(tmp_path: Path) -> None:
    """It is unmasked before, not after: systemd restarts no masked unit."""
    (tmp_path / "run.containerd").touch()
    assert configured(tmp_path) == ["put config.toml", "restart containerd"]


@pytest.mark.parametrize("unit", ["containerd", "crio"])
@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("enabled", ""),
        ("enabled-runtime", ""),
        ("static", ""),
        ("linked", ""),
        ("not-found", ""),
        ("", ""),
        ("disabled", "{} not enabled at boot\n"),
        ("masked", "{} masked\n"),
        ("masked-runtime", "{} masked\n"),
    ],
)
def test_runtime_that_the_next_boot_would_not_start_has_drifted(
    tmp_path: Path, unit: str, state: str, said: str
) -> None:
    """Its member would be down then. What `up` could not change is no drift: it would stay one."""
    (tmp_path / f"state.{unit}").write_text(f"{state}\n" if state else "")
    assert drift(tmp_path, unit) == said.format(unit)
