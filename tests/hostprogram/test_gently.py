"""What runs behind etcd: in turns, where the timer started it and the database is not small."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from .bash import run

STEADILY = "BACKGROUND=yes; steadily_from 100000000\n"


@pytest.mark.parametrize(
    ("background", "size", "steady"),
    [("yes", 100_000_000, "yes"), ("yes", 1_000_000, ""), ("", 100_000_000, "")],
    ids=["by the timer", "a small one", "somebody waits"],
)
def test_a_large_database_is_backed_up_in_turns(background: str, size: int, steady: str) -> None:
    """Whoever runs a backup by hand, or before a change, is not kept waiting."""
    said = run(f'BACKGROUND={background}; steadily_from {size}; echo "<$STEADY> $SNAPSHOT_SECONDS"')
    assert said.stdout == f"<{steady}> {10800 if steady else 900}\n"


@pytest.mark.parametrize("steadily", ["", STEADILY], ids=["at once", "in turns"])
def test_a_command_is_as_it_would_be_alone(steadily: str) -> None:
    """Its input, its output, its status; a function, and one that is limited in time."""
    script = f"""{steadily}
ours() {{ timeout 9 sh -c 'cat; sleep 0.2; echo said >&2; exit 7'; }}
status=0; INTO=/dev/null gently ours <<<given 2>&1 || status=$?
echo "$status"
echo "$(gently tr a-z A-Z <<<given | cut -c1-3)"
"""
    assert run(script).stdout == "given\nsaid\n7\nGIV\n"


@pytest.mark.parametrize("limited", ["", "timeout 60"])
def test_a_command_takes_turns(limited: str) -> None:
    """It has the processor for a small part of the time, also behind `timeout`."""
    script = f"""
burn() {{ {limited} sh -c 'i=0; while [ $i -lt 150000 ]; do i=$((i + 1)); done'; }}
mark_time begin; gently burn; mark_time end; echo $((end - begin))
"""
    at_once, in_turns = (int(run(how + script).stdout) for how in ("", STEADILY))
    assert in_turns > 2 * at_once


def test_nothing_stays_behind_stopped_when_this_program_is_killed() -> None:
    """By SIGKILL, in a rest most likely: the kernel ends it."""
    mark = f"31.{time.monotonic_ns() % 10**9}"
    script = f"{STEADILY} gently timeout 60 sleep {mark} & sleep 0.5; kill -KILL $!; sleep 0.5"
    run(f"{script}; pgrep -f '^sleep {mark}' && echo still there")
    assert run(f"pgrep -f '^(timeout 60 )?sleep {mark}'").stdout == ""


def test_a_share_that_is_gone_ends_the_run(tmp_path: Path) -> None:
    """What it would put on the disk there is waited for without end; the run is not."""
    never = tmp_path / "sync"
    never.write_text("#!/bin/sh\nexec sleep 60\n")
    never.chmod(0o755)
    script = f"""{STEADILY}WORK={tmp_path}; PATH={tmp_path}:$PATH
    status=0; INTO=x gently in_folder 2 sleep 60 || status=$?
    echo "$status"; cat "$WORK/store.log"
    """
    done = run(script, places={"LIST_SECONDS=60": "LIST_SECONDS=1"})
    assert done.stdout == "124\nno answer within 2 s\n"


def test_a_turn_ends_where_the_shell_misses_its_alarm() -> None:
    """As those up to 5.1 do now and then."""
    deaf = """read() {
      if [[ $1 == -r && $2 == -t ]]; then builtin read -r -u "${@: -1}"; else builtin read "$@"; fi
    }
"""
    done = run(f"{STEADILY}{deaf}gently sh -c 'sleep 0.1; echo done'")
    assert done.stdout == "done\n"


@pytest.mark.parametrize(
    ("interval", "size", "seconds"),
    [("60", "", "11"), ("60", "6.29e+08", "210"), ("86400", "", "600"), ("86400", "8e+09", "3143")],
)
def test_others_wait_longer_for_a_large_database(interval: str, size: str, seconds: str) -> None:
    """The leader's run takes its time."""
    assert run(f"fallback_seconds {interval} {size}").stdout == f"{seconds}\n"
