"""Member lists, statuses and health as etcdctl prints them, and as the host program's rows.

The texts in `said` are what etcdctl 3.5.9 and 3.6.6 printed of clusters of three on loopback, with
a learner that was added under two peer URLs and never started; `-down`: one of them was stopped.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from .bash import run

SAID = Path(__file__).parent / "said"
VERSIONS = ("3.5", "3.6")
CLUSTER = "b307dd1f9bbe6cd8"


def said(version: str, thing: str) -> str:
    """What etcdctl of this version printed."""
    return (SAID / f"etcdctl-{version}-{thing}.txt").read_text()


def call(function: str, *arguments: str) -> tuple[int, list[str]]:
    """The exit code and the lines of one function of quorum.sh."""
    done = run(shlex.join([function, *arguments]))
    assert done.stderr == ""
    return done.returncode, done.stdout.splitlines()


def url(number: int, port: int = 2379) -> str:
    """Where member number so-and-so is."""
    return f"https://10.0.0.{number}:{port}"


def row(number: int, *, learner: bool = False, started: bool = True) -> str:
    """One member's row; its id is `a` and its number."""
    names = f"started etcd0{number}" if started else "unstarted -"
    client = url(number) if started else "-"
    return f"a{number} {names} {url(number, 2380)} {client} {str(learner).lower()}"


def rows(voters: int, learners: int = 0) -> str:
    """Members 1 to `voters`, and learners behind them."""
    both = range(1, voters + learners + 1)
    return "\n".join(row(number, learner=number > voters) for number in both)


def healthy(*numbers: int) -> str:
    """What `endpoint health` prints of these."""
    return "\n".join(
        f"{url(number)} is healthy: successfully committed proposal: took = 8.3ms"
        for number in numbers
    )


def status(number: int, *, as_id: str = "", cluster: str = CLUSTER, leader: str = "a1") -> str:
    """One voter's row of `endpoint status`."""
    return f"{url(number)} {as_id or f'a{number}'} {cluster} {leader} false 3.6.6"
