"""How the container runtime reaches the images' registry: its CA, and a login."""

from __future__ import annotations

import base64
import json
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from etcd_cluster.state.text import flat_yaml

from .bash import run
from .rendered import rendered

BAD_INPUT = 3
REGISTRY = "mirror.example.com:5000"
CA = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"


def encoded(text: str) -> str:
    """In base64, as the verb is told it."""
    return base64.b64encode(text.encode()).decode()


LOGIN = encoded("puller:a-password")


@pytest.mark.parametrize(
    ("state", "host"),
    [
        ({}, {}),
        ({"ca": encoded(CA)}, {"ca": "/certs/ca.crt"}),
        ({"login": LOGIN}, {"header": {"Authorization": f"Basic {LOGIN}"}}),
        (
            {"ca": encoded(CA), "login": LOGIN},
            {"ca": "/certs/ca.crt", "header": {"Authorization": f"Basic {LOGIN}"}},
        ),
    ],
    ids=["nothing", "CA", "login", "both"],
)
def test_containerd_is_told_how_to_reach_the_registry(
    state: dict[str, str], host: dict[str, Any]
) -> None:
    """Over TLS, to pull and not to push; with its CA and the login where they are given."""
    read = rendered("render_hosts_toml /certs", {"registry": REGISTRY} | state)
    assert read["server"] == f"https://{REGISTRY}"
    assert read["host"] == {f"https://{REGISTRY}": {"capabilities": ["pull", "resolve"], **host}}
    # What it asks at last, where that host has no such image, is the same one by the same way.
    assert {key: value for key, value in read.items() if key not in ("server", "host")} == host


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder in place of `/`."""
    return tmp_path


def call(
    root: Path, verb: str, state: Mapping[str, str] | None = None, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Runs a verb whose files lie under `root`."""
    places = {
        "STATE=/var/lib/etcd-host RUN=/run/etcd-host": f"STATE={root}/state RUN={root}/run",
        '"/etc/containerd/certs.d/': f'"{root}/etc/containerd/certs.d/',
        '"/etc/containers/certs.d/': f'"{root}/etc/containers/certs.d/',
        "CRIO_LOGIN=/etc/crio/": f"CRIO_LOGIN={root}/etc/crio/",
    }
    stdin = flat_yaml(state) if state else ""
    return run(shlex.join(["main", verb, *arguments]), stdin, places=places)


def registry(root: Path, runtime: str, **state: str) -> subprocess.CompletedProcess[str]:
    """Runs `etcd-host registry`, which ends well."""
    done = call(root, "registry", {"registry": REGISTRY, "runtime": runtime, **state})
    assert done.returncode == 0, done.stderr
    return done


def written(root: Path) -> dict[str, int]:
    """Every file under /etc, and its mode."""
    folder = root / "etc"
    return {
        str(path.relative_to(folder)): path.stat().st_mode & 0o777
        for path in folder.rglob("*")
        if path.is_file()
    }


FILES = {
    "containerd": {
        f"containerd/certs.d/{REGISTRY}/hosts.toml": 0o600,
        f"containerd/certs.d/{REGISTRY}/ca.crt": 0o644,
    },
    "crio": {
        "crio/etcd-host-login.json": 0o600,
        f"containers/certs.d/{REGISTRY}/ca.crt": 0o644,
    },
}
RUNTIMES = list(FILES)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_files_of_the_runtime_are_written_when_a_registry_is_told(root: Path, runtime: str) -> None:
    """A login is read by root only; the CA may be read by all."""
    done = registry(root, runtime, ca=encoded(CA), login=LOGIN)
    assert done.stdout == "converged: 1\n"
    assert written(root) == FILES[runtime]
    certificates = [name for name in FILES[runtime] if name.endswith("ca.crt")]
    assert (root / "etc" / certificates[0]).read_text() == CA


def test_crio_s_login_is_in_the_form_that_it_reads_when_told(root: Path) -> None:
    """That of `podman login`."""
    registry(root, "crio", login=LOGIN)
    read = json.loads((root / "etc/crio/etcd-host-login.json").read_text())
    assert read == {"auths": {REGISTRY: {"auth": LOGIN}}}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize(
    "state", [{"ca": encoded(CA)}, {"login": LOGIN}, {"ca": encoded(CA), "login": LOGIN}]
)
def test_second_run_says_unchanged_when_nothing_is_different(
    root: Path, runtime: str, state: dict[str, str]
) -> None:
    """The first one says what it changed."""
    assert "etcd-host: changed: " in registry(root, runtime, **state).stderr
    assert registry(root, runtime, **state).stderr == "etcd-host: unchanged\n"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_ca_is_removed_when_it_is_not_told_any_more(root: Path, runtime: str) -> None:
    """The registry has a certificate of the web's now."""
    registry(root, runtime, ca=encoded(CA), login=LOGIN)
    registry(root, runtime, login=LOGIN)
    assert {name.rpartition("/")[2] for name in written(root)} == {
        "containerd": {"hosts.toml"},
        "crio": {"etcd-host-login.json"},
    }[runtime]
    assert registry(root, runtime, login=LOGIN).stderr == "etcd-host: unchanged\n"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_ca_of_the_host_s_own_stays_when_none_is_told(root: Path, runtime: str) -> None:
    """Somebody put it into the host's image."""
    folder = root / "etc" / ("containers" if runtime == "crio" else "containerd") / "certs.d"
    own = folder / REGISTRY / "ca.crt"
    own.parent.mkdir(parents=True)
    own.write_text(CA)
    registry(root, runtime, login=LOGIN)
    assert own.read_text() == CA


