"""The shape of the project: who may import whom, how long a file may be, which words are gone."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LINES_OF_A_FILE = 300
LINES_OF_A_FUNCTION = 60
COLUMNS_OF_SHELL = 120

# From the bottom: a part of etcd_cluster, and the parts that it may import.
MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "errors": frozenset(),
    "versions": frozenset(),
    "wellknown": frozenset(),
    "flags": frozenset({"versions"}),
    "hostprogram": frozenset(),
    "config": frozenset({"errors", "versions", "wellknown", "flags"}),
    "state": frozenset({"config", "wellknown"}),
    "plan": frozenset({"errors", "versions", "wellknown", "config", "state", "hostprogram"}),
    "components": frozenset({"errors", "wellknown", "config", "state", "hostprogram", "plan"}),
}
# At the top: a folder or program, and which of the others it may import.
PROGRAMS: Mapping[str, frozenset[str]] = {
    "etcd_cluster": frozenset(),
    "__main__": frozenset({"etcd_cluster"}),
    "examples": frozenset({"etcd_cluster", "control_plane"}),
    "lab": frozenset({"etcd_cluster"}),
    "tests": frozenset({"etcd_cluster", "lab", "control_plane"}),
}


@cache
def texts(*endings: str) -> dict[str, str]:
    """Every text of ours with one of these endings, by its path from the root."""
    names = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    found = {
        name: (ROOT / name).read_text(encoding="utf-8")
        for name in names
        if name.endswith(endings) and (ROOT / name).is_file()
    }
    assert found, f"no file ends with {endings}"
    return found


def listed(wrong: Iterable[str]) -> str:
    """One a line: all of them are wanted, to mend them at once."""
    return "".join(f"\n  {each}" for each in wrong)


# --- imports


@dataclass(frozen=True)
class Import:
    """One imported module or name, e.g. etcd_cluster.config.values or pulumi.Output."""

    name: str
    only_for_types: bool


def module_name(path: str) -> str:
    """etcd_cluster.config of etcd_cluster/config/__init__.py; an example's own folder is a root."""
    name = path.removeprefix("examples/kubernetes/").removesuffix(".py").replace("/", ".")
    return name.removesuffix(".__init__")


@cache
def imports(path: str) -> tuple[Import, ...]:
    """What a file imports, anywhere in it."""
    tree = ast.parse(texts(".py")[path])
    package = module_name(path).split(".")
    if not path.endswith("/__init__.py"):
        package.pop()
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    return tuple(
        Import(name, node in for_types)
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in imported(node, package)
    )


