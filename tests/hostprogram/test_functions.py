"""What the host program makes of its input, before it touches anything."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from etcd_cluster import hostprogram
from etcd_cluster.state import member as state_member
from etcd_cluster.state.text import flat_yaml
from lab import builds
from tests.support.samples import settings

from .bash import run

USAGE, BAD_INPUT = 2, 3


def read(stdin: str) -> subprocess.CompletedProcess[str]:
    """Read a state with two required keys, an optional one and a family of keys."""
    return run(
        "read_state name size 'note?' 'arg.*'; "
        'for k in "${!S[@]}"; do echo "$k=${S[$k]}"; done | sort',
        stdin,
    )


def test_state_is_read_as_the_program_writes_it() -> None:
    """What flat_yaml writes is what the host understands, quotes and numbers included."""
    state = {"name": "etcd01", "size": "123", "arg.a": "https://[::1]:2379", "note": "true"}
    done = read(flat_yaml(state))
    assert done.returncode == 0
    assert dict(line.split("=", 1) for line in done.stdout.splitlines()) == state


@pytest.mark.parametrize(
    ("stdin", "said"),
    [
        ("name: a\n", "size: missing"),
        ("", "name: missing"),
        ("name: a\nsize: 1\ncolour: red\n", "colour: unknown key"),
        ("name: a\nsize: 1\nname: b\n", "name: given twice"),
        ("name: a\nsize: 1\nrubbish\n", "stdin line 3 is not 'key: value'"),
        ('name: a\nsize: "1\\n"\n', "size: holds a quote or a backslash"),
    ],
)
def test_wrong_state_is_refused_whole(stdin: str, said: str) -> None:
    """One line on stderr that names the key; nothing on stdout."""
    done = read(stdin)
    assert done.returncode == BAD_INPUT
    assert done.stderr.startswith("etcd-host: ")
    assert said in done.stderr
    assert done.stdout == ""


def test_no_value_is_repeated_when_a_state_is_refused() -> None:
    """It may be a private key."""
    for stdin in ("name: a\nsize: hunter2'\n", "hunter2\n", "name: hunter2\n", "key: hunter2\n"):
        done = read(stdin)
        assert done.returncode == BAD_INPUT
        assert "hunter2" not in done.stdout + done.stderr


def test_unknown_verb_is_a_usage_error() -> None:
    """And says where the verbs are."""
    done = run("main destroy-everything")
    assert done.returncode == USAGE
    assert "unknown verb 'destroy-everything'; see etcd-host help" in done.stderr


@pytest.mark.parametrize("verb", ["", "''", "'pki;id'", "'a b'", "_pki", "../pki", "PKI"])
def test_odd_verb_is_a_usage_error(verb: str) -> None:
    """Nothing of it is run."""
    done = run(f"main {verb}")
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert "unknown verb" in done.stderr


@pytest.mark.parametrize(("api", "form"), [("v1beta3", "dict"), ("v1beta4", "list")])
def test_the_real_kubeadm_takes_the_configuration(tmp_path: Path, api: str, form: str) -> None:
    """Both API versions; flags are a map in the one and a list in the other."""
    wanted = settings()
    state = state_member.member_state(wanted, wanted.members[0], "cafe") | {"kubeadm-api": api}
    done = run(
        'read_state "${MEMBER_KEYS[@]}"; render_kubeadm new "${S[initial-cluster]}"',
        flat_yaml(state),
    )
    assert done.returncode == 0, done.stderr
    path = tmp_path / "kubeadm.yaml"
    path.write_text(done.stdout)
    validated = subprocess.run(
        [builds.kubernetes() / "kubeadm", "config", "validate", "--config", path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert validated.returncode == 0, validated.stderr
    cluster = list(yaml.safe_load_all(done.stdout))[1]
    flags: Any = cluster["etcd"]["local"]["extraArgs"]
    assert type(flags).__name__ == form
    named = flags if form == "dict" else {each["name"]: each["value"] for each in flags}
    assert named["initial-cluster-token"] == "cafe"
    assert named["quota-backend-bytes"] == "2147483648"
    assert named["peer-trusted-ca-file"] == "/var/lib/etcd/member/peer-ca.crt"


def test_help_lists_every_verb() -> None:
    """A verb that is not in the help is not found by whoever needs it."""
    text = hostprogram.text()
    defined = {name.replace("_", "-") for name in re.findall(r"^verb_(\w+)\(\)", text, re.M)}
    helped = set(re.findall(r"^## ([a-z-]+)", text, re.M))
    assert helped == defined - {"help"}
    assert "wait-healthy" in defined


@pytest.mark.alone
def test_wait_ends_at_once_when_the_time_has_come() -> None:
    """What is so already is not waited for."""
    begin = time.monotonic()
    assert run("wait_until 30 true").returncode == 0
    assert time.monotonic() - begin < 2


def test_wait_goes_on_until_the_time_has_come(tmp_path: Path) -> None:
    """Asked again and again."""
    script = f"asked() {{ echo >>{tmp_path}/n; (($(wc -l <{tmp_path}/n) == 4)); }}; "
    assert run(script + "wait_until 30 asked").returncode == 0
    assert (tmp_path / "n").read_text() == "\n" * 4


def test_wait_fails_when_the_time_is_over() -> None:
    """Who waited says what for."""
    begin = time.monotonic()
    assert run("wait_until 2 false && echo came || echo over").stdout == "over\n"
    assert 0.9 < time.monotonic() - begin < 10


def test_program_of_the_system_goes_on_when_there_is_no_room_for_its_log(tmp_path: Path) -> None:
    """A package manager that gets SIGPIPE leaves a host half done."""
    loop = f"for n in $(seq 20000); do echo line $n; done; touch {tmp_path}/done; exit 7"
    done = run(f"apart /dev/full bash -c '{loop}' || echo $?")
    assert done.stdout == "7\n"
    assert (tmp_path / "done").exists()


def test_program_of_the_system_writes_to_a_pipe_and_has_no_lock(tmp_path: Path) -> None:
    """It may not write to our files; a daemon that it leaves behind holds nothing up."""
    log = tmp_path / "log"
    script = f"""
      exec 9>{tmp_path}/lock
      ends() {{
        ls /proc/self/fd; test -p /proc/self/fd/1 && echo pipe; sleep 60 & echo said >&2; return 3
      }}
      apart {log} ends 9>&- || echo "$? $SECONDS"; test -e /proc/self/fd/9 && echo kept
      exec 8>{tmp_path}/lock; flock -u 9; exec 9>&-; flock -n 8 && echo free"""
    begin = time.monotonic()
    ended, kept, free = run(script).stdout.splitlines()
    status, seconds = ended.split()
    assert (status, kept, free) == ("3", "kept", "free")
    assert 4 < int(seconds) < 30
    assert time.monotonic() - begin < 40
    *fds, pipe, said = log.read_text().split()
    assert (pipe, said) == ("pipe", "said")
    assert "9" not in fds


@pytest.mark.parametrize("clock", ["", "unset EPOCHREALTIME; "])
def test_clock_counts_microseconds_in_an_older_bash_too(clock: str) -> None:
    """RHEL 8 has bash 4.4, which has no EPOCHREALTIME."""
    begin, end = map(int, run(f'{clock}now_us a; sleep 0.2; now_us b; echo "$a $b"').stdout.split())
    assert 200_000 <= end - begin < 5_000_000
    assert abs(begin / 1e6 - time.time()) < 60
