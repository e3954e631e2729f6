"""What this machine must be and have."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from lab import machine
from lab.errors import LabError
from lab.lab import Lab
from tests.lab.support import NAMES
from tests.support.instances import instance


def _apt(folder: Path, monkeypatch: pytest.MonkeyPatch, *, programs: list[str]) -> Path:
    """Make a PATH of these programs and an apt-get that writes down what it is asked for."""
    for name in ["apt-get", *programs]:
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/{name}.calls\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder / "apt-get.calls"


def test_nothing_is_installed_where_the_library_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pkg-config is asked, because a library is no program on the PATH."""
    calls = _apt(tmp_path, monkeypatch, programs=["gcc", "pkg-config"])
    machine.install_build_packages(["libseccomp"])
    assert (tmp_path / "pkg-config.calls").read_text() == "--exists libseccomp\n"
    assert not calls.exists()


def test_missing_library_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pkg-config does not know it: apt gets the package to build with it, and no other."""
    calls = _apt(tmp_path, monkeypatch, programs=["gcc", "pkg-config"])
    (tmp_path / "pkg-config").write_text("#!/bin/sh\nexit 1\n")
    machine.install_build_packages(["libseccomp"])
    assert calls.read_text().splitlines()[-1].endswith("--no-install-recommends libseccomp-dev")


def test_library_and_tools_are_installed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pkg-config nothing can say whether the library is there; apt can."""
    calls = _apt(tmp_path, monkeypatch, programs=[])
    machine.install_build_packages(["libseccomp"])
    assert calls.read_text().splitlines()[-1].endswith(" gcc libseccomp-dev pkg-config libc6-dev")


def test_the_lab_says_what_it_needs_when_it_cannot_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on Linux as root: one sentence, before anything is touched."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LabError, match=r"needs root, and this is user id 1000; run it with sudo"):
        Lab(instance()).up(NAMES)
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(LabError, match=r"needs Linux, and this is darwin"):
        Lab(instance()).up(NAMES)
