"""Somebody uses the project as a library: their program, their folder, nothing else installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from lab import TREE, engine
from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES
from tests.support.terminal import one_error

pytestmark = [pytest.mark.matrix, pytest.mark.timeout(1500)]

PROGRAM = re.search(
    r"```python\n(import pulumi\n.*?)```", (TREE / "docs/library.md").read_text(), re.DOTALL
)


class Library(Stack):
    """A stack of a program outside this repository, run by a Python that does not know it."""

    def _write_project(self) -> None:
        runtime = {"name": "python", "options": {"virtualenv": ".venv"}}
        (self.folder / "Pulumi.yaml").write_text(
            yaml.safe_dump({"name": "platform", "runtime": runtime})
        )
        assert PROGRAM
        (self.folder / "__main__.py").write_text(PROGRAM[1])

    @property
    def env(self) -> dict[str, str]:
        """As the lab's, without the way to this repository.

        Pulumi's own language host goes by `virtualenv`; the lab's by the first Python on PATH.
        """
        path = os.pathsep.join([str(self.folder / ".venv/bin"), engine.prepare().env["PATH"]])
        return super().env | {"PYTHONPATH": "", "PATH": path}


def oldest() -> str:
    """The lower bounds of what the package needs."""
    project = tomllib.loads((TREE / "pyproject.toml").read_text())["project"]
    return "\n".join(
        re.sub(r">=([0-9.]+),.*", r"==\1", wanted) for wanted in project["dependencies"]
    )


def install(folder: Path, constraints: str) -> None:
    """A virtual environment with `pip install` of the tree in it, and nothing else."""
    # From a copy: building leaves files in the tree that it builds.
    tree = folder / "tree"
    tree.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(TREE / name, tree)
    shutil.copytree(
        TREE / "etcd_cluster", tree / "etcd_cluster", ignore=shutil.ignore_patterns("__pycache__")
    )
    (folder / "constraints.txt").write_text(constraints)
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
    pip = [str(folder / ".venv/bin/pip"), "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--constraint", str(folder / "constraints.txt"), str(tree)], check=True)
    shutil.rmtree(tree)


@pytest.fixture(scope="module", params=["locked", pytest.param("oldest", marks=pytest.mark.long)])
def library(
    request: pytest.FixtureRequest, hosts: Lab, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Library]:
    """The stack, up; with the versions of this repository, and with the oldest that are allowed."""
    folder = tmp_path_factory.mktemp("library")
    locked = (TREE / "requirements.txt").read_text()
    install(folder, locked if request.param == "locked" else oldest())
    stack = Library(folder, hosts, NAMES)
    stack.up()
    yield stack
    stack.destroy()


def test_the_package_is_the_installed_one_when_the_program_imports_it(library: Library) -> None:
    """Complete: with the host program's parts, its types and its license."""
    script = (
        "import etcd_cluster, etcd_cluster.hostprogram as h; h.text(); print(etcd_cluster.__file__)"
    )
    said = subprocess.run(
        [library.folder / ".venv/bin/python", "-c", script],
        cwd=library.folder,
        env={**os.environ, "PYTHONPATH": ""},
        check=True,
        capture_output=True,
        text=True,
    )
    package = Path(said.stdout.strip()).parent
    assert package.is_relative_to(library.folder / ".venv")
    assert (package / "py.typed").exists()
    assert list(package.parent.glob("etcd_cluster-*.dist-info/licenses/LICENSE"))


def test_the_cluster_is_healthy_when_up_has_ended(library: Library, tmp_path: Path) -> None:
    """By the outputs of that program alone."""
    assert Client(tmp_path, library.outputs()).healthy() == len(NAMES)


def test_the_preview_is_clean_when_nothing_has_changed(library: Library) -> None:
    """As for the project's own program."""
    library.pulumi("preview", "--expect-no-changes")


def test_a_wrong_configuration_is_one_error_when_previewed(library: Library) -> None:
    """And no traceback of a program whose author could do nothing about it."""
    library.config["nosuch"] = "key"
    try:
        result = library.pulumi("preview", check=False)
    finally:
        del library.config["nosuch"]
    assert "nosuch: unknown key" in one_error(result)
