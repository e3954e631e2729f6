"""Which kubelet runs, and with what: where that is not known, it is not the one that was wanted."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, on_host
from .bash import run

LATER = 5
PLACE = "readonly DROPIN=/etc/systemd/system/kubelet.service.d/20-etcd-service-manager.conf"
CURRENT = "if kubelet_current; then echo CURRENT; else echo NOT; fi"


def kubelet(folder: Path, script: str, stubs: str = "", digest: str = "cafe") -> str:
    """On a host whose kubelet, a process of this test, was started with that digest."""
    (folder / "dropin.conf").write_text("Environment=ETCD_HOST_KUBELET=cafe\n")
    program = folder / "kubelet"
    program.symlink_to("/bin/sleep")
    env = {"ETCD_HOST_KUBELET": digest}
    with subprocess.Popen([program, "60"], env=env) as running:
        try:
            says = f"systemctl() {{ case $* in *MainPID*) echo {running.pid} ;; esac; }}\n"
            says += 'kubelet_arguments() { echo "--config=$KUBELET_CONFIG"; }\n'
            places = {PLACE: f"readonly DROPIN={folder}/dropin.conf"}
            done = run(f"{says}{stubs}\n{script}", places=places)
        finally:
            running.kill()
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_kubelet_is_known_by_what_it_was_started_with(tmp_path: Path) -> None:
    """The case that the others differ from."""
    assert kubelet(tmp_path, CURRENT) == "CURRENT\n"


UNKNOWN = {
    "systemd fails": "systemctl() { return 1; }",
    "systemd hangs": "systemctl() { sleep 1; return 124; }",
    "systemd says nothing": "systemctl() { :; }",
    "half a process id": "systemctl() { echo 0; }",
    "its environment cannot be read": "tr() { return 127; }",
    "sed fails": "sed() { return 127; }",
    "another's process": "systemctl() { echo 1; }",
    "with a flag more": "kubelet_arguments() { echo '--config=x --v=9'; }",
}


@pytest.mark.parametrize("reloads", [True, False])
def test_kubelet_starts_also_where_systemd_cannot_reload(reloads: bool) -> None:
    """A member that was stopped is not left so, and nobody takes the new settings for its own."""
    script = f"""
      systemctl() {{
        case $1 in
          is-active) false ;; daemon-reload) {"true" if reloads else "false"} ;; *) echo "$*" ;;
        esac
      }}
      ensure_kubelet; echo remembered"""
    done = run(script)
    assert done.stdout == ("start kubelet\nremembered\n" if reloads else "start kubelet\n")
    assert ("could not reload its units" in done.stderr) is not reloads


@pytest.mark.parametrize("stub", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_kubelet_is_not_the_wanted_one_when_that_is_not_known(tmp_path: Path, stub: str) -> None:
    """It is started anew; with a member on it, by that member's turn."""
    assert kubelet(tmp_path, CURRENT, stub) == "NOT\n"


def test_kubelet_with_another_digest_is_not_the_wanted_one(tmp_path: Path) -> None:
    """Somebody else's."""
    assert kubelet(tmp_path, CURRENT, digest="beef") == "NOT\n"


@pytest.mark.parametrize("running", ["7", ""])
def test_kubelet_of_a_running_member_waits_for_its_turn(tmp_path: Path, running: str) -> None:
    """It would take the member down, and nobody has been asked."""
    stubs = f"kubelet_current() {{ false; }}; etcd_pid() {{ echo {running}; }}\n"
    stubs += 'kubelet_digest() { :; }; systemctl() { echo "$1"; }; recall() { :; }\n'
    done = run(f"{stubs}dropin_digest() {{ echo cafe; }}\nstart_kubelet")
    assert ("restart" in done.stdout) == (not running)


@pytest.mark.parametrize(
    ("remembers", "status"),
    [("cafe etcd-b", 0), ("cafe", 0), ("cafe etcd-a", 1), ("beef etcd-b", 1), ("beef", 1)],
)
def test_stopped_kubelet_suits_a_running_member_under_the_same_settings_and_name(
    remembers: str, status: int
) -> None:
    """Of another name, too, it would take the pod down and make another: its UID has it in it."""
    stubs = "kubelet_current() { false; }; systemctl() { false; }; uname() { echo etcd-b; }\n"
    stubs += f"dropin_digest() {{ echo cafe; }}; recall() {{ echo {remembers}; }}\n"
    assert run(f"{stubs}kubelet_suits").returncode == status


WAIT = "lock() { :; }; explain_unhealthy() { :; }; read_state() { :; }; verb_wait_healthy"


