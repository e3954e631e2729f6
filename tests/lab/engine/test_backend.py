"""A stack in a file backend is made ready, whatever ended the command before."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from pathlib import Path

import pytest

from lab.engine import backend
from lab.engine.backend import Lock

HERE = "this-host"


def _proc(root: Path, pid: int, *, name: str = "pulumi", state: str = "S (sleeping)") -> Path:
    """Make a /proc with one process in it."""
    (root / "self").mkdir(parents=True, exist_ok=True)
    folder = root / str(pid)
    folder.mkdir()
    (folder / "status").write_text(f"Name:\t{name}\nUmask:\t0022\nState:\t{state}\nPid:\t{pid}\n")
    return root


def test_lock_is_kept_while_its_pulumi_lives(tmp_path: Path) -> None:
    """A pulumi under the recorded number is at work: its lock is not ours to clear."""
    proc = _proc(tmp_path, 41)
    assert not Lock(pid=41, hostname=HERE).is_stale(hostname=HERE, proc=proc)


def test_lock_is_stale_when_its_process_is_gone(tmp_path: Path) -> None:
    """No process of that number on this host: the command was killed."""
    proc = _proc(tmp_path, 41)
    assert Lock(pid=42, hostname=HERE).is_stale(hostname=HERE, proc=proc)


def test_lock_is_stale_when_another_program_has_the_number(tmp_path: Path) -> None:
    """Numbers are used again: an editor under that number holds no lock."""
    proc = _proc(tmp_path, 41, name="vim")
    assert Lock(pid=41, hostname=HERE).is_stale(hostname=HERE, proc=proc)


def test_lock_is_stale_when_its_process_is_a_zombie(tmp_path: Path) -> None:
    """Killed, but its parent has not waited for it yet: it holds nothing any more."""
    proc = _proc(tmp_path, 41, state="Z (zombie)")
    assert Lock(pid=41, hostname=HERE).is_stale(hostname=HERE, proc=proc)


def test_lock_is_kept_under_a_wrapped_name(tmp_path: Path) -> None:
    """Some distributions start pulumi under a name such as .pulumi-wrapped."""
    proc = _proc(tmp_path, 41, name=".pulumi-wrapped")
    assert not Lock(pid=41, hostname=HERE).is_stale(hostname=HERE, proc=proc)


def test_lock_of_another_host_is_kept(tmp_path: Path) -> None:
    """Nothing here can tell whether a process of another host lives."""
    proc = _proc(tmp_path, 41)
    assert not Lock(pid=42, hostname="elsewhere").is_stale(hostname=HERE, proc=proc)


def test_lock_is_judged_without_proc_by_asking_the_process(tmp_path: Path) -> None:
    """Where there is no /proc, a process that can be signalled is alive."""
    ended = subprocess.Popen(["true"])
    ended.wait()
    assert not Lock(pid=os.getpid(), hostname=HERE).is_stale(hostname=HERE, proc=tmp_path)
    assert Lock(pid=ended.pid, hostname=HERE).is_stale(hostname=HERE, proc=tmp_path)


def test_lock_is_read_from_pulumis_file(tmp_path: Path) -> None:
    """The form in which Pulumi 3.259 writes it."""
    file = tmp_path / "lock.json"
    told = {"pid": 7, "username": "root", "hostname": "vm", "timestamp": "2026-11-23T01:41:38Z"}
    file.write_text(json.dumps(told))
    assert Lock.read(file) == Lock(pid=7, hostname="vm")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"pid": 7}', '{"pid": "x", "hostname": "vm"}'])
def test_lock_of_another_form_is_no_lock_that_can_be_judged(tmp_path: Path, text: str) -> None:
    """Half written, or of a Pulumi to come: no judgement rather than a wrong one."""
    file = tmp_path / "lock.json"
    file.write_text(text)
    assert Lock.read(file) is None


def _stack(folder: Path, pulumi: Path) -> backend.StoredStack:
    """Make a project `p` whose backend is `folder`."""
    (folder / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    env = {"PULUMI_BACKEND_URL": folder.as_uri(), "PATH": os.environ["PATH"]}
    return backend.StoredStack(name="dev", project=folder, pulumi=pulumi, env=env)


def _recorder(folder: Path) -> Path:
    """Make a pulumi that only writes down how it was called and what it was given."""
    program = folder / "pulumi"
    program.write_text('#!/bin/sh\necho "$@" >> calls\ncase "$2" in import) cat >> calls;; esac\n')
    program.chmod(0o755)
    return program


def _locked_by(folder: Path, *pids: int) -> None:
    held = folder / ".pulumi/locks/organization/p/dev"
    held.mkdir(parents=True)
    for pid in pids:
        told = {"pid": pid, "hostname": socket.gethostname()}
        (held / f"{pid}.json").write_text(json.dumps(told))


def _ended() -> int:
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def test_stale_lock_is_cancelled(tmp_path: Path) -> None:
    """All who hold the lock are gone: pulumi itself takes it away."""
    _locked_by(tmp_path, _ended())
    assert _stack(tmp_path, _recorder(tmp_path)).clear_stale_locks()
    calls = (tmp_path / "calls").read_text()
    assert calls == "cancel --yes --stack dev --non-interactive\n"


def test_nothing_is_cancelled_while_one_holder_lives(tmp_path: Path) -> None:
    """`pulumi cancel` takes every lock away, so one that is alive protects them all."""
    alive = tmp_path / "pulumi-sleeps"
    alive.symlink_to("/bin/sleep")
    process = subprocess.Popen([alive, "60"])
    try:
        _locked_by(tmp_path, _ended(), process.pid)
        assert not _stack(tmp_path, _recorder(tmp_path)).clear_stale_locks()
    finally:
        process.kill()
        process.wait()
    assert not (tmp_path / "calls").exists()


def test_new_stack_is_created_and_not_selected(tmp_path: Path) -> None:
    """The first command of all creates the stack; the user's selection stays."""
    _stack(tmp_path, _recorder(tmp_path)).make_ready()
    calls = (tmp_path / "calls").read_text()
    assert calls == "stack init --no-select --stack dev --non-interactive\n"


