"""Other questions to etcd: who is listed, joining, leaving, what has formed, whether it is well."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from etcd_cluster import hostprogram

from .asking import CLUSTER, OTHERS, SELF, on_host
from .bash import run
from .test_guard import CUT, NO_LEADER, OWN, UNKNOWN

REFUSED, LATER = 4, 5
NOT_HEALTHY = 'http_get() { case $1 in /health*) echo \'{"health":"false"}\';; *) :;; esac; }'


# Where only the list counts, and not whether its members answer by themselves.
NO_LIST = {name: stub for name, stub in UNKNOWN.items() if "own addresses" not in name}


@pytest.mark.parametrize("stub", NO_LIST.values(), ids=NO_LIST.keys())
def test_membership_is_unknown_when_the_others_do_not_say_it(tmp_path: Path, stub: str) -> None:
    """Unknown is never no: data that nobody lists is moved aside."""
    memory = {"formed": CLUSTER, "member_id": SELF}
    assert on_host(tmp_path, "listed", f"{NOT_HEALTHY}\n{stub}", **memory).stdout == "unknown\n"


@pytest.mark.parametrize(
    ("member_id", "expected"), [(SELF, "yes"), (OTHERS["b"], "yes"), ("beef", "no")]
)
def test_membership_is_known_when_the_others_list_this_id(
    tmp_path: Path, member_id: str, expected: str
) -> None:
    """By its id, not by its name."""
    done = on_host(tmp_path, "listed", NOT_HEALTHY, formed=CLUSTER, member_id=member_id)
    assert done.stdout == f"{expected}\n"


def leaves(folder: Path) -> str:
    """What was asked for, by a member that leaves."""
    return (folder / "state" / "work" / "leave.log").read_text()


LEAVE = 'if out_of_the_cluster; then echo OUT; else echo "STAYS $STAYS"; fi'


def test_member_leaves_when_the_others_hold_the_quorum(tmp_path: Path) -> None:
    """The case that the others differ from."""
    done = on_host(tmp_path, LEAVE, 'other() { echo "DONE $*"; }', formed=CLUSTER)
    assert done.stdout == "OUT\n"
    assert leaves(tmp_path) == f"DONE member remove {SELF}\n"


@pytest.mark.parametrize("stub", [*UNKNOWN.values(), CUT["status"]], ids=[*UNKNOWN, "status"])
def test_member_stays_when_nobody_says_that_it_can_leave(tmp_path: Path, stub: str) -> None:
    """And no removal is asked for."""
    done = on_host(tmp_path, LEAVE, f"{stub}\nother() {{ : >$STATE/asked; }}", formed=CLUSTER)
    assert done.stdout.startswith("STAYS ")
    assert not (tmp_path / "state/asked").exists()


@pytest.mark.parametrize("stub", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_member_that_lost_its_data_stays_when_nobody_says_that_it_can_leave(
    tmp_path: Path, stub: str
) -> None:
    """It has a vote all the same, and the others could not be rid of it."""
    done = on_host(tmp_path, LEAVE, f"{stub}\nhas_data() {{ false; }}", formed=CLUSTER)
    assert done.stdout.startswith("STAYS it could not find out whether it may leave")


SILENT = 'http_get() { false; }; other() { echo "DONE $*"; }\n'


def test_member_with_a_former_id_leaves_by_its_peer_url(tmp_path: Path) -> None:
    """A host that was put back to an earlier day remembers an id that is gone."""
    done = on_host(tmp_path, LEAVE, SILENT, formed=CLUSTER, member_id="beef")
    assert done.stdout == "OUT\n"
    assert leaves(tmp_path) == f"DONE member remove {SELF}\n"


def test_member_with_a_former_id_stays_when_only_the_name_is_listed(tmp_path: Path) -> None:
    """That may be another host by now."""
    moved = "S[arg.initial-advertise-peer-urls]=http://127.0.0.9:42201\n"
    done = on_host(tmp_path, LEAVE, SILENT + moved, formed=CLUSTER, member_id="beef")
    assert done.stdout.startswith("STAYS it could not tell which of the cluster's entries is")
    assert SELF in done.stdout
    done = on_host(tmp_path, LEAVE, SILENT + moved + "S[member]=z\n", member_id="beef")
    assert done.stdout == "OUT\n"


RETIRE = """
lock() { :; }; own_host() { :; }; leaderless_seconds() { echo 1; }
give_up_member() { echo GONE; exit 0; }
verb_retire etcd a cafe
"""
RETIRED = {
    "healthy": ("", SELF, REFUSED),
    "silent, and listed": (SILENT, SELF, REFUSED),
    "silent, and nobody can be asked": (SILENT + "list() { false; }\n", SELF, LATER),
    "silent, with another's id": (SILENT, "beef", 0),
    "silent, with no id": (SILENT, "", LATER),
    "half an answer, with no id": (OWN["answers half"], "", LATER),
    "silent, and half a list": (SILENT + CUT["list"], "beef", LATER),
    "silent, and another's list": (SILENT + UNKNOWN["the list is of another cluster"], SELF, LATER),
    "cut off": (f"{NO_LEADER}\nlist() {{ false; }}\n", SELF, 0),
    "stopped": (SILENT + "list() { false; }; etcd_pid() { :; }\n", SELF, 0),
    "stopped, with no id": (SILENT + "etcd_pid() { :; }\n", "", 0),
}


@pytest.mark.parametrize(("stub", "known", "status"), RETIRED.values(), ids=RETIRED.keys())
def test_former_host_is_cleared_when_it_is_certain_that_it_has_no_member(
    tmp_path: Path, stub: str, known: str, status: int
) -> None:
    """Else nothing is touched."""
    done = on_host(tmp_path, RETIRE, stub, formed=CLUSTER, member_id=known)
    assert (done.returncode, done.stdout) == (status, "GONE\n" if status == 0 else "")
    if status:
        assert "Nothing was changed" in done.stderr


def test_member_stays_when_the_removal_is_refused(tmp_path: Path) -> None:
    """With etcd's reason."""
    stub = "other() { echo 'Error: etcdserver: unhealthy cluster'; return 1; }"
    done = on_host(tmp_path, LEAVE, stub, formed=CLUSTER)
    assert done.stdout == "STAYS the cluster refused: etcdserver: unhealthy cluster\n"


