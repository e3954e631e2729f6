"""The lab's floors: nothing imports what stands above it."""

from __future__ import annotations

from tests.test_shape import imports, listed, texts

FLOORS = (
    ("errors", "progress", "versions"),
    ("instance", "locks", "shell"),
    ("cache", "machine"),
    ("go",),
    ("builds",),
    ("engine", "hosts"),  # neither needs the other
    ("mirror",),
    ("choice", "faults", "store"),
    ("lab",),
    ("dev", "stack"),
    ("backups",),
    ("__main__", "bench"),
)
FLOOR = {part: number for number, parts in enumerate(FLOORS) for part in parts}


def part(name: str) -> str:
    """`hosts` of lab.hosts.images.oci, or of lab/hosts/images/oci.py."""
    return name.replace("/", ".").removesuffix(".py").split(".")[1]


def files() -> list[str]:
    """The lab's modules, but for the one that says where the tree is."""
    return [path for path in texts(".py") if path.startswith("lab/") and path != "lab/__init__.py"]


def test_every_part_of_the_lab_has_its_floor() -> None:
    """A new file or folder is given its place here."""
    assert {part(path) for path in files()} == set(FLOOR)


def test_nothing_in_the_lab_imports_what_stands_beside_or_above_it() -> None:
    """Whoever reads it from the bottom up meets nothing that is not known yet."""
    wrong = [
        f"{path} imports {each.name}"
        for path in files()
        for each in imports(path)
        if each.name.startswith("lab.") and part(each.name) in FLOOR
        if part(each.name) != part(path) and FLOOR[part(each.name)] >= FLOOR[part(path)]
    ]
    assert not wrong, listed(wrong)