def _state(folder: Path, pending: list[dict[str, object]]) -> None:
    file = folder / ".pulumi/stacks/p/dev.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"checkpoint": {"latest": {"pending_operations": pending}}}))


def test_interrupted_operations_are_forgotten_before_a_write(tmp_path: Path) -> None:
    """The state goes out of `stack export` and into `stack import`, which drops them."""
    _state(tmp_path, [{"type": "creating", "resource": {"urn": "urn:x"}}])
    stack = _stack(tmp_path, _recorder(tmp_path))
    assert stack.interrupted_operations() == ["creating urn:x"]
    stack.make_ready()
    calls = (tmp_path / "calls").read_text().splitlines()
    expected = ["stack export --stack dev", "stack import --stack dev"]
    assert calls == [f"{call} --non-interactive" for call in expected]


def test_preview_leaves_interrupted_operations_alone(tmp_path: Path) -> None:
    """A command that only reads changes no state."""
    _state(tmp_path, [{"type": "creating", "resource": {"urn": "urn:x"}}])
    _stack(tmp_path, _recorder(tmp_path)).make_ready(will_write=False)
    assert not (tmp_path / "calls").exists()


def test_clean_stack_needs_no_call(tmp_path: Path) -> None:
    """The usual case costs nothing but reading two files."""
    _state(tmp_path, [])
    _stack(tmp_path, _recorder(tmp_path)).make_ready()
    assert not (tmp_path / "calls").exists()


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///var/state", "/var/state"),
        ("file:///var/state?no_tmp_dir=true", "/var/state"),
        ("file://./state", "/project/state"),
        ("file://~/state", f"{Path.home()}/state"),
        ("s3://bucket/state", None),
        ("", None),
    ],
)
def test_file_backend_is_the_folder_of_a_file_url(url: str, folder: str | None) -> None:
    """Only a file backend has locks that can be judged from here."""
    assert backend.file_backend(url, Path("/project")) == (Path(folder) if folder else None)
