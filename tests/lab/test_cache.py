"""Folders that are made once per content."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.cache import code_digest, kept


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('"""Else."""\nfrom b import run\n\n\ndef make():\n    run("x", 1)  # why\n', True),
        ('from a import run\n\ndef make():\n    """Say."""\n    run("x", 1)\n', True),
        ('from a import run\n\ndef make():\n    run("x", 2)\n', False),
        ('from a import run\n\ndef make():\n    run("y", 1)\n', False),
        ('from a import run\nrun("x", 1)\n', False),
    ],
)
def test_code_counts_and_words_about_it_do_not(tmp_path: Path, text: str, same: bool) -> None:
    """A comment or a move of a module makes no image anew."""
    before, after = tmp_path / "before.py", tmp_path / "after.py"
    before.write_text('from a import run\n\ndef make():\n    run("x", 1)\n')
    after.write_text(text)
    assert (code_digest(after) == code_digest(before)) is same


def test_a_build_that_fails_leaves_nothing_that_looks_finished(tmp_path: Path) -> None:
    """The next one starts anew, and removes what a killed one left."""

    def fail(folder: Path) -> None:
        (folder / "half").touch()
        raise RuntimeError("in the middle")

    def make(folder: Path) -> None:
        (folder / "whole").touch()

    (tmp_path / ".it.unfinished-killed").mkdir()
    with pytest.raises(RuntimeError):
        kept(tmp_path, "it", "1", "making it", fail)
    assert [path.name for path in tmp_path.iterdir()] == [".it.lock"]
    made = kept(tmp_path, "it", "1", "making it", make)
    assert [path.name for path in made.iterdir()] == ["whole"]
