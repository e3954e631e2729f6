"""The learner that a join adds, also where the answer was lost, or the join was cut off."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from .asking import CLUSTER, on_host
from .test_guard import UNKNOWN

REFUSED, LATER = 4, 5

# The list of `said` has a learner, which never started.
LEARNER, ITS_URL = "f62040b288908398", "http://127.0.0.1:42207"
ADDED = {
    "adding": f"{CLUSTER} {ITS_URL}",
    "endpoints": "http://127.0.0.1:42200,http://127.0.0.1:42202,http://127.0.0.1:42204",
}
NEW_HOST = 'http_get() { false; }; etcd_pid() { :; }; other() { echo "$*" >>$STATE/asked; %s; }\n'


def asked(folder: Path) -> list[str]:
    """The changes that were asked for."""
    file = folder / "state/asked"
    return file.read_text().splitlines() if file.exists() else []


def test_learner_of_a_join_that_was_cut_off_is_taken_back(tmp_path: Path) -> None:
    """The state knows the host alone, and nobody else would name the learner."""
    done = on_host(tmp_path, "no_member_left d; echo OPEN", NEW_HOST % "true", **ADDED)
    assert (done.returncode, done.stdout) == (0, "OPEN\n"), done.stderr
    assert asked(tmp_path) == [f"member remove {LEARNER}"]
    assert not (tmp_path / "state/adding").exists()


@pytest.mark.parametrize(
    "memory",
    [{}, {"joining": "empty"}, ADDED | {"adding": f"{CLUSTER} http://127.0.0.1:42201"}],
    ids=["never joined", "was refused", "not listed as a learner"],
)
def test_host_that_added_no_learner_is_taken_back_at_once(
    tmp_path: Path, memory: dict[str, str]
) -> None:
    """A voter with its peer URL is none that it has just added."""
    done = on_host(tmp_path, "no_member_left d; echo OPEN", NEW_HOST % "true", **memory)
    assert (done.returncode, done.stdout) == (0, "OPEN\n"), done.stderr
    assert asked(tmp_path) == []


def test_member_that_runs_has_no_learner_to_take_back(tmp_path: Path) -> None:
    """What its join was cut off in does not count for the next cluster that it is in."""
    on_host(tmp_path, "stamp() { :; }; stamp_member", **ADDED)
    assert not (tmp_path / "state/adding").exists()


LAST = """
look_at_members() {
  MEMBERS='a1 started a http://x:1 http://x:2 false'
  if [[ ! -e $STATE/removed ]]; then MEMBERS+=$'\\nb2 unstarted - http://y:1 - true'; fi
}
look() { look_at_members; SERVING=$MEMBERS; }
own_id() { echo a1; }; note_formed() { :; }; give_up_member() { echo "GONE after $SLEPT"; }
SLEPT=0; sleep() { SLEPT=$((SLEPT + 1)); if ((SLEPT == 3)); then %s; fi; }
passed() { ((SLEPT > 9)); }
"""


@pytest.mark.parametrize(("then", "after"), [("touch $STATE/removed", 3), (":", 10)])
def test_only_voter_waits_for_a_learner_that_is_taken_back(
    tmp_path: Path, then: str, after: int
) -> None:
    """Both hosts go in one `destroy`, and nobody else could remove it; but not for ever."""
    done = on_host(tmp_path, "leave_or_refuse", LAST % then)
    assert (done.returncode, done.stdout) == (0, f"GONE after {after}\n"), done.stderr


NOT_FOUND = UNKNOWN | {"the list cannot be searched": "learner_at() { return 127; }"}


@pytest.mark.parametrize("stub", NOT_FOUND.values(), ids=NOT_FOUND.keys())
def test_host_is_not_taken_back_when_nobody_says_whether_it_is_listed(
    tmp_path: Path, stub: str
) -> None:
    """Nothing is forgotten."""
    stubs = NEW_HOST % "true" + stub
    done = on_host(tmp_path, "no_member_left d; echo OPEN", stubs, **ADDED)
    assert done.returncode in (REFUSED, LATER)
    assert done.stdout == ""
    assert asked(tmp_path) == []
    assert (tmp_path / "state/adding").exists()


def test_host_is_not_taken_back_when_its_learner_stays(tmp_path: Path) -> None:
    """With etcd's reason."""
    refuses = "echo 'Error: etcdserver: no' >&2; return 1"
    done = on_host(tmp_path, "no_member_left d; echo OPEN", NEW_HOST % refuses, **ADDED)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert f"the learner {LEARNER}, which a join that was cut off has added" in done.stderr
    assert "etcdserver: no. Run it again" in done.stderr


