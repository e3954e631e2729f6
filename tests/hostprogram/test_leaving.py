"""Who leaves unasked, where nobody can be asked: whoever is known to be in no cluster, no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import CLUSTER, SELF, on_host
from .test_asking import LEAVE, SILENT
from .test_cut_off import GONE
from .test_guard import UNKNOWN

REFUSED = 4
BEGAN = {"bootstrapping": "cafe a=http://x:1,b=http://y:1,c=http://z:1"}
NOBODY = "list() { false; }\n"
QUIET = """
http_get() {
  case $1 in
    /health*) echo '{"health":"false","reason":"RAFT NO LEADER"}' ;;
    *) echo 'etcd_server_proposals_applied_total %s' ;;
  esac
}
"""
DOWN = "serves_peers() { false; }; http_get() { false; }\n"
EMPTY = "has_data() { false; }; compgen() { false; }\n"
NOT_BEGUN = "has_data() { false; }; compgen() { true; }\n"


def leaves(folder: Path, stubs: str, memory: dict[str, str], manifest: str = "there") -> bool:
    """Whether it leaves, with nobody there to ask; no removal is asked for in any case."""
    if manifest == "there":
        (folder / "etcd.yaml").touch()
    asked = "other() { : >$STATE/asked; }\n"
    done = on_host(folder, LEAVE, NOBODY + asked + stubs, **memory)
    assert not (folder / "state/asked").exists()
    assert done.stdout == "OUT\n" or done.stdout.startswith("STAYS it could not find out whether")
    return done.stdout == "OUT\n"


@pytest.mark.parametrize(
    ("stubs", "memory", "manifest"),
    [
        (QUIET % 3, BEGAN, "there"),
        (QUIET % "2e+00", BEGAN, "there"),
        (DOWN, BEGAN, "there"),
        (DOWN + NOT_BEGUN, BEGAN, "there"),
        (DOWN + EMPTY, BEGAN, "none"),
        (DOWN + EMPTY, {"leaving": "yes"}, "none"),
    ],
    ids=[
        "its etcd never had a leader",
        "its etcd has applied less than the bootstrap",
        "its etcd ends at once",
        "its etcd has not begun yet",
        "it was not told to begin",
        "it has left",
    ],
)
def test_host_that_is_known_to_be_in_no_cluster_leaves_when_nobody_answers(
    tmp_path: Path, stubs: str, memory: dict[str, str], manifest: str
) -> None:
    """As after a first `up` that was cut off, or a `destroy`."""
    assert leaves(tmp_path, stubs, memory, manifest)


@pytest.mark.parametrize(
    ("stubs", "memory", "manifest"),
    [
        ("", BEGAN, "there"),
        (SILENT, BEGAN, "there"),
        (QUIET % 4, BEGAN, "there"),
        (QUIET % "1e+06", BEGAN, "there"),
        (QUIET % "", BEGAN, "there"),
        (QUIET.replace("_total", "") % 3, BEGAN, "there"),
        (QUIET % 3 + "lasting_word() { echo unknown; }\n", BEGAN, "there"),
        (
            DOWN.replace("false", "[[ -e $STATE/up ]] || { : >$STATE/up; false; }", 1),
            BEGAN,
            "there",
        ),
        (QUIET % 3, BEGAN | {"formed": CLUSTER}, "there"),
        (QUIET % 3, {}, "there"),
        (DOWN, {}, "there"),
        (DOWN + EMPTY, {}, "there"),
        (DOWN + EMPTY, {}, "none"),
        (DOWN + EMPTY, BEGAN, "there"),
        (EMPTY + SILENT, BEGAN, "none"),
        (DOWN + EMPTY, BEGAN | {"joining": "empty"}, "none"),
        (DOWN + EMPTY, BEGAN | {"adding": f"{CLUSTER} http://x:1"}, "none"),
        (DOWN, {"started": "existing a=http://x:1"}, "there"),
    ],
    ids=[
        "its etcd is healthy",
        "its etcd says nothing",
        "its etcd had a leader",
        "its etcd had one for long",
        "its etcd does not say what it applied",
        "its etcd says half of it",
        "its etcd has no leader for a moment",
        "its etcd starts just then",
        "it has formed",
        "its memory is lost",
        "its memory is lost, and its etcd ended",
        "memory and data are lost",
        "all is lost",
        "its data is lost",
        "its data was lost under it",
        "it was joining",
        "it was being added",
        "it has joined",
    ],
)
def test_member_stays_when_it_is_not_known_to_be_in_no_cluster(
    tmp_path: Path, stubs: str, memory: dict[str, str], manifest: str
) -> None:
    """It may have a vote, and the others could not be rid of it."""
    assert not leaves(tmp_path, stubs, memory, manifest)


@pytest.mark.parametrize("stub", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_member_whose_memory_is_lost_asks_for_as_long_as_any(tmp_path: Path, stub: str) -> None:
    """A look that fails once is asked again; the refusal says what can be done."""
    (tmp_path / "etcd.yaml").touch()
    (tmp_path / "state").mkdir()
    stubs = f"{DOWN}{EMPTY}{stub}\ngive_up_member() {{ echo GONE; }}\n"
    known = {"formed": CLUSTER} if "another cluster" in stub or "/5/" in stub else {}
    done = on_host(tmp_path, "leave_or_refuse", stubs, **known)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert "Nothing was changed" in done.stderr
    assert "lost: true" in done.stderr
    assert "etcd-host abandon" in done.stderr


def test_member_that_is_healthy_has_formed_before_it_leaves(tmp_path: Path) -> None:
    """A first `up` was killed before it said so; what is asked after that may fail."""
    stubs = f"{NOBODY}give_up_member() {{ echo GONE; }}\n"
    done = on_host(tmp_path, "leave_or_refuse", stubs, **BEGAN)
    assert (done.returncode, done.stdout) == (REFUSED, "")
    assert (tmp_path / "state/formed").read_text() == f"{CLUSTER}\n"


LEFT = {
    "left": "other() { :; }; leave_or_refuse",
    "abandoned": "lock() { :; }; verb_abandon",
}


@pytest.mark.parametrize("way", LEFT.values(), ids=LEFT.keys())
def test_member_that_is_gone_is_not_asked_for_a_quorum_again(tmp_path: Path, way: str) -> None:
    """The rest of a `destroy` was cut off, or it was given up by hand before."""
    done = on_host(tmp_path, way, GONE, formed=CLUSTER, member_id=SELF)
    assert done.returncode == 0, done.stderr
    assert leaves(tmp_path, DOWN + EMPTY, {}, "none")


BEGINS = """
put_guard() { exit 9; }; look_at_members() { CLUSTER=x; }; need_image() { exit 9; }
metric() { :; }; member_healthy() { false; }; S[initial-cluster]=a=http://x:1
"""


def test_host_that_was_given_up_asks_again_once_a_member_begins(tmp_path: Path) -> None:
    """What it remembers of the former one says nothing of that."""
    stubs = BEGINS + EMPTY
    assert on_host(tmp_path, "bootstrap_or_resume", stubs, leaving="yes").returncode == 9
    assert not (tmp_path / "state/leaving").exists()
    stubs += "need_image() { :; }; other_urls() { echo x; }; give_up_lost_members() { exit 9; }\n"
    assert on_host(tmp_path, "join", stubs, leaving="yes").returncode == 9
    assert not (tmp_path / "state/leaving").exists()


# One voter, and this host is the learner beside it: as in a take-over of a cluster of one.
ONE = """
list() { cat <<'END'
"ClusterID" : 12900370036820246104
"MemberID" : 10924301579535026
"ID" : 10924301579535026
"Name" : "b"
"PeerURL" : "http://127.0.0.1:42203"
"ClientURL" : "http://127.0.0.1:42202"
"IsLearner" : false
"ID" : 14134380259542242322
"Name" : "a"
"PeerURL" : "http://127.0.0.1:42201"
"ClientURL" : "http://127.0.0.1:42200"
"IsLearner" : true
END
}
"""


def test_learner_beside_the_only_voter_is_removed_when_it_leaves(tmp_path: Path) -> None:
    """With it etcd would take in no other learner."""
    noted = 'other() { echo "$*" >>$STATE/asked; }\n'
    assert on_host(tmp_path, LEAVE, noted + ONE, formed=CLUSTER).stdout == "OUT\n"
    assert (tmp_path / "state/asked").read_text() == f"member remove {SELF}\n"
    down = f"{noted}{ONE}health() {{ :; }}\n"
    assert on_host(tmp_path, LEAVE, down, formed=CLUSTER).stdout.startswith("STAYS ")


def test_only_voter_leaves_with_nobody_left_to_remove_it(tmp_path: Path) -> None:
    """And stays where it cannot be found out whether it is one."""
    noted = 'other() { echo "$*" >>$STATE/asked; }\n'
    alone = (
        noted
        + ONE.replace('"http://127.0.0.1:42202"\n"IsLearner" : false', "%s").replace(
            '"IsLearner" : true', '"IsLearner" : false'
        )
        % '"http://127.0.0.1:42202"\n"IsLearner" : true'
    )
    assert on_host(tmp_path, LEAVE, alone, formed=CLUSTER).stdout == "OUT\n"
    failing = "is_voter() { return 127; }\n"
    assert on_host(tmp_path, LEAVE, alone + failing, formed=CLUSTER).stdout.startswith("STAYS ")
    assert not (tmp_path / "state/asked").exists()


def test_mark_of_a_leave_that_was_cut_off_is_void_once_the_member_has_served(
    tmp_path: Path,
) -> None:
    """`abandon` ended by a reboot: its etcd came back, and it has a vote again."""
    stubs = "passed() { true; }; sleep() { :; }; give_up_member() { echo GIVEN UP; }\n"
    memory = {"formed": CLUSTER, "leaving": "yes"}
    done = on_host(tmp_path, "leave_or_refuse", NOBODY + stubs, **memory)
    assert done.returncode == REFUSED, done.stderr
    assert "GIVEN UP" not in done.stdout
    assert not (tmp_path / "state/leaving").exists()
