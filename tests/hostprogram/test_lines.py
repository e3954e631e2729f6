"""The host program's text and the command lines that call it."""

from __future__ import annotations

import hashlib
import re
import shlex
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from etcd_cluster import hostprogram
from etcd_cluster.hostprogram.program import PARTS


def installed(target: Path, brought: Path) -> subprocess.CompletedProcess[str]:
    """Runs the install line against other places."""
    line = hostprogram.install_line("root").replace(hostprogram.PATH, str(target))
    line = line.replace(hostprogram.BROUGHT, str(brought))
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)


def test_no_limit_goes_by_the_clock() -> None:
    """Bash's SECONDS does: a clock that is set would end a wait, or make it last."""
    code = [line.partition(" #")[0] for line in hostprogram.text().splitlines()]
    assert not [
        line for line in code if re.search(r"(?<![A-Z_])SECONDS\b", line) and line[0] != "#"
    ]


def test_line_calls_the_program_when_the_user_is_root() -> None:
    """No sudo: a root-only host may not have it."""
    assert hostprogram.line("root", "wait-healthy") == "/usr/local/sbin/etcd-host wait-healthy"


def test_line_goes_through_sudo_when_the_user_is_another() -> None:
    """`-n`: it never waits for a password."""
    assert (
        hostprogram.line("deploy", "wait-healthy")
        == "sudo -n /usr/local/sbin/etcd-host wait-healthy"
    )


@pytest.mark.parametrize("argument", ["a b", "$HOME", "a;b", "it's", "#x", "*"])
def test_argument_reaches_the_verb_whole_when_a_shell_would_split_it(argument: str) -> None:
    """Whatever it holds, it is one word."""
    assert shlex.split(hostprogram.line("deploy", "pki", argument))[-1] == argument


@pytest.mark.parametrize(
    ("user", "start"),
    [("root", ["bash", "-c"]), ("deploy", ["sudo", "-n", "bash", "-c"])],
)
def test_observation_reads_the_program_from_stdin_when_nothing_is_to_be_written(
    user: str, start: list[str]
) -> None:
    """A host without the program can be observed too, and a preview leaves nothing there."""
    line = hostprogram.observe_line(user, "unit one", "/run/c.sock", "-", bring=False)
    words = shlex.split(line)
    assert words[: len(start)] == start
    done = subprocess.run(
        words[len(start) - 2 :], input='printf "%s|" "$@"', capture_output=True, text=True
    )
    assert done.stdout == "observe|unit one|/run/c.sock|-|"