@pytest.mark.parametrize(
    "stub",
    [
        "systemctl() { return 1; }; kubelet_current() { true; }",
        "systemctl() { sleep 1; return 124; }; kubelet_current() { true; }",
        "systemctl() { :; }; kubelet_current() { false; }",
    ],
    ids=["fails", "hangs", "not the wanted one"],
)
def test_nobody_goes_on_when_the_kubelet_is_not_known_to_be_the_wanted_one(
    tmp_path: Path, stub: str
) -> None:
    """It would not start its member again."""
    done = on_host(tmp_path, WAIT, stub, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "has a kubelet that does not run with its settings" in done.stderr


# The kubelet's and etcd's begin, and now, in hundredths of a second.
BEGAN = """
etcd_pid() {{ echo {pid}; }}
started_at() {{ case $1 in 5) echo {kubelet} ;; 7) {etcd} ;; *) echo 100000 ;; esac; }}
if kubelet_stays 5; then echo STAYS; else echo NOT; fi
"""


@pytest.mark.parametrize(
    ("kubelet", "etcd", "pid", "said"),
    [
        ("99000", "echo 5000", "7", "STAYS"),
        ("99001", "echo 5000", "7", "NOT"),
        ("99001", "echo 99001", "7", "STAYS"),
        ("99900", "echo 99950", "7", "STAYS"),
        ("99900", "echo 99899", "7", "NOT"),
        ("99900", "return 1", "7", "NOT"),
        ("99900", "echo 99950", "", "NOT"),
        ("99001; return 1", "echo 99950", "7", "NOT"),
    ],
    ids=[
        "for ten seconds",
        "etcd is older",
        "etcd came with it",
        "etcd came from it",
        "etcd was there already",
        "etcd has just ended",
        "there is none",
        "it has just ended",
    ],
)
def test_kubelet_that_keeps_restarting_does_not_stay(
    kubelet: str, etcd: str, pid: str, said: str
) -> None:
    """It is active for a part of each round; one that has just started etcd is not waited for."""
    done = run(BEGAN.format(kubelet=kubelet, etcd=etcd, pid=pid))
    assert done.stdout == f"{said}\n"


def test_begin_of_a_process_is_known_whatever_its_name(tmp_path: Path) -> None:
    """By no clock but the kernel's."""
    program = tmp_path / "a) S 1 (b"
    program.symlink_to("/bin/sleep")
    with subprocess.Popen([program, "60"]) as running:
        try:
            script = f'began=$(started_at {running.pid}); now=$(started_at "$BASHPID")\n'
            script += "echo $((now - began >= 0 && now - began < 6000)); started_at 0 || echo NONE"
            done = run(script)
        finally:
            running.kill()
    assert (done.stdout, done.stderr) == ("1\nNONE\n", "")


def test_nobody_goes_on_when_the_kubelet_keeps_restarting(tmp_path: Path) -> None:
    """Its member would not be started again; the reason is said."""
    stub = "systemctl() { [[ $1 != show ]] || echo 5; }; kubelet_current() { [[ $1 == 5 ]]; }\n"
    stub += "kubelet_stays() { [[ $1 != 5 ]]; }"
    done = on_host(tmp_path, WAIT, stub, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "has a kubelet that keeps restarting" in done.stderr


FOREIGN = """
foreign_dropins >"$OUT/found"
set_aside_foreign_dropins
cat "$OUT/found"
"""


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ("echo $OUT/10-a.conf $OUT/30-b.conf $OUT/40-gone.conf", ["30-b.conf"]),
        ("echo $OUT/../service.d/proxy.conf $OUT/30-b.conf", ["30-b.conf"]),
        ("return 1", []),
        ("sleep 1; return 124", []),
        ("echo $OUT/30", []),
    ],
    ids=["they are told", "of all services", "fails", "hangs", "half"],
)
def test_dropins_that_are_not_told_are_left_alone(
    tmp_path: Path, says: str, found: list[str]
) -> None:
    """What they change is seen by what the kubelet runs with."""
    of_all = tmp_path / "service.d/proxy.conf"
    of_all.parent.mkdir()
    of_all.touch()
    own = tmp_path / "kubelet.service.d"
    own.mkdir()
    for name in ("10-a.conf", "30-b.conf"):
        (own / name).touch()
    script = f"OUT={own}; systemctl() {{ {says}; }}; log() {{ :; }}\n{FOREIGN}"
    done = run(script)
    assert (done.returncode, done.stderr) == (0, "")
    assert [Path(each).name for each in done.stdout.split()] == found
    assert {each.name for each in own.iterdir()} >= {"10-a.conf", "30-b.conf"}
    assert of_all.exists()


@pytest.mark.parametrize(
    ("family", "program", "says", "missing"),
    [
        ("apt", "dpkg-query", "echo 'installed 1.36.2-1.1'", False),
        ("apt", "dpkg-query", "echo 'config-files 1.36.2-1.1'", True),
        ("apt", "dpkg-query", "return 2", True),
        ("apt", "dpkg-query", "return 127", True),
        ("apt", "dpkg-query", "echo 'installed 1.3'", True),
        ("apt", "dpkg-query", "echo 'installed '", True),
        ("apt", "sed", "return 127", True),
        ("dnf", "rpm", "echo 1.36.2-150500.1.1", False),
        ("dnf", "rpm", "echo package kubelet is not installed; return 1", True),
        ("dnf", "rpm", "return 1", True),
        ("dnf", "rpm", "echo 1.3", True),
        ("dnf", "grep", "return 127", True),
    ],
)
def test_package_is_missing_when_its_version_is_not_known(
    tmp_path: Path, family: str, program: str, says: str, missing: bool
) -> None:
    """Then the guard is asked, before anything is installed."""
    (tmp_path / "wanted").write_text("kubelet 1.36.2-*\n")
    well = {
        "apt": "dpkg-query() { echo 'installed 1.36.2-1.1'; }",
        "dnf": "rpm() { echo 1.36.2-1; }",
    }
    script = f"WORK={tmp_path}; {well[family]}; {program}() {{ {says}; }}; {family}_missing"
    assert run(script).stdout == ("kubelet 1.36.2-*\n" if missing else "")
