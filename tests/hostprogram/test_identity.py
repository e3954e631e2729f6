"""A host that is a copy of another member's machine: it takes neither id, entry nor address."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import CLUSTER, OTHERS, SELF, on_host
from .test_asking import LEAVE
from .test_cut_off import FORMED, JOINS
from .test_guard import ANOTHER
from .test_joining import NOTED, REFUSED, asked, moves

SILENT = "http_get() { false; }\n"
THERE = "http://10.0.0.9:42200"
MOVED = f"s,http://127.0.0.1:42200,{THERE},"
# Member a is listed at another machine than this one, which has all that a has, and answers there.
COPIED = f"""
{SILENT}
own_addresses() {{ printf '%s\\n' 10.0.0.5 fd00::5; }}
S[arg.advertise-client-urls]=http://10.0.0.5:42200
S[endpoints]=http://10.0.0.5:42200,http://127.0.0.1:42202,http://127.0.0.1:42204
list() {{ sed {MOVED} $SAID/etcdctl-3.5-list.txt; }}
status() {{ sed {MOVED} $SAID/etcdctl-3.5-status.txt; }}
"""
ASKS = f'look_at_members "$(all_urls)" || true; refuse_copy {SELF}; echo OPEN'
ELSEWHERE = (
    'http_get() { case $1 in /health*) echo \'{"health":"false"}\' ;; '
    "*) echo 'etcd_server_id{server_id=\"%s\"} 1' ;; esac; }\n"
)


@pytest.mark.parametrize(
    "stub",
    [
        "",
        ELSEWHERE % SELF,
        ELSEWHERE % "beef",
        f"list() {{ false; }}; S[endpoints]+=,{THERE}\n",
        f"list() {{ false; }}; mkdir -p $STATE; echo {THERE} >$STATE/endpoints\n",
        "etcd_pid() { :; }\n",
    ],
    ids=[
        "says nothing",
        "runs, and is in no quorum",
        "runs as another",
        "nobody has a list, and it is declared",
        "nobody has a list, and it is remembered",
        "does not run",
    ],
)
def test_copy_is_refused_when_the_original_answers_elsewhere(tmp_path: Path, stub: str) -> None:
    """While its own etcd does not serve."""
    done = on_host(tmp_path, ASKS, COPIED + stub, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    name = "" if "false; }; " in stub else " (a)"
    assert f"a copy of another: it has the identity of the member {SELF}{name}, and" in done.stderr
    assert f"the etcd at {THERE} answers as that member, while none here does" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert 'Run "etcd-host abandon" on this host and never on the other' in done.stderr


OPEN = {
    "nobody is there": "answering() { :; }",
    "it fails": "status() { false; }",
    "it hangs": "status() { sleep 1; return 124; }",
    "it answers half": "status() { sed /Endpoint/d $SAID/etcdctl-3.5-status.txt; }",
    "it answers nothing": "status() { :; }",
    "it answers as another": (
        f"status() {{ sed 's/14134380259542242322/7/;{MOVED}' $SAID/etcdctl-3.5-status.txt; }}"
    ),
    "it is of another cluster": (
        f"status() {{ sed '{ANOTHER};{MOVED}' $SAID/etcdctl-3.5-status.txt; }}"
    ),
    "it is this host": "own_addresses() { printf '%s\\n' 10.0.0.5 10.0.0.9; }",
    "it is this host over IPv6": (
        "list() { sed s,http://127.0.0.1:42200,http://[fd00::5]:42200, "
        "$SAID/etcdctl-3.5-list.txt; }; "
        "status() { sed s,http://127.0.0.1:42200,http://[fd00::5]:42200, "
        "$SAID/etcdctl-3.5-status.txt; }"
    ),
    "it is on loopback": (
        "list() { cat $SAID/etcdctl-3.5-list.txt; }; status() { cat $SAID/etcdctl-3.5-status.txt; }"
    ),
    "this host's addresses are not known": "own_addresses() { return 127; }",
    "this host's addresses are none": "own_addresses() { :; }",
    "this host's own etcd serves": (
        'http_get() { case $1 in /health*) echo \'{"health":"true"}\' ;; '
        f"*) echo 'etcd_server_id{{server_id=\"{SELF}\"}} 1' ;; esac; }}"
    ),
}


@pytest.mark.parametrize("stub", OPEN.values(), ids=OPEN.keys())
def test_member_is_no_copy_when_nothing_else_is_known_to_answer_as_it(
    tmp_path: Path, stub: str
) -> None:
    """A member that is down, or has moved to another address, looks like that."""
    done = on_host(tmp_path, ASKS, COPIED + stub, formed=CLUSTER)
    assert (done.returncode, done.stdout) == (0, "OPEN\n"), done.stderr


def test_others_are_asked_when_one_of_them_hangs(tmp_path: Path) -> None:
    """One call for all of them would end without an answer of anybody."""
    hung = "http://10.0.0.8:42202"
    stub = f"""
    S[endpoints]={hung},{THERE}; list() {{ false; }}
    status() {{
      if [[ $* == *{hung}* ]]; then return 124; fi
      sed {MOVED} $SAID/etcdctl-3.5-status.txt
    }}
    """
    assert on_host(tmp_path, ASKS, COPIED + stub, formed=CLUSTER).returncode == REFUSED


KEPT = f"{JOINS}{COPIED}keep() {{ echo KEPT; }}\n"


@pytest.mark.parametrize("data", [f"data_id() {{ echo {SELF}; }}\n", "data_id() { :; }\n"])
def test_data_of_a_member_that_serves_elsewhere_is_not_started(tmp_path: Path, data: str) -> None:
    """Whether it is known by its data or by what the host remembers."""
    memory = {**FORMED, "member_id": "beef" if "echo" in data else SELF}
    done = on_host(tmp_path, "verb_converge", KEPT + data, **memory)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "this host is a copy of another" in done.stderr
    down = "answering() { if [[ $1 != *10.0.0.9* ]]; then echo $1; fi; }\n"
    done = on_host(tmp_path, "verb_converge", KEPT + data + down, **memory)
    assert done.stdout.startswith("KEPT\n"), done.stderr


def test_data_is_not_started_when_no_quorum_answers_but_the_original(tmp_path: Path) -> None:
    """It has lost its quorum, and is waiting for it."""
    stubs = f"{KEPT}list() {{ false; }}; S[endpoints]+=,{THERE}\n"
    done = on_host(tmp_path, "verb_converge", stubs, **FORMED)
    assert (done.returncode, done.stdout) == (REFUSED, "")


def test_address_of_a_member_that_serves_elsewhere_is_not_changed(tmp_path: Path) -> None:
    """The others would look for it here."""
    done = moves(tmp_path, COPIED + NOTED % "true")
    assert (done.returncode, "OPEN" in done.stdout) == (REFUSED, False)
    assert "this host is a copy of another" in done.stderr
    assert asked(tmp_path) == []
    own = "own_addresses() { echo 10.0.0.9; }\n"  # its former one, which it still has
    assert "OPEN" in moves(tmp_path, COPIED + own + NOTED % "true").stdout
    assert asked(tmp_path) == [f"member update {SELF}"]


@pytest.mark.parametrize("way", ["leave_or_refuse", "no_member_left a"])
def test_copy_does_not_remove_the_original_when_it_leaves(tmp_path: Path, way: str) -> None:
    """Nor moves its leadership; by its own verb, or where the state has no member."""
    (tmp_path / "etcd.yaml").write_text("")
    stubs = f"{COPIED}give_up_member() {{ echo GONE; }}\n{NOTED % 'true'}\n"
    memory = {**FORMED, "started": "existing x"}
    done = on_host(tmp_path, way, stubs, **memory)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "this host is a copy of another" in done.stderr
    assert asked(tmp_path) == []
    down = "answering() { if [[ $1 != http://10.0.0.9:42200 ]]; then echo $1; fi; }\n"
    assert on_host(tmp_path, LEAVE, stubs + down, **memory).stdout == "OUT\n"
    assert asked(tmp_path) == [f"member remove {SELF}"]


def test_learner_that_runs_elsewhere_is_not_taken_back(tmp_path: Path) -> None:
    """Its machine was copied while it joined."""
    stubs = f"{COPIED}learner_at() {{ echo {SELF}; }}\n{NOTED % 'true'}\n"
    memory = {"adding": f"{CLUSTER} http://127.0.0.1:42201", "endpoints": "http://127.0.0.1:42202"}
    done = on_host(tmp_path, "no_member_left a", stubs, **memory)
    assert (done.returncode, asked(tmp_path)) == (REFUSED, [])
    down = "status() { :; }; remove_member() { echo REMOVED; }\n"
    assert on_host(tmp_path, "no_member_left a", stubs + down, **memory).stdout == "REMOVED\n"


EMPTY = f"""
{COPIED}
has_data() {{ false; }}; remember_endpoints() {{ :; }}; follow_data_link() {{ :; }}
own_addresses() {{ echo 10.0.0.5; }}
list() {{ sed s,127.0.0.1:42202,10.0.0.9:42202, $SAID/etcdctl-3.5-list.txt; }}
status() {{ sed s,127.0.0.1:42202,10.0.0.9:42202, $SAID/etcdctl-3.5-status.txt; }}
remove_stale_entries() {{ echo OPEN; exit 0; }}
"""


@pytest.mark.parametrize(
    ("stub", "known", "opens"),
    [
        ("", OTHERS["b"], False),
        ("S[member]=b\n", OTHERS["b"], True),
        ("status() { :; }\n", OTHERS["b"], True),
        ("", "beef", True),
        ("", "", True),
    ],
    ids=["copied", "replaces it", "it is down", "not listed", "remembers none"],
)
def test_host_does_not_join_in_place_of_the_member_that_it_was_copied_from(
    tmp_path: Path, stub: str, known: str, opens: bool
) -> None:
    """The entry would be removed as its own former one, where its data was not copied."""
    done = on_host(tmp_path, "join", EMPTY + stub, formed=CLUSTER, member_id=known)
    assert (done.returncode, done.stdout) == ((0, "OPEN\n") if opens else (REFUSED, ""))
    assert opens or "this host is a copy of another" in done.stderr
    assert (tmp_path / "state/joining").exists() is opens


def test_several_that_leave_at_once_on_slow_machines_try_again(tmp_path: Path) -> None:
    """One look may take all the time that there is; and who is a copy is asked once."""
    stubs = """
    note_formed() { :; }; election_timeout() { echo 0; }; passed() { true; }; sleep() { :; }
    look() { echo LOOK; }; all_urls() { :; }; own_id() { echo a1; }; own_entries() { echo a1; }
    voters() { echo 3; }; can_remove() { false; }; not_serving() { :; }; refuse_copy() { echo ASK; }
    """
    done = on_host(tmp_path, "leave_or_refuse; echo LEFT", stubs)
    assert done.returncode == REFUSED
    assert done.stdout.split() == ["LOOK", "ASK", "LOOK", "LOOK"]