def imported(node: ast.Import | ast.ImportFrom, package: list[str]) -> Iterator[str]:
    """The full names that one statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
        return
    above = package[: len(package) + 1 - node.level] if node.level else []
    yield from (
        ".".join([*above, *(node.module or "").split("."), alias.name]).replace("..", ".")
        for alias in node.names
    )


def product() -> list[str]:
    """The files of etcd_cluster but for the one that lists its public names."""
    found = [path for path in texts(".py") if path.startswith("etcd_cluster/")]
    return [path for path in found if path != "etcd_cluster/__init__.py"]


def test_part_imports_only_what_lies_below_it() -> None:
    """As the data flows: configuration, desired state, the plan that compares it, components."""
    wrong = []
    for path in product():
        part = module_name(path).split(".")[1]
        for name in (each.name.split(".") for each in imports(path)):
            if name[0] == "etcd_cluster" and name[1] not in MAY_IMPORT[part] | {part}:
                wrong.append(f"{path} imports {'.'.join(name)}")
    assert not wrong, listed(wrong)


def test_only_components_import_pulumi() -> None:
    """All the rest is read and tested without an engine."""
    wrong = [
        f"{path} imports {each.name}"
        for path in product()
        if not path.startswith("etcd_cluster/components/")
        for each in imports(path)
        if re.match(r"pulumi\b|pulumi_", each.name)
    ]
    assert not wrong, listed(wrong)


def test_pulumi_is_not_loaded_by_what_does_not_import_it() -> None:
    """Neither by another way, nor by the public names before they are asked for."""
    names = [module_name(path) for path in product() if "/components/" not in path]
    script = (
        "import importlib, sys; "
        f"[importlib.import_module(name) for name in ['etcd_cluster', *{names}]]; "
        "print([name for name in sys.modules if name.partition('.')[0].startswith('pulumi')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_program_imports_no_other_that_it_may_not_know() -> None:
    """The lab knows the product, never the reverse; nobody knows the tests."""
    roots = {*PROGRAMS, "control_plane"} - {"__main__"}
    wrong = []
    for path in texts(".py"):
        own = path.partition("/")[0].removesuffix(".py")
        for each in imports(path):
            root = each.name.partition(".")[0]
            if root in roots - {own} and root not in PROGRAMS[own]:
                wrong.append(f"{path} imports {each.name}")
    assert not wrong, listed(wrong)


def test_no_import_leads_back_to_where_it_began() -> None:
    """A circle works or fails by which module is imported first."""
    modules = {module_name(path): path for path in texts(".py")}
    graph = {
        name: {
            target
            for each in imports(path)
            if not each.only_for_types
            for target in (each.name, each.name.rpartition(".")[0])
            if target in modules
            and target != name
            # (Of a package, what is imported is its submodule, where there is one of that name.)
            and not (target != each.name and each.name in modules)
        }
        for name, path in modules.items()
    }
    while leaves := {name for name, targets in graph.items() if not targets & graph.keys()}:
        graph = {name: targets for name, targets in graph.items() if name not in leaves}
    assert graph == {}


def test_tests_mirror_the_folders_of_the_product() -> None:
    """Whoever looks for the tests of a folder finds them under its name."""
    folders = {path.split("/")[1] for path in product() if path.count("/") > 1}
    tested = {path.split("/")[1] for path in texts(".py") if path.startswith("tests/")}
    assert folders - tested == set()


# --- lengths


def test_no_file_is_longer_than_what_can_be_read_at_once() -> None:
    """Programs, tests and documents alike."""
    endings = (".py", ".sh", ".go", ".md", ".ci/run", "Makefile")
    long = [
        f"{path}: {lines} lines"
        for path, text in texts(*endings).items()
        if (lines := text.count("\n")) > LINES_OF_A_FILE
    ]
    assert not long, listed(long)


def python_functions(text: str) -> Iterator[tuple[str, int]]:
    """Each function's name and its number of lines."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def shell_functions(text: str) -> Iterator[tuple[str, int]]:
    """Each function's name and its number of lines."""
    several = r"^([\w-]+)\(\) [{(](?!.*; [})]( *#.*)?$).*\n(.*\n)*?[})]"
    for found in re.finditer(several, text, re.MULTILINE):
        yield found[1], found[0].count("\n") + 1


def test_no_function_is_longer_than_a_page() -> None:
    """In Python and in shell."""
    long = [
        f"{path}: {name} has {lines} lines"
        for endings, functions in (
            ((".py",), python_functions),
            ((".sh", ".ci/run"), shell_functions),
        )
        for path, text in texts(*endings).items()
        for name, lines in functions(text)
        if lines > LINES_OF_A_FUNCTION
    ]
    assert not long, listed(long)


def test_lines_of_shell_fit_on_a_screen() -> None:
    """Most of it is read on hosts, by people in a hurry."""
    long = [
        f"{path}:{number}: {len(line)} columns"
        for path, text in texts(".sh", ".ci/run").items()
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > COLUMNS_OF_SHELL
    ]
    assert not long, listed(long)


# --- words

# What was renamed, and what it is called now.
OLD_WORDS = {
    r"\bfounding\b|\bfounders?\b": "bootstrap",
    r"`found`|\betcd-host found\b|\bverb_found\b|member \(found\)": "bootstrap",
    r"(?<!feature-)\bgates?\b": "wait-healthy",
    r"\bsettle(_\w+)?\b": "prepare-host",
    r"\betcd-host prepare(?!-)\b|\bverb_prepare\b(?!_)|\| prepare \|": "prepare-kubelet",
    r"(?<!gpg)(?<!ssh)-agent\b": "…-program",
    r"\b(etcd_cluster|tests)[./](agent|access|checks|faults|fields|kubeadm|packages|probe)\b": (
        "etcd_cluster.config, .plan, .state, .hostprogram"
    ),
    r"\btests/(unit|graph)\b": "the folders of tests/ that mirror the product's",
}


@pytest.mark.parametrize("pattern", OLD_WORDS)
def test_no_text_uses_an_old_name(pattern: str) -> None:
    """Two words for one thing are two things to whoever comes new."""
    wrong = [
        f"{path}:{number}: {line.strip()[:100]}"
        for path, text in texts(".py", ".sh", ".md", ".yaml", ".toml", "Makefile").items()
        if path != "tests/test_shape.py"
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert not wrong, f"say {OLD_WORDS[pattern]}: {listed(wrong)}"