@pytest.mark.parametrize("stub", OWN.values(), ids=OWN.keys())
def test_nothing_has_formed_when_its_own_etcd_does_not_say_so(tmp_path: Path, stub: str) -> None:
    """Nothing is remembered, and a bootstrap stays begun."""
    assert on_host(tmp_path, "note_formed", stub, bootstrapping="cafe x").returncode == 0
    assert not (tmp_path / "state/formed").exists()
    assert (tmp_path / "state/bootstrapping").exists()


@pytest.mark.parametrize("stub", ["status() { false; }", CUT["status"], "status() { :; }"])
def test_nothing_has_formed_when_its_status_is_not_whole(tmp_path: Path, stub: str) -> None:
    """Healthy alone does not say of which cluster."""
    assert on_host(tmp_path, "note_formed", stub, bootstrapping="cafe x").returncode == 0
    assert not (tmp_path / "state/formed").exists()


JOIN = "add_learner http://127.0.0.1:42202; echo OPEN"


@pytest.mark.parametrize(
    "said", ["etcdserver: unhealthy cluster", "etcdserver: too many learner members in cluster"]
)
def test_learner_is_not_added_when_the_cluster_refuses(tmp_path: Path, said: str) -> None:
    """After its time is over, with etcd's reason and those that are not healthy."""
    stub = f"other() {{ echo 'Error: {said}' >&2; return 1; }}"
    done = on_host(tmp_path, JOIN, f"{stub}\n{CUT['status']}", formed=CLUSTER)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert said in done.stderr
    assert OTHERS["c"] in done.stderr


WAIT = """
lock() { :; }; explain_unhealthy() { :; }; systemctl() { :; }; kubelet_current() { true; }
kubelet_stays() { true; }; read_state() { :; }; verb_wait_healthy
"""


def test_identity_is_told_when_the_member_is_healthy(tmp_path: Path) -> None:
    """And remembered."""
    done = on_host(tmp_path, WAIT)
    assert done.stdout == f"member-id: {SELF}\ncluster-id: {CLUSTER}\nversion: 3.5.9\n"
    assert (tmp_path / "state/formed").read_text() == f"{CLUSTER}\n"


SLOW = """
status() {
  if [[ ! -e $STATE/asked ]]; then touch "$STATE/asked" && return 1; fi
  cat "$SAID/etcdctl-3.5-status.txt"
}
"""


def test_member_that_takes_clients_later_is_waited_for(tmp_path: Path) -> None:
    """Etcd is healthy some seconds before it takes clients, where an election came in between."""
    done = on_host(tmp_path, WAIT, SLOW)
    assert done.stdout == f"member-id: {SELF}\ncluster-id: {CLUSTER}\nversion: 3.5.9\n"


