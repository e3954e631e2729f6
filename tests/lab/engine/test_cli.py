"""How pulumi is run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.engine import Invocation, cli


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("up --yes", ("up", None, "")),
        ("--color never up --stack=prod", ("up", "prod", "")),
        ("-s e2e preview --diff", ("preview", "e2e", "")),
        ("destroy -se2e --cwd=there", ("destroy", "e2e", "there")),
        ("-C there stack output --stack dev", ("stack", "dev", "there")),
        ("up --target urn:x --stack dev -v=3", ("up", "dev", "")),
        ("up --stack", ("up", None, "")),
        ("", ("", None, "")),
    ],
)
def test_command_stack_and_folder_are_found_among_the_arguments(
    line: str, expected: tuple[str, str | None, str]
) -> None:
    """What has to be made ready depends on these."""
    assert cli._told(line.split()) == expected


def test_pulumi_says_all_on_one_stream_when_started(tmp_path: Path) -> None:
    """And reads nothing: nobody is there to answer a question."""
    command = ["sh", "-c", "pwd; echo error >&2; cat; exit 3"]
    call = Invocation(command=command, cwd=tmp_path, env={"PATH": os.defpath})
    with call.start() as running:
        said, _ = running.communicate()
    assert (said, running.returncode) == (f"{tmp_path}\nerror\n", 3)