@pytest.mark.parametrize("name", ["hosts.toml", "ca.crt"])
def test_what_others_wrote_there_is_kept_beside_what_is_told(root: Path, name: str) -> None:
    """Each version of it once; what this program wrote before is no one else's."""
    path = root / "etc/containerd/certs.d" / REGISTRY / name
    path.parent.mkdir(parents=True)
    kept = [path.with_name(f"{name}.before-etcd-host{number}") for number in ("", ".2")]
    for text in ("theirs", "theirs", "another of theirs"):
        path.write_text(text)
        done = registry(root, "containerd", ca=encoded(CA))
        assert f"{path} kept as {kept[text.startswith('another')]}" in done.stderr
        assert "theirs" not in path.read_text()
        (root / "state/registry.stamp").unlink()
    assert [each.read_text() for each in kept] == ["theirs", "another of theirs"]
    registry(root, "containerd", ca=encoded(CA))
    registry(root, "containerd", ca=encoded(CA + CA))
    assert len(written(root)) == len(["hosts.toml", "ca.crt", *kept])


def test_what_others_wrote_for_cri_o_is_kept_where_it_reads_nothing(tmp_path: Path) -> None:
    """It reads every file of that folder, and the last one counts."""
    path = tmp_path / "etc/crio/crio.conf.d/20-etcd-host.conf"
    path.parent.mkdir(parents=True)
    path.write_text("theirs")
    state = {"readonly STATE=/var/lib/etcd-host RUN": f"readonly STATE={tmp_path}/state RUN"}
    done = run(f"keep_others registry {path}", places=state)
    assert done.returncode == 0, done.stderr
    assert list(path.parent.iterdir()) == []
    assert (tmp_path / "etc/crio/20-etcd-host.conf.before-etcd-host").read_text() == "theirs"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_no_trace_of_the_login_is_left_when_it_is_not_told_any_more(
    root: Path, runtime: str
) -> None:
    """Neither in a file of the runtime nor in one of ours."""
    registry(root, runtime, ca=encoded(CA), login=LOGIN)
    registry(root, runtime, ca=encoded(CA))
    left = [path for path in root.rglob("*") if path.is_file() and LOGIN in path.read_text()]
    assert left == []
    assert written(root)


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("other", RUNTIMES)
def test_no_trace_of_the_login_is_left_when_registry_and_runtime_are_others(
    root: Path, runtime: str, other: str
) -> None:
    """Who moves to another registry does not leave a password of the old one behind."""
    registry(root, runtime, ca=encoded(CA), login=LOGIN)
    moved = {"registry": "other.example.com", "runtime": other, "ca": encoded(CA)}
    assert call(root, "registry", moved).returncode == 0
    left = [path for path in root.rglob("*") if path.is_file() and LOGIN in path.read_text()]
    assert left == []
    assert all("other.example.com" in name for name in written(root))
    assert call(root, "registry", moved).stderr == "etcd-host: unchanged\n"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_login_is_not_said_when_it_is_written(root: Path, runtime: str) -> None:
    """What is said lands in logs and in the state."""
    done = registry(root, runtime, ca=encoded(CA), login=LOGIN)
    assert LOGIN not in done.stdout + done.stderr
    assert "a-password" not in done.stdout + done.stderr


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_drift_is_seen_when_somebody_edits_or_removes_a_file(root: Path, runtime: str) -> None:
    """By the file's name; and it is gone after the next run."""

    def drift() -> list[str]:
        places = {"STATE=/var/lib/etcd-host": f"STATE={root}/state"}
        return run("registry_drift", places=places).stdout.splitlines()

    assert drift() == ["registry not configured"]
    registry(root, runtime, ca=encoded(CA), login=LOGIN)
    assert drift() == []
    for name in written(root):
        path = root / "etc" / name
        text = path.read_text()
        path.write_text(text + "#\n")
        assert drift() == [f"{path.name} edited"]
        path.unlink()
        assert drift() == [f"{path.name} missing"]
        registry(root, runtime, ca=encoded(CA), login=LOGIN)
        assert (drift(), path.read_text()) == ([], text)


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_nothing_is_left_when_the_registry_is_forgotten(root: Path, runtime: str) -> None:
    """And a second time there is nothing to do."""
    registry(root, runtime, ca=encoded(CA), login=LOGIN)
    done = call(root, "forget-registry", None, "etcd", "etcd01")
    assert done.returncode == 0, done.stderr
    assert written(root) == {}
    again = call(root, "forget-registry", None, "etcd", "etcd01")
    assert (again.returncode, again.stderr) == (0, "etcd-host: unchanged\n")


def test_registry_stays_when_the_host_has_become_another_member_s(root: Path) -> None:
    """A renamed member's old name takes nothing away from the new one."""
    registry(root, "containerd", ca=encoded(CA))
    (root / "state" / "owner").write_text("etcd etcd07\n")
    done = call(root, "forget-registry", None, "etcd", "etcd01")
    assert done.returncode == 0
    assert "this host now belongs to member etcd07 of cluster etcd" in done.stderr
    assert written(root)


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"runtime": "docker"}, "runtime: unknown; give containerd or crio"),
        ({"ca": "%%%"}, "ca: not base64"),
        ({"password": "hunter2"}, "password: unknown key"),
    ],
)
def test_nothing_is_written_when_the_registry_s_state_is_wrong(
    root: Path, state: dict[str, str], said: str
) -> None:
    """And no value is repeated."""
    done = call(root, "registry", {"registry": REGISTRY, "runtime": "containerd"} | state)
    assert done.returncode == BAD_INPUT
    assert said in done.stderr
    assert "hunter2" not in done.stderr
    assert not (root / "etc").exists()