JOINS = """
has_data() { false; }; member_healthy() { false; }; set_aside() { :; }; put_guard() { :; }
give_up_lost_members() { :; }; remove_stale_entries() { :; }; S[initial-cluster]=d=http://x:1
S[arg.initial-advertise-peer-urls]=%s; apply_manifest() { exit 9; }
"""


# Where nobody says any more who the members are.
NO_LIST = "list() { [[ ! -e $STATE/sent ]] && cat $SAID/etcdctl-3.5-list.txt; }\n"


@pytest.mark.parametrize(
    ("answer", "more", "url", "known"),
    [
        ("echo 'ETCD_INITIAL_CLUSTER=\"d=http://x:1\"'", "", ITS_URL, True),
        ("echo 'Error: etcdserver: unhealthy cluster' >&2; return 1", "", "http://x:1", False),
        ("return 124", "", ITS_URL, True),
        ("return 1", NO_LIST, "http://x:1", True),
        (
            "echo 'ETCD_INITIAL_CLUSTER=\"d=http://x:1\"'",
            "apply_manifest() { :; }; start_learner() { exit 9; }\n",
            ITS_URL,
            False,
        ),
    ],
    ids=["added", "refused", "added, with no answer", "not known", "its manifest is there"],
)
def test_join_remembers_what_it_may_have_added(
    tmp_path: Path, answer: str, more: str, url: str, known: bool
) -> None:
    """Until its manifest is there, or the list says that it is not in it."""
    stubs = f"{JOINS % url}other() {{ : >$STATE/sent; {answer}; }}\n{more}"
    assert on_host(tmp_path, "join", stubs).returncode in (LATER, 9)
    file = tmp_path / "state/adding"
    assert (file.read_text() if file.exists() else "") == (f"{CLUSTER} {url}\n" if known else "")


# The list when etcd has added the member d, and what its initial cluster is then.
LISTED = "b=http://127.0.0.1:42203,c=http://127.0.0.1:42205,a=http://127.0.0.1:42201"
WHOLE = f"{LISTED},d={ITS_URL}"
LOST = """
if [[ -e $STATE/added ]]; then
  echo 'Error: etcdserver: Peer URLs already exists' >&2
else
  : >$STATE/added
  %s
fi
return 1
"""
ADDS = {
    "the answer is whole": f"echo 'ETCD_INITIAL_CLUSTER=\"{WHOLE}\"'",
    "the answer is half": "echo 'ETCD_INITIAL_CLUSTER=\"b=http://127'",
    "the answer is empty": ":",
    "the answer was lost": LOST % "echo 'Error: context deadline exceeded' >&2",
    "it hangs, and was added": LOST % "sleep 0.2; return 124",
}
DOES_NOT_ADD = {
    "it hangs": ("sleep 1; return 124", ""),
    "the answer is half, and the list fails": (ADDS["the answer is half"], NO_LIST),
    "the answer is half, and the list is without it": (
        ADDS["the answer is half"],
        "S[arg.initial-advertise-peer-urls]=http://x:1\n",
    ),
    "the answer was lost, and the list fails": (ADDS["the answer was lost"], NO_LIST),
    "its address is a started member's": (
        ADDS["the answer was lost"],
        "S[arg.initial-advertise-peer-urls]=http://127.0.0.1:42203\n",
    ),
}


def joins(folder: Path, answer: str, more: str = "") -> subprocess.CompletedProcess[str]:
    """The member d joins, and `member add` is answered so."""
    stubs = f"S[member]=d\n{JOINS % ITS_URL}other() {{ : >$STATE/sent\n{answer}\n}}\n{more}"
    return on_host(folder, "join", stubs)


@pytest.mark.parametrize("answer", ADDS.values(), ids=ADDS.keys())
def test_member_that_was_added_knows_its_cluster(tmp_path: Path, answer: str) -> None:
    """By the list, where the answer does not say it: no other host adds this peer URL."""
    done = joins(tmp_path, answer)
    assert (done.returncode, done.stdout) == (9, "STOPPED\n"), done.stderr
    assert (tmp_path / "state/started").read_text() == f"existing {WHOLE}\n"


@pytest.mark.parametrize(("answer", "more"), DOES_NOT_ADD.values(), ids=DOES_NOT_ADD.keys())
def test_nothing_starts_when_it_is_not_known_whether_it_was_added(
    tmp_path: Path, answer: str, more: str
) -> None:
    """What is here stays as it is."""
    done = joins(tmp_path, answer, more)
    assert (done.returncode, done.stdout) == (LATER, "")
    assert "rejected adding it as a learner" in done.stderr
    assert not (tmp_path / "state/started").exists()
