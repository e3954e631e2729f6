"""The documentation: links lead somewhere, pages are short, the reference is current."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest

from etcd_cluster import hostprogram
from etcd_cluster.config import reference

TREE = Path(__file__).parent.parent
LONGEST = 300
_FENCE = re.compile(r"(?ms)^ *```.*?^ *```")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"(?m)^#{1,6} (.+)$")


def pages() -> list[str]:
    """Every Markdown file of the repository, by its path."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"],
        cwd=TREE,
        capture_output=True,
        text=True,
        check=True,
    )
    return sorted(path for path in listed.stdout.split() if (TREE / path).exists())


def anchors(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    found: set[str] = set()
    for heading in _HEADING.findall(_FENCE.sub("", text)):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", plain).replace(" ", "-")
        number = 0
        while (unique := f"{anchor}-{number}" if number else anchor) in found:
            number += 1
        found.add(unique)
    return found


def broken(page: Path) -> Iterator[str]:
    """Relative links of a page that lead nowhere."""
    for target in _LINK.findall(_FENCE.sub("", page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue  # another site
        path, _, anchor = unquote(target).partition("#")
        linked = (page.parent / path).resolve() if path else page
        if not linked.exists() or (
            anchor and linked.suffix == ".md" and anchor not in anchors(linked.read_text())
        ):
            yield target


@pytest.mark.parametrize(
    ("heading", "anchor"),
    [
        ("## Your own hosts", "your-own-hosts"),
        ("### 4. Configure", "4-configure"),
        ("## `members[]`", "members"),
        ("## A repository's key was rotated", "a-repositorys-key-was-rotated"),
        ("# A killed `up`", "a-killed-up"),
    ],
)
def test_anchor_is_githubs_when_a_heading_has_punctuation(heading: str, anchor: str) -> None:
    """Lower case, blanks as hyphens, no punctuation."""
    assert anchors(f"{heading}\n\ntext\n") == {anchor}


def test_link_is_found_broken_when_file_or_anchor_is_missing(tmp_path: Path) -> None:
    """Otherwise the next test could not fail."""
    (tmp_path / "other.md").write_text("# There\n")
    page = tmp_path / "page.md"
    page.write_text(
        "# Here\n[a](other.md#there) [b](#here) [c](gone.md) [d](other.md#gone) [e](#gone)\n"
        "```\n[f](in-code.md)\n```\n[g](https://example.com/#any)\n"
    )
    assert list(broken(page)) == ["gone.md", "other.md#gone", "#gone"]


@pytest.mark.parametrize("path", pages())
def test_relative_links_lead_somewhere(path: str) -> None:
    """To a file that exists and, where one is named, to a heading in it."""
    assert list(broken(TREE / path)) == []


@pytest.mark.parametrize("path", pages())
def test_page_is_short(path: str) -> None:
    """Nobody reads a page of more than 300 lines to its end."""
    assert len((TREE / path).read_text().splitlines()) <= LONGEST


def test_every_page_is_linked_from_another() -> None:
    """A page that nothing links to is not found."""
    linked = {
        str((page.parent / target.partition("#")[0]).resolve())
        for page in (TREE / path for path in pages())
        for target in _LINK.findall(page.read_text())
        if not re.match(r"[a-z]+:|#", target)
    }
    missing = [
        path
        for path in pages()
        if path.startswith("docs/")
        and str((TREE / path).resolve()) not in linked
        # Decisions are reached through their folder.
        and not path.startswith("docs/decisions/")
    ]
    assert missing == []


def test_configuration_reference_is_current() -> None:
    """`make docs` writes it."""
    assert (TREE / "docs/configuration.md").read_text() == reference.reference()


def quoted_messages() -> Iterator[str]:
    """Literal parts of the messages in the runbooks' tables, without what stands for a value."""
    for page in sorted((TREE / "docs/runbooks").glob("*.md")):
        _, table, rows = page.read_text().partition("\n| Message |")
        for row in rows.partition("\n\n")[0].splitlines()[2:] if table else []:
            message = row.split("`")[1]
            yield from (
                part.strip(" :")
                for part in re.split(r"…|\b[A-Z]{3,}(?!-)\b|\b60\b", message)
                if len(part.strip(" :")) > len("repository")
            )


@pytest.mark.parametrize("part", list(quoted_messages()))
def test_message_in_a_runbook_is_the_host_programs(part: str) -> None:
    """Somebody who searches the runbooks for a message finds it."""
    said = re.sub(r'" \\\n\s*"', " ", hostprogram.text())  # long messages are several words of bash
    said = re.sub(r"\$\{[^}]*\}|\$\w+|\$\([^)]*\)", "…", said)
    assert part in said


def test_table_of_verbs_has_those_that_help_lists() -> None:
    """Each once. (That `help` lists every function, tests of the host program assert.)"""
    page = (TREE / "docs/host-program.md").read_text()
    _, _, rows = page.partition("| Verb | What it does |\n|---|---|\n")
    cells = [row.split(" | ")[0] for row in rows.partition("\n\n")[0].splitlines()]
    documented = [verb for cell in cells for verb in re.findall(r"`([a-z-]+)", cell)]
    listed = re.findall(r"(?m)^## ([a-z-]+)", hostprogram.text())
    assert sorted(documented) == sorted([*listed, "help"])