NOT_WELL = {
    **OWN,
    "is a learner": (
        'http_get() { case $1 in /health*) echo \'{"health":"true"}\' ;; '
        "*) echo 'etcd_server_is_learner 1' ;; esac; }"
    ),
    "does not say who it is": "status() { :; }",
    "says half of who it is": CUT["status"],
}


@pytest.mark.parametrize("stub", NOT_WELL.values(), ids=NOT_WELL.keys())
def test_nobody_goes_on_when_the_member_is_not_known_to_be_well(tmp_path: Path, stub: str) -> None:
    """No output, for the next member waits for it; nothing is remembered."""
    done = on_host(tmp_path, WAIT, stub)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert not (tmp_path / "state/formed").exists()


def test_nobody_goes_on_when_the_member_is_healthy_in_another_cluster(tmp_path: Path) -> None:
    """Refused: waiting does not help."""
    done = on_host(tmp_path, WAIT, formed="beef")
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert (tmp_path / "state/formed").read_text() == "beef\n"


ENVIRONMENT = {
    "HTTPS_PROXY": "http://proxy:3128",
    "https_proxy": "http://proxy:3128",
    "ALL_PROXY": "http://proxy:3128",
    "ETCDCTL_ENDPOINTS": "http://elsewhere:2379",
    "ETCDCTL_API": "2",
}


def test_etcdctl_is_asked_in_an_environment_of_its_own(tmp_path: Path) -> None:
    """A host's proxy or profile would send the question elsewhere."""
    fake = tmp_path / "etcdctl"
    fake.write_text(f"#!/bin/sh\nenv >{tmp_path}/seen\n")
    fake.chmod(0o755)
    body = hostprogram.text().rpartition('main "$@"')[0]
    script = tmp_path / "script"
    script.write_text(f'{body}\nPATH="{tmp_path}:$PATH"\netcd_ctl member list')
    outside = {"PATH": os.environ["PATH"], **ENVIRONMENT}
    done = subprocess.run(
        ["bash", script], capture_output=True, text=True, check=False, env=outside
    )
    assert (done.returncode, done.stderr) == (0, "")
    seen = dict(line.split("=", 1) for line in (tmp_path / "seen").read_text().splitlines())
    assert seen["ETCDCTL_API"] == "3"
    assert {"HTTPS_PROXY", "https_proxy", "ALL_PROXY", "ETCDCTL_ENDPOINTS"}.isdisjoint(seen)


@pytest.mark.parametrize("there", [["host", "image"], ["image"], []])
def test_etcdctl_of_the_image_is_asked_where_the_host_has_none(
    tmp_path: Path, there: list[str]
) -> None:
    """As on a member that was built by hand: what brings one has to ask the quorum first."""
    (tmp_path / "host").mkdir()
    for program in ("timeout", "env"):
        (tmp_path / "host" / program).symlink_to(shutil.which(program) or "")
    for place in there:
        fake = tmp_path / place / "etcdctl"
        fake.parent.mkdir(exist_ok=True)
        fake.write_text(f"#!/bin/sh\necho {place}\n")
        fake.chmod(0o755)
    script = f"""
    PATH={tmp_path}/host
    image_program() {{ [[ -x {tmp_path}/image/$1 ]] && echo "{tmp_path}/image/$1"; }}
    etcd_ctl member list"""
    done = run(script)
    assert done.stdout == "".join(f"{place}\n" for place in there[:1])
    assert ("etcdctl" in done.stderr) == (not there)


def test_only_member_leaves_without_its_data_when_nobody_answers(tmp_path: Path) -> None:
    """There is nobody who could miss it."""
    alone = "S[endpoints]=http://127.0.0.1:42200; list() { false; }; has_data() { false; }\n"
    assert on_host(tmp_path, LEAVE, SILENT + alone, formed=CLUSTER).stdout == "OUT\n"


def test_member_that_has_left_is_not_asked_about_again(tmp_path: Path) -> None:
    """Also where the rest was cut off: its data is aside, and the others may be gone by then."""
    stubs = "forget_backup() { :; }; remove_file() { :; }; ensure_kubelet() { :; }\n"
    stubs += "no_pod() { true; }; set_aside() { :; }; drop_staged() { exit 7; }\n"
    assert on_host(tmp_path, "give_up_member", stubs, formed=CLUSTER).returncode == 7
    assert not (tmp_path / "state/formed").exists()
