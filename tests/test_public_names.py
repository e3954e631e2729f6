"""The public names: what they are, what importing them costs, and that they suffice the example."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import etcd_cluster
from lab import TREE

EXAMPLE = TREE / "examples/kubernetes"


@pytest.mark.parametrize("name", etcd_cluster.__all__)
def test_a_public_name_is_there_when_it_is_asked_for(name: str) -> None:
    """It is found at run time, not for the type checker alone."""
    assert getattr(etcd_cluster, name) is not None
    assert name in dir(etcd_cluster)


def test_another_name_is_an_error_when_it_is_asked_for() -> None:
    """As of any module."""
    with pytest.raises(AttributeError, match="has no attribute 'EtcdClutser'"):
        _ = etcd_cluster.EtcdClutser


def test_pulumi_is_not_imported_when_the_package_is() -> None:
    """Nor pydantic: whoever wants the errors alone waits for nothing."""
    script = (
        "import sys, etcd_cluster; etcd_cluster.HostsError; "
        "print([m for m in ('pulumi', 'pydantic', 'asyncssh') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=TREE, check=True, capture_output=True, text=True
    )
    assert done.stdout.strip() == "[]"


def imported(path: Path) -> Iterator[str]:
    """`etcd_cluster.Name` for each name of the package that a file imports."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names if each.name.startswith("etcd_cluster"))
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("etcd_cluster"):
            yield from (f"{node.module}.{each.name}" for each in node.names)


def test_the_example_imports_public_names_alone() -> None:
    """It is what others copy, and the proof that the names are enough."""
    public = {f"etcd_cluster.{name}" for name in etcd_cluster.__all__}
    found = {name for path in EXAMPLE.rglob("*.py") for name in imported(path)}
    assert "etcd_cluster.HostsArgs" in found
    assert found <= public


def test_every_public_name_is_documented() -> None:
    """In the table of docs/library.md, and there is no other in it."""
    text = (TREE / "docs/library.md").read_text(encoding="utf-8")
    rows = text.partition("| Name | What it is |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [row.split("|")[1] for row in rows]
    named = [name.strip().strip("`") for cell in cells for name in cell.split(",")]
    assert sorted(named) == sorted(etcd_cluster.__all__)