def test_nothing_is_done_when_the_program_that_an_observation_sends_is_cut_short() -> None:
    """A connection that ends half way leaves half a program: its last line runs it."""
    words = shlex.split(hostprogram.observe_line("root", "u", "/run/c.sock", "-", bring=False))
    text = hostprogram.text()
    done = subprocess.run(words, input=text[: len(text) // 2], capture_output=True, text=True)
    assert done.stdout == ""


@pytest.mark.parametrize("bring", [True, False])
def test_observation_is_told_the_others_addresses_when_there_are_some(bring: bool) -> None:
    """To be reached from there; the host's own is not among them."""
    others = ["10.0.0.2", "2001:db8::3"]
    who = "etcd etcd01 cafe -"
    line = hostprogram.observe_line("root", "containerd", "/run/c.sock", who, *others, bring=bring)
    assert shlex.split(line)[-6:] == ["observe", "containerd", "/run/c.sock", who, *others]


def test_program_stays_and_runs_when_an_observation_brings_it(tmp_path: Path) -> None:
    """Whole, for root alone, and with its arguments; what was brought before is gone."""
    brought = tmp_path / "run" / "program"
    line = hostprogram.observe_line("root", "unit one", "/run/c.sock", "a b c d", bring=True)
    for text in ("echo old", 'printf "%s|" "$@"'):
        done = subprocess.run(
            ["bash", "-c", line.replace(hostprogram.BROUGHT, str(brought))],
            input=text,
            text=True,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "observe|unit one|/run/c.sock|a b c d|"
    assert brought.read_text() == text
    assert [path.name for path in brought.parent.iterdir()] == ["program"]
    assert stat.S_IMODE(brought.stat().st_mode) == 0o600
    assert stat.S_IMODE(brought.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("user", "start"), [("root", ["sh", "-c"]), ("deploy", ["sudo", "-n", "sh", "-c"])]
)
def test_install_line_runs_one_script_when_split(user: str, start: list[str]) -> None:
    """All of it under sudo, not its first word only."""
    words = shlex.split(hostprogram.install_line(user))
    assert words[:-1] == start


def test_install_line_names_the_digest_when_made() -> None:
    """So that a new program shows as a change."""
    assert hostprogram.digest() in hostprogram.install_line("root")


def test_program_is_installed_when_it_was_brought(tmp_path: Path) -> None:
    """With the mode that lets it run."""
    target, brought = tmp_path / "etcd-host", tmp_path / "program"
    brought.write_text(hostprogram.text())
    assert installed(target, brought).returncode == 0
    assert target.read_text() == hostprogram.text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o755


@pytest.mark.parametrize("there", [None, "", hostprogram.text()[:-40], hostprogram.text() + "#"])
def test_old_program_stays_when_another_one_was_brought_or_none(
    tmp_path: Path, there: str | None
) -> None:
    """The host has been restarted since it was read, say. Nothing is replaced, and it is told."""
    target, brought = tmp_path / "etcd-host", tmp_path / "program"
    target.write_text("old")
    if there is not None:
        brought.write_text(there)
    done = installed(target, brought)
    assert done.returncode == 1
    assert "the program is missing or was changed" in done.stderr
    assert "run pulumi up again" in done.stderr
    assert [path.name for path in tmp_path.iterdir() if "etcd-host" in path.name] == ["etcd-host"]
    assert target.read_text() == "old"


PROGRAM = hostprogram.Program("/usr/local/sbin/other", "#!/bin/bash\necho ran\n")


@pytest.mark.parametrize("end", [None, 0, 20, -10])
def test_another_program_is_installed_from_stdin_when_it_arrives_whole(
    tmp_path: Path, end: int | None
) -> None:
    """Those of stacks that build on this one; cut short, it does not replace the old one."""
    target = tmp_path / "other"
    target.write_text("old")
    line = PROGRAM.install_line("root").replace(PROGRAM.path, str(target))
    done = subprocess.run(
        ["bash", "-c", line], input=PROGRAM.packed[:end].encode(), capture_output=True, check=False
    )
    assert (done.returncode == 0) == (end is None)
    assert target.read_text() == (PROGRAM.text if end is None else "old")


def test_digest_is_that_of_the_text_when_computed() -> None:
    """SHA-256 in hex, as sha256sum on the host says it."""
    assert hostprogram.digest() == hashlib.sha256(hostprogram.text().encode()).hexdigest()


def test_text_starts_with_bash_and_strict_mode_when_put_together() -> None:
    """The first part comes first."""
    assert hostprogram.text().startswith("#!/bin/bash\n")
    assert "\nset -euo pipefail\n" in hostprogram.text()


def test_text_holds_every_part_when_put_together() -> None:
    """A part that is in the folder but not in the list would silently be missing."""
    folder = Path(hostprogram.__file__).parent
    assert sorted(PARTS) == sorted(part.stem for part in folder.glob("*.sh"))
    assert all((folder / f"{part}.sh").read_text() in hostprogram.text() for part in PARTS)


def test_text_ends_with_the_call_of_main_when_put_together() -> None:
    """A program cut short on its way defines functions and does nothing."""
    assert hostprogram.text().splitlines()[-1] == 'main "$@"'
    assert hostprogram.text().endswith("\n")


def test_main_is_called_once_when_the_program_runs() -> None:
    """Nowhere else than at the end."""
    calls = [line for line in hostprogram.text().splitlines() if line.startswith("main ")]
    assert calls == ['main "$@"']


def test_bash_finds_no_error_when_it_reads_the_program() -> None:
    """`bash -n` reads all of it and runs nothing."""
    done = subprocess.run(
        ["bash", "-n"], input=hostprogram.text(), text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_shellcheck_finds_nothing_when_it_reads_the_program() -> None:
    """Not one remark, and it really is there to make them."""
    assert shutil.which("shellcheck"), "shellcheck is not installed; make test installs it"
    done = subprocess.run(
        ["shellcheck", "-s", "bash", "-"],
        input=hostprogram.text(),
        text=True,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")
