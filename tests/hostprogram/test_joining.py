"""Questions of a member that joins, moves or gives others up: without an answer nothing is done."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, OTHERS, SELF, on_host
from .bash import OWN_TIME
from .test_guard import UNKNOWN

REFUSED, LATER = 4, 5
NEW = "http://10.0.0.9:42201"
# What a request was, and whether it came through; the answers of others are as in `asking`.
NOTED = 'other() { echo "$*" >>$STATE/asked; %s; }'
LEARNER = (
    "own_status() { echo 'c42767f57a4f1412 b30752330bc37e58 1 true 3.5.9'; }\n"
    "explain_unhealthy() { :; }\n"
    "metric() { case $1 in etcd_server_is_learner) echo ${LEARNS-1} ;; *) echo 0 ;; esac; }\n"
)
# Where only the list counts, and not whether its members answer by themselves.
NO_LIST = {
    name: stub
    for name, stub in UNKNOWN.items()
    if "list" in name or "connection" in name or "call" in name
}


def asked(folder: Path) -> list[str]:
    """The changes that were asked for."""
    file = folder / "state/asked"
    return file.read_text().splitlines() if file.exists() else []


def test_learner_becomes_a_voter_when_the_quorum_promotes_it(tmp_path: Path) -> None:
    """The case that the others differ from."""
    done = on_host(tmp_path, "become_voter; echo OPEN", LEARNER + NOTED % "true")
    assert "OPEN" in done.stdout
    assert asked(tmp_path) == [f"member promote {SELF}"]


@pytest.mark.parametrize("learns", ["1", "", "x"])
@pytest.mark.parametrize("answer", ["false", "sleep 1; return 124", "echo 'Error: no'; return 1"])
def test_learner_is_no_voter_when_it_is_not_known_to_be_promoted(
    tmp_path: Path, answer: str, learns: str
) -> None:
    """It is asked for until the time is up, and nobody goes on; half an answer is no voter's."""
    done = on_host(tmp_path, f"LEARNS={learns}; become_voter; echo OPEN", LEARNER + NOTED % answer)
    assert (done.returncode, "OPEN" in done.stdout) == (LATER, False)
    assert "was not promoted from learner after 1 s" in done.stderr
    assert set(asked(tmp_path)) == {f"member promote {SELF}"}


def test_learner_is_a_voter_when_the_answer_alone_was_lost(tmp_path: Path) -> None:
    """Its own etcd says so."""
    done = on_host(tmp_path, "LEARNS=0; become_voter; echo OPEN", LEARNER + NOTED % "false")
    assert "OPEN" in done.stdout


# The others list a as a learner that has said where clients reach it, or has not yet.
PUBLISHED = """
ensure_kubelet() { :; }
own_status() { [[ -e $STATE/serves ]]; }
list() { sed '/42200/{n;s/false/true/}' "$SAID/etcdctl-3.5-list.txt"; }
"""
STARTS = "S[health-timeout-seconds]=%d; start_learner; echo after $SECONDS s"


def test_learner_that_serves_is_left_alone(tmp_path: Path) -> None:
    """Nothing is asked of anybody else."""
    stubs = f"{PUBLISHED}\nown_status() {{ :; }}\nanswering() {{ echo ASKED; }}"
    done = on_host(tmp_path, STARTS % 90, stubs)
    assert re.fullmatch(r"after \d s\n", done.stdout)  # of the thirty that it has


def test_learner_is_started_once_more_when_it_is_published_and_does_not_serve(
    tmp_path: Path,
) -> None:
    """At once, and not when the time is over; by itself etcd would try again after 7 s."""
    done = on_host(tmp_path, STARTS % 900, PUBLISHED)
    assert re.fullmatch(r"STOPPED\nafter \d\d? s\n", done.stdout)
    assert "does not come up as a learner; started once more" in done.stderr


def test_learner_is_left_alone_when_it_serves_just_after_it_is_published(tmp_path: Path) -> None:
    """The others know of it a moment before."""
    stubs = f"{PUBLISHED}\nlook_at_members() {{ touch $STATE/serves; MEMBERS=$(rows); }}"
    rows = f'rows() {{ echo "{SELF} started a {NEW} {NEW} true"; }}'
    done = on_host(tmp_path, STARTS % 90, f"{stubs}\n{rows}")
    assert re.fullmatch(r"after \d s\n", done.stdout)  # of the thirty that it has


