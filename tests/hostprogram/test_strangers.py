"""What members and processes of others say or are: it does not run as root, nor pass for ours."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from .asking import on_host
from .bash import run
from .quorums import call
from .test_quorum import ONE

NOBODY = 65534
# Says so when it runs as that user, by that name, and goes on until its stdin ends.
STRANGER = """
import os, sys
open("/proc/self/comm", "w").write("etcd")
os.setgid(int(sys.argv[1])); os.setuid(int(sys.argv[1]))
print("runs", flush=True)
sys.stdin.read()
"""


@pytest.fixture(params=[NOBODY, 0], ids=["of another user", "of root"])
def process(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[tuple[int, bool]]:
    """One with the name and the words of our etcd: its id, and whether it can be ours."""
    command = [sys.executable, "-I", "-c", STRANGER, str(request.param), f"--data-dir={tmp_path}"]
    started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert started.stdout
    assert started.stdout.readline() == "runs\n"
    yield started.pid, request.param == 0
    started.communicate()


def _here(folder: Path, script: str, fenced: str = "none.yaml") -> str:
    places = {
        "readonly FENCED=$OWN/etcd.yaml.fenced": f"readonly FENCED={folder}/{fenced}",
        "readonly DATA=/var/lib/etcd": f"readonly DATA={folder}",
        "readonly MANIFEST=$MANIFESTS/etcd.yaml": f"readonly MANIFEST={folder}/etcd.yaml",
    }
    done = run(f"recall() {{ :; }}\n{script}", places=places)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.strip()


PART = "if serves_peers; then echo PART; else echo NONE; fi"


def test_process_of_another_user_is_not_our_etcd(tmp_path: Path, process: tuple[int, bool]) -> None:
    """It would be stopped in place of ours, and programs be run from where it has them."""
    pid, ours = process
    assert _here(tmp_path, "etcd_pid") == (str(pid) if ours else "")
    assert _here(tmp_path, "etcd_pid foreign") == ("" if ours else str(pid))


def test_guard_does_not_open_where_it_is_not_known_whose_etcd_runs(
    tmp_path: Path, process: tuple[int, bool]
) -> None:
    """Nothing listens for peers here: ours is missed by nobody, that of others may be."""
    assert _here(tmp_path, PART) == ("NONE" if process[1] else "PART")


@pytest.mark.parametrize("process", [NOBODY], indirect=True)
def test_etcd_runs_as_whoever_has_the_data_or_is_named(
    tmp_path: Path, process: tuple[int, bool]
) -> None:
    """An adopted member may be somebody's, and data be given away while it runs."""
    data = tmp_path / "member"
    data.mkdir()
    manifest = tmp_path / "etcd.yaml"
    manifest.write_text("    securityContext:\n      runAsUser: 65535\n")
    assert _here(tmp_path, "etcd_pid") == ""
    manifest.write_text(f"    securityContext:\n      runAsUser: {NOBODY}\n")
    assert _here(tmp_path, "etcd_pid") == str(process[0])
    manifest.rename(tmp_path / "fenced.yaml")
    assert _here(tmp_path, "etcd_pid", "fenced.yaml") == str(process[0])
    assert _here(tmp_path, "etcd_pid") == ""
    known = f'name_service() {{ [[ $2 != etcd ]] || echo "etcd:x:{NOBODY}:1::/:/x"; }}'
    assert _here(tmp_path, f"{known}; etcd_pid") == str(process[0])
    subprocess.run(["chown", str(NOBODY), str(data)], check=True)
    assert _here(tmp_path, "etcd_pid") == str(process[0])


NOT_A_URL = [
    "https://127.0.0.1$(touch RAN):2379",
    "https://127.0.0.1`touch RAN`:2379",
    "https://127.0.0.1:2379; touch RAN",
    "https://127.0.0.1:2379 --cacert=/tmp/ca",
    "https://127.0.0.1:2379,https://10.0.0.9:2379",
    "unix:///run/etcd.sock",
    "10.0.0.1:2379",
]


@pytest.mark.parametrize("url", NOT_A_URL)
@pytest.mark.parametrize("field", ["PeerURL", "ClientURL"])
def test_list_with_something_else_than_a_url_is_refused(field: str, url: str) -> None:
    """Members say themselves where they are, and etcd passes it on."""
    (line,) = [each for each in ONE.splitlines() if each.startswith(f'"{field}"')]
    status, printed = call("member_rows", ONE.replace(line, f'"{field}" : "{url}"'))
    assert (status != 0, printed) == (True, [])


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "[2001:db8::1]", "[fe80::1%eth0]", "etcd-01.example.com", "node_1"]
)
def test_list_with_addresses_of_all_kinds_is_read(host: str) -> None:
    """As members of others have them, too."""
    assert call("member_rows", ONE.replace("10.0.0.1", host))[0] == 0


@pytest.mark.parametrize("name", ["old node 1", "old\tnode"])
def test_list_with_a_name_of_several_words_is_refused(name: str) -> None:
    """What stands behind it in a row would be taken for something else: it would be no voter."""
    status, printed = call("member_rows", ONE.replace('"Name" : "a"', f'"Name" : "{name}"'))
    assert (status != 0, printed) == (True, [])


@pytest.mark.parametrize("url", NOT_A_URL[:3])
def test_address_of_a_member_is_not_run(tmp_path: Path, url: str) -> None:
    """Wherever it comes from."""
    script = f"cd {tmp_path}; mkdir -p $WORK; answering '{url.replace(' ', '${IFS}')}' || true"
    on_host(tmp_path, script)
    assert not (tmp_path / "RAN").exists()
    run(f"cd {tmp_path}; listens '127.0.0.1$(touch RAN)/1' || true")
    assert not (tmp_path / "RAN").exists()
