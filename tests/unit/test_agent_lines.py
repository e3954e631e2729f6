"""The host program's text and the command lines that call it."""

from __future__ import annotations

import hashlib
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from etcd_cluster import agent


def installed(user: str, target: Path, content: str) -> int:
    """Runs the install line against another place; returns its exit status."""
    line = agent.install_line(user).replace(agent.PATH, str(target))
    done = subprocess.run(["bash", "-c", line], input=content.encode(), check=False)
    return done.returncode


def test_line_calls_the_program_when_the_user_is_root() -> None:
    """No sudo: a root-only host may not have it."""
    assert agent.line("root", "gate") == "/usr/local/sbin/etcd-host gate"


def test_line_goes_through_sudo_when_the_user_is_another() -> None:
    """`-n`: it never waits for a password."""
    assert agent.line("deploy", "gate") == "sudo -n /usr/local/sbin/etcd-host gate"


@pytest.mark.parametrize("argument", ["a b", "$HOME", "a;b", "it's", "#x", "*"])
def test_argument_reaches_the_verb_whole_when_a_shell_would_split_it(argument: str) -> None:
    """Whatever it holds, it is one word."""
    assert shlex.split(agent.line("deploy", "pki", argument))[-1] == argument


def test_reason_is_a_comment_when_given() -> None:
    """Seen in a preview, not by the host."""
    line = agent.line("root", "converge", why="drift after 7: etcd.yaml edited")
    assert line == "/usr/local/sbin/etcd-host converge # drift after 7: etcd.yaml edited"
    assert shlex.split(line, comments=True) == [agent.PATH, "converge"]


def test_line_has_no_comment_when_there_is_no_reason() -> None:
    """Nothing that looks like a change."""
    assert "#" not in agent.line("root", "converge")


@pytest.mark.parametrize(
    ("user", "start"),
    [("root", ["bash", "-s", "--"]), ("deploy", ["sudo", "-n", "bash", "-s", "--"])],
)
def test_observation_reads_the_program_from_stdin_when_run(user: str, start: list[str]) -> None:
    """A host without the program can be observed too."""
    words = shlex.split(agent.observe_line(user, "containerd", "/run/c.sock"))
    assert words == [*start, "observe", "containerd", "/run/c.sock"]


def test_observation_is_told_the_others_addresses_when_there_are_some() -> None:
    """To be reached from there; the host's own is not among them."""
    line = agent.observe_line("root", "containerd", "/run/c.sock", "10.0.0.2", "2001:db8::3")
    assert shlex.split(line)[-4:] == ["containerd", "/run/c.sock", "10.0.0.2", "2001:db8::3"]


@pytest.mark.parametrize(
    ("user", "start"), [("root", ["sh", "-c"]), ("deploy", ["sudo", "-n", "sh", "-c"])]
)
def test_install_line_runs_one_script_when_split(user: str, start: list[str]) -> None:
    """All of it under sudo, not its first word only."""
    words = shlex.split(agent.install_line(user))
    assert words[:-1] == start


def test_install_line_names_the_digest_when_made() -> None:
    """So that a new program shows as a change although its text is secret."""
    assert agent.digest() in agent.install_line("root")


def test_program_is_installed_when_it_arrives_whole(tmp_path: Path) -> None:
    """With the mode that lets it run."""
    target = tmp_path / "etcd-host"
    assert installed("root", target, agent.packed()) == 0
    assert target.read_text() == agent.text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


@pytest.mark.parametrize("end", [0, 1000, -40])
def test_old_program_stays_when_the_new_one_arrives_cut_short(tmp_path: Path, end: int) -> None:
    """The digest says so, the line fails, nothing is replaced."""
    target = tmp_path / "etcd-host"
    target.write_text("old")
    assert installed("root", target, agent.packed()[:end]) != 0
    assert target.read_text() == "old"


def test_digest_is_that_of_the_text_when_computed() -> None:
    """SHA-256 in hex, as sha256sum on the host says it."""
    assert agent.digest() == hashlib.sha256(agent.text().encode()).hexdigest()


def test_text_starts_with_bash_and_strict_mode_when_put_together() -> None:
    """The first part comes first."""
    assert agent.text().startswith("#!/bin/bash\n")
    assert "\nset -euo pipefail\n" in agent.text()


def test_text_holds_every_part_when_put_together() -> None:
    """A part that is in the folder but not in the list would silently be missing."""
    folder = Path(agent.__file__).parent
    assert sorted(agent.PARTS) == sorted(part.stem for part in folder.glob("*.sh"))
    assert all((folder / f"{part}.sh").read_text() in agent.text() for part in agent.PARTS)


def test_text_ends_with_the_call_of_main_when_put_together() -> None:
    """A program cut short on its way defines functions and does nothing."""
    assert agent.text().splitlines()[-1] == 'main "$@"'
    assert agent.text().endswith("\n")


def test_main_is_called_once_when_the_program_runs() -> None:
    """Nowhere else than at the end."""
    calls = [line for line in agent.text().splitlines() if line.startswith("main ")]
    assert calls == ['main "$@"']


def test_bash_finds_no_error_when_it_reads_the_program() -> None:
    """`bash -n` reads all of it and runs nothing."""
    done = subprocess.run(
        ["bash", "-n"], input=agent.text(), text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_shellcheck_finds_nothing_when_it_reads_the_program() -> None:
    """Not one remark, and it really is there to make them."""
    assert shutil.which("shellcheck"), "shellcheck is not installed; make test installs it"
    done = subprocess.run(
        ["shellcheck", "-s", "bash", "-"],
        input=agent.text(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