@pytest.mark.parametrize(
    "stub",
    [
        "list() { sed '/42200/d;/42201/{n;s/false/true/}' \"$SAID/etcdctl-3.5-list.txt\"; }",
        'list() { cat "$SAID/etcdctl-3.5-list.txt"; }',
        "list() { false; }",
        "answering() { :; }",
        "http_get() { :; }",
    ],
    ids=["not published", "a voter", "the list fails", "nobody answers", "not healthy"],
)
def test_learner_has_a_third_of_the_time_when_it_is_not_known_to_be_published(
    tmp_path: Path, stub: str
) -> None:
    """Its data may be on the way to it."""
    done = on_host(tmp_path, STARTS % 6, f"{PUBLISHED}\n{stub}")
    (seconds,) = re.findall(r"STOPPED\nafter (\d+) s\n", done.stdout)
    assert int(seconds) >= 2


def moves(
    folder: Path, stubs: str = "", url: str = NEW, **memory: str
) -> subprocess.CompletedProcess[str]:
    """This member has another address than its manifest and the others' list have."""
    (folder / "etcd.yaml").write_text(
        "    - --initial-advertise-peer-urls=http://127.0.0.1:42201\n"
    )
    script = f"S[arg.initial-advertise-peer-urls]={url}; update_peer_url; echo OPEN"
    return on_host(folder, script, stubs, **{"formed": CLUSTER, "member_id": SELF, **memory})


def test_new_peer_url_is_told_before_anything_else(tmp_path: Path) -> None:
    """By the member's id."""
    assert "OPEN" in moves(tmp_path, NOTED % "true").stdout
    assert asked(tmp_path) == [f"member update {SELF}"]


def test_member_does_not_move_when_the_cluster_rejects_it(tmp_path: Path) -> None:
    """With etcd's reason."""
    done = moves(tmp_path, 'other() { echo "Error: etcdserver: unhealthy cluster" >&2; return 1; }')
    assert (done.returncode, "OPEN" in done.stdout) == (LATER, False)
    assert f"the cluster rejected its new address {NEW}" in done.stderr
    assert "unhealthy cluster. Nothing was changed" in done.stderr


@pytest.mark.parametrize("stub", NO_LIST.values(), ids=NO_LIST.keys())
def test_member_does_not_move_when_the_others_cannot_be_asked(tmp_path: Path, stub: str) -> None:
    """They would not find it at its new address."""
    done = moves(tmp_path, f"{stub}\n{NOTED % 'true'}")
    assert (done.returncode, "OPEN" in done.stdout) == (REFUSED, False)
    assert "has to be told to the other members first" in done.stderr
    assert asked(tmp_path) == []


