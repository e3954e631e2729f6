"""A member with another address: it does not move before the others know, whatever was lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import OTHERS, SELF
from .test_joining import LATER, NEW, NOTED, REFUSED, asked, moves


@pytest.mark.parametrize(
    "answer",
    ["sleep 1; return 124", "return 1", "echo Member c42767; return 1"],
    ids=["hangs", "fails", "half"],
)
def test_member_does_not_move_when_the_cluster_does_not_say_that_it_knows(
    tmp_path: Path, answer: str
) -> None:
    """And the list does not say it either."""
    done = moves(tmp_path, NOTED % answer)
    assert (done.returncode, "OPEN" in done.stdout) == (LATER, False)
    assert f"the cluster rejected its new address {NEW}" in done.stderr
    assert "Nothing was changed; run it again" in done.stderr
    assert set(asked(tmp_path)) == {f"member update {SELF}"}


@pytest.mark.parametrize("before", [True, False])
def test_member_moves_when_the_answer_alone_was_lost(tmp_path: Path, before: bool) -> None:
    """The list says that the others know, in this run or in the next."""
    when = "true" if before else "[[ -e $STATE/asked ]]"
    now = f"if {when}; then echo {NEW}; else echo http://127.0.0.1:42201; fi"
    known = f'list() {{ sed "s,http://127.0.0.1:42201,$({now})," $SAID/etcdctl-3.5-list.txt; }}\n'
    assert "OPEN" in moves(tmp_path, known + NOTED % "return 124").stdout
    assert asked(tmp_path) == ([] if before else [f"member update {SELF}"])


# An etcd that cannot listen at its former address is down, and says no id.
FORGETFUL = "http_get() { false; }\n"


def test_member_that_forgot_its_id_is_told_by_its_name(tmp_path: Path) -> None:
    """Where its memory was lost, and its address is another one."""
    done = moves(tmp_path, FORGETFUL + NOTED % "true", member_id="")
    assert "OPEN" in done.stdout, done.stderr
    assert asked(tmp_path) == [f"member update {SELF}"]


RENAMED = 'list() { sed \'s/"Name" : "a"/"Name" : "x"/\' $SAID/etcdctl-3.5-list.txt; }\n'
TWICE = 'list() { sed \'s/"Name" : "b"/"Name" : "a"/\' $SAID/etcdctl-3.5-list.txt; }\n'


@pytest.mark.parametrize(
    ("stubs", "url", "opens"),
    [
        (RENAMED, NEW, False),
        (TWICE, NEW, False),
        ("member_by_name() { return 127; }\n", NEW, False),
        (RENAMED, "http://127.0.0.1:42201", True),
        (f"{RENAMED}peers() {{ sed s,http://127.0.0.1:42201,{NEW},; }}\n", NEW, True),
        ("peers() { sed s,http://127.0.0.1:42201,http://127.0.0.9:42201,; }\n", NEW, False),
    ],
    ids=[
        "no such name",
        "two of its name",
        "awk fails",
        "the same address",
        "they were told",
        "another host has its name",
    ],
)
def test_member_that_cannot_be_found_in_the_list_does_not_move_untold(
    tmp_path: Path, stubs: str, url: str, opens: bool
) -> None:
    """The others would look for it where it was."""
    piped = 'peers() { cat; }\neval "WELL$(declare -f look_at_members)"\n'
    piped += 'look_at_members() { WELLlook_at_members x && MEMBERS=$(peers <<<"$MEMBERS"); }\n'
    done = moves(tmp_path, FORGETFUL + piped + stubs + NOTED % "true", url, member_id="")
    assert (done.returncode, "OPEN" in done.stdout) == (0 if opens else REFUSED, opens)
    assert opens or "it is not known which entry in their list" in done.stderr
    assert asked(tmp_path) == []


TAKEN = (
    'echo "{"level":"warn"}" >&2; echo "Error: etcdserver: Peer URLs already exists" >&2; return 1'
)


@pytest.mark.parametrize(
    ("stubs", "whose"),
    [
        (
            f"list() {{ sed s,http://127.0.0.1:42203,{NEW}, $SAID/etcdctl-3.5-list.txt; }}\n",
            f"the member b (id {OTHERS['b']})",
        ),
        (
            f"list() {{ sed s,http://127.0.0.1:42207,{NEW}, $SAID/etcdctl-3.5-list.txt; }}\n",
            "an entry that never started (id f62040b288908398)",
        ),
        ("", "another entry of its list"),
        (
            "list() { [[ ! -e $STATE/asked ]] && cat $SAID/etcdctl-3.5-list.txt; }\n",
            "another entry of its list",
        ),
    ],
    ids=["a member's", "a learner's", "its second one", "not known whose"],
)
def test_address_of_another_entry_is_refused_for_good(
    tmp_path: Path, stubs: str, whose: str
) -> None:
    """Asked again, the cluster would say the same; the way out is told instead."""
    done = moves(tmp_path, stubs + NOTED % TAKEN)
    assert (done.returncode, "OPEN" in done.stdout) == (REFUSED, False)
    assert f"the cluster rejected its new address {NEW}, because {whose} already" in done.stderr
    assert "Nothing was changed" in done.stderr
    assert "give it up (members[].lost: true)" in done.stderr
    assert "a third address in between" in done.stderr
    assert asked(tmp_path) == [f"member update {SELF}"]
