"""Plugins are put where the engine looks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab import builds
from lab.engine import plugins


def test_placed_file_replaces_an_older_one(tmp_path: Path) -> None:
    """Under the same name, with nothing left beside it."""
    (tmp_path / "new").write_text("new")
    target = tmp_path / "there" / "program"
    target.parent.mkdir()
    target.write_text("old")
    plugins.link_or_copy(tmp_path / "new", target)
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["program"]


def test_plugins_are_built_where_nothing_else_gives_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lies where the engine looks for that version; the caller learns what `command` is."""
    built = tmp_path / "built"
    built.mkdir()
    names = {"tls": "1.0.0", "random": "2.0.0", "command": "3.0.0"}
    for name in names:
        (built / f"pulumi-resource-{name}").write_text(name)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "of-user"))
    monkeypatch.setattr(builds, "bridged_plugins", lambda **_: built)
    monkeypatch.setattr(builds, "command_plugin", lambda _: built)
    home = tmp_path / "home"
    assert not plugins.install(home, names, pulumi=tmp_path, downloads=False, env={})
    for name, version in names.items():
        assert plugins.program(home, name, version).read_text() == name