@pytest.mark.parametrize("stub", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_entry_is_not_removed_when_it_is_not_known_who_would_be_left(
    tmp_path: Path, stub: str
) -> None:
    """That of a lost host, or of this one before."""
    script = f'remove_member {OTHERS["b"]} "$(all_urls)" || echo "KEPT $WHY"'
    done = on_host(tmp_path, script, f"{stub}\n{NOTED % 'true'}", formed=CLUSTER)
    assert done.stdout.startswith("KEPT ")
    assert len(done.stdout) > len("KEPT \n")
    assert asked(tmp_path) == []


def test_entry_is_removed_when_the_others_hold_the_quorum(tmp_path: Path) -> None:
    """And not asked for again once it is gone."""
    script = 'remove_member %s "$(all_urls)" && echo GONE'
    done = on_host(tmp_path, script % OTHERS["b"], NOTED % "true", formed=CLUSTER)
    assert "GONE" in done.stdout
    assert asked(tmp_path)[-1] == f"member remove {OTHERS['b']}"
    done = on_host(tmp_path, script % "beef", 'other() { echo "ASKED" >&2; }', formed=CLUSTER)
    assert "GONE" in done.stdout
    assert "ASKED" not in done.stderr


@pytest.mark.parametrize(("times", "gone"), [(2, True), (1000, False)])
def test_removal_is_asked_for_again_when_the_call_ended_without_an_answer(
    tmp_path: Path, times: int, gone: bool
) -> None:
    """As while several hosts change the list; it is given up in the end, with etcd's word."""
    fails = f"if ((CALLS++ < {times})); then echo 'context deadline exceeded' >&2; return 1; fi"
    script = f'remove_member {OTHERS["b"]} "$(all_urls)" && echo GONE || echo "KEPT $WHY"'
    stub = f"CALLS=0\n{OWN_TIME}{NOTED % fails}"
    done = on_host(tmp_path, script, stub, formed=CLUSTER)
    assert ("GONE" in done.stdout) is gone, done.stderr
    assert gone or "KEPT the cluster refused: context deadline exceeded" in done.stdout
    assert len(asked(tmp_path)) >= 3
    assert set(asked(tmp_path)) == {f"member remove {OTHERS['b']}"}


@pytest.mark.parametrize("stub", NO_LIST.values(), ids=NO_LIST.keys())
def test_nobody_joins_when_no_quorum_says_who_its_members_are(tmp_path: Path, stub: str) -> None:
    """What lies here stays as it is, and nobody is asked for anything."""
    done = on_host(tmp_path, "join; echo OPEN", f"{stub}\n{NOTED % 'true'}", formed=CLUSTER)
    assert (done.returncode, "OPEN" in done.stdout) == (REFUSED, False)
    another = f"this host was a member of cluster {CLUSTER}, and" in done.stderr
    assert another == ("/12900370036820246104/5/" in stub)
    assert another or f"no quorum of the cluster {CLUSTER} answers" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert "STOPPED" not in done.stdout
    assert asked(tmp_path) == []


def test_host_is_not_taken_back_when_its_member_cannot_leave(tmp_path: Path) -> None:
    """The state knows the host and not the member, as after an `up` that was cut off."""
    (tmp_path / "etcd.yaml").write_text("")
    stub = f"give_up_member() {{ echo OPEN; }}\nlist() {{ false; }}\n{NOTED % 'true'}"
    done = on_host(tmp_path, "no_member_left a", stub, formed=CLUSTER, started="existing x")
    assert (done.returncode, "OPEN" in done.stdout) == (REFUSED, False)
    assert "Nothing was changed" in done.stderr
    assert asked(tmp_path) == []


def test_host_is_taken_back_with_its_member_when_the_others_hold_the_quorum(tmp_path: Path) -> None:
    """The member leaves first."""
    (tmp_path / "etcd.yaml").write_text("")
    stub = f"give_up_member() {{ echo OPEN; }}\n{NOTED % 'true'}"
    done = on_host(tmp_path, "no_member_left a", stub, formed=CLUSTER, started="existing x")
    assert "OPEN" in done.stdout
    assert asked(tmp_path) == [f"member remove {SELF}"]


def test_host_is_not_taken_back_when_the_memory_of_its_member_is_lost(tmp_path: Path) -> None:
    """Nothing tells then that the member is this stack's."""
    (tmp_path / "etcd.yaml").write_text("")
    done = on_host(tmp_path, "no_member_left a", "give_up_member() { echo OPEN; }")
    assert (done.returncode, "OPEN" in done.stdout) == (REFUSED, False)
    assert "etcd-host abandon" in done.stderr


CONVERGE = """
read_state() { :; }; lock() { :; }; own_or_refuse() { :; }; need_user() { :; }
recover_memory() { :; }; note_formed() { :; }; keep() { echo KEPT; }
"""


def test_reason_is_told_when_nobody_says_whose_data_this_is(tmp_path: Path) -> None:
    """And nothing is done."""
    nobody = "answering() { :; }; http_get() { false; }\n"
    done = on_host(tmp_path, "verb_converge", CONVERGE + nobody, member_id=SELF)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "whether it is a member's: no answer at " in done.stderr


def test_member_whose_folder_was_lost_under_it_is_not_another_cluster_s(tmp_path: Path) -> None:
    """It runs, is healthy and listed; it is said what is wrong."""
    gone = "has_data() { false; }; set_aside() { echo ASIDE; }\n"
    done = on_host(tmp_path, "verb_converge", CONVERGE + gone, formed=CLUSTER, member_id=SELF)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "the folder was removed, or its disk unmounted, while etcd was running" in done.stderr


def test_list_of_another_cluster_is_forgotten_when_its_data_is_kept(tmp_path: Path) -> None:
    """Its new address would pass for one that the others know already."""
    other = (
        'keep() { echo "KEPT [$MEMBERS]"; }; http_get() { false; }; next_step() { echo keep; }\n'
    )
    other += UNKNOWN["the list is of another cluster"]
    done = on_host(tmp_path, "verb_converge", CONVERGE + other, formed=CLUSTER, member_id=SELF)
    assert done.stdout.startswith("KEPT []\n")
