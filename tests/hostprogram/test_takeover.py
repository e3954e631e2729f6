"""Who leaves a cluster that is taken over, and when nobody does. Pure functions of texts."""

from __future__ import annotations

from pathlib import Path

import pytest

from .asking import CLUSTER, on_host
from .bash import OWN_TIME, run
from .quorums import call, row, rows, url

OURS = ",".join(f"etcd0{number}={url(number, 2380)}" for number in (1, 2, 3))
EVERYBODY = "\n".join(row(number) for number in range(1, 7))


def statuses(leader: int) -> str:
    """What everybody says, with this leader."""
    return "\n".join(f"{url(n)} a{n} c1 a{leader} false 3.6.6" for n in range(1, 7))


@pytest.mark.parametrize(
    ("leader", "order"),
    [
        (1, ["a4", "a5", "a6"]),
        (4, ["a5", "a6", "a4"]),
        (5, ["a4", "a6", "a5"]),
        (6, ["a4", "a5", "a6"]),
    ],
)
def test_members_that_are_not_declared_leave_and_the_leader_last(
    leader: int, order: list[str]
) -> None:
    """So the leadership moves once, and to one that stays."""
    assert call("undeclared_ids", EVERYBODY, statuses(leader), OURS) == (0, order)


def test_a_member_is_known_by_its_peer_url() -> None:
    """A prefix of one is another host: 10.0.0.1 and 10.0.0.11."""
    members = f"{row(1)}\n{row(11)}"
    assert call("undeclared_ids", members, "", OURS) == (0, ["a11"])
    assert call("undeclared_ids", row(1), "", OURS) == (0, [])
    assert call("undeclared_ids", "", statuses(1), OURS) == (1, [])


@pytest.mark.parametrize(
    ("members", "serving", "said"),
    [
        (EVERYBODY, "a1\na2\na3\na4", ""),
        (EVERYBODY, "a1\na2\na4\na5\na6", "etcd03"),
        (EVERYBODY, "a1", "etcd02, etcd03"),
        (EVERYBODY, "", "etcd01, etcd02, etcd03"),
        (EVERYBODY, "a11\na12\na13", "etcd01, etcd02, etcd03"),
        (f"{row(1)}\n{row(2)}\n{row(4)}", "a1\na2\na4", "etcd03"),
        ("", "a1\na2\na3", "etcd01, etcd02, etcd03"),
    ],
)
def test_nobody_leaves_before_every_declared_member_serves(
    members: str, serving: str, said: str
) -> None:
    """By id: one that is not known to serve is named."""
    assert call("not_declared_serving", members, serving, OURS) == (0, [said])


STATE = f"""\
cluster: etcd
token: cafe
member: etcd01
endpoints: {url(1)}
initial-cluster: {OURS}
take-over: c1
"""
ANSWERS = f"""
lock() {{ WORK=$(mktemp -d); }}; own_or_refuse() {{ :; }}; log() {{ :; }}; SECONDS=0
recall() {{ case $1 in formed) echo c1 ;; esac; }}; remember_endpoints() {{ :; }}
look() {{ MEMBERS='{EVERYBODY}' SERVING=$'a1\\na2\\na3\\na4\\na5\\na6' CLUSTER=c1; }}
look_at_members() {{ MEMBERS='{rows(3)}' CLUSTER=c1 WHY=; }}
status_rows() {{ echo '{statuses(4)}'; }}
remove_member() {{ echo "removed: $1"; }}
"""


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ("look() { WHY='no answer'; return 1; }", 5, "could not find out who the members are"),
        ("recall() { echo c2; }", 4, "is a member of cluster c2, and takeOver.cluster is c1"),
        ("recall() { :; }", 4, "is a member of cluster none"),
        ("look() { MEMBERS=; SERVING=; }", 5, "not every declared member serves"),
        ("remove_member() { WHY='too few'; return 1; }", 5, "a5 cannot be removed: too few"),
        (
            "undeclared_ids() { return 127; }",
            5,
            "could not find out which members are not declared",
        ),
    ],
)
def test_nobody_is_removed_where_that_is_not_known_to_be_safe(
    change: str, status: int, said: str
) -> None:
    """The refusal says why."""
    done = run(f"{ANSWERS}{change}\nverb_take_over", STATE)
    assert done.returncode == status
    assert said in done.stderr
    assert "removed:" not in done.stdout


def test_those_that_are_not_declared_are_removed_one_by_one() -> None:
    """And nobody else."""
    done = run(f"{ANSWERS}\nverb_take_over", STATE)
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("removed")] == [
        "removed: a5",
        "removed: a6",
        "removed: a4",
    ]
    assert "members: etcd01,etcd02,etcd03\n" in done.stdout


SOME_ARE_LISTED = f"look_at_members() {{ MEMBERS='{rows(4)}' CLUSTER=c1 WHY=; }}"
UNSEEN = "undeclared_ids() { [[ ! -e $WORK/asked ]] || return 127; : >$WORK/asked; }"


@pytest.mark.parametrize("alone", [False, True], ids=["all were removed", "nobody was there"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("look_at_members() { WHY='no answer'; return 1; }", "are still listed: no answer"),
        (
            "look_at_members() { CLUSTER=c2; }",
            "answers for cluster c2, and this host is a member of",
        ),
        (SOME_ARE_LISTED, "members that are not declared are still listed: a4. Run it again"),
        (UNSEEN, "could not find out whether former members are still listed. Run it again"),
    ],
    ids=["nobody answers", "another cluster", "one is listed", "a list that cannot be read"],
)
def test_take_over_ends_well_only_when_nobody_else_is_listed(
    change: str, said: str, alone: bool
) -> None:
    """It would not be run again, and with the former hosts' etcd a quorum may go."""
    stubs = f"{OWN_TIME}{ANSWERS}own_url() {{ echo {url(1)}; }}\n"
    if alone:
        stubs += f"look() {{ MEMBERS='{rows(3)}' SERVING=$'a1\\na2\\na3' CLUSTER=c1; }}\n"
    done = run(f"{stubs}{change}\nverb_take_over", STATE)
    assert (done.returncode, "members: " in done.stdout) == (5, False)
    assert said in done.stderr


# A new host for the member a; a, b and c of the cluster that is there are on others.
NEW = "http://10.0.0.9:42201"
JOINS = f"""
S[take-over]={CLUSTER}; S[initial-cluster]=%s={NEW}; S[member]=%s
S[arg.initial-advertise-peer-urls]={NEW}; S[arg.quota-backend-bytes]=2147483648
has_data() {{ false; }}; set_aside() {{ echo ASIDE; }}; member_healthy() {{ false; }}
other() {{ echo "$*" >>$STATE/asked; }}
"""


@pytest.mark.parametrize("name", ["a", "b"])
def test_nobody_joins_a_cluster_that_has_a_member_of_a_declared_name(
    tmp_path: Path, name: str
) -> None:
    """By that name alone a healthy one would pass for this host's former entry."""
    done = on_host(tmp_path, "join; echo OPEN", JOINS % (name, "a"))
    assert done.returncode == 4
    assert f"members[].name {name} is the name of the former member at http://127." in done.stderr
    assert "Nothing was changed. Give the declared one another name" in done.stderr
    assert done.stdout == ""
    assert not (tmp_path / "state/asked").exists()


@pytest.mark.parametrize(
    ("failing", "said"),
    [
        ("namesake", "whether a former member has the name of a declared one. Nothing was changed"),
        ("former_members", "which members are not declared. Nothing was changed; run it again"),
        ("not_running", "not known to run the same minor: all of them"),
        ("stale_ids", "which entries it had before. Run it again"),
    ],
)
def test_nobody_joins_a_cluster_whose_members_cannot_be_compared(
    tmp_path: Path, failing: str, said: str
) -> None:
    """As where there is no memory for a program; nothing is asked of the cluster."""
    fails = f"{failing}() {{ return 127; }}\ngive_up_lost_members() {{ :; }}\n"
    formed = CLUSTER if failing == "stale_ids" else ""
    done = on_host(tmp_path, "join; echo OPEN", JOINS % ("d", "d") + fails, formed=formed)
    assert (done.returncode in (4, 5), done.stdout) == (True, "")
    assert said in done.stderr
    assert not (tmp_path / "state/asked").exists()


LEFT = 'cat "$SAID/etcdctl-3.5-list.txt" | sed \'/"PeerURL" : .*42207/s|http:.*42207|%s|\''


@pytest.mark.parametrize(
    ("quota", "left", "status", "said"),
    [
        ("36409", NEW, 0, ""),
        ("36409", "http://10.0.0.8:42201", 4, "the same minor: http://10.0.0.8:42201. Nothing"),
        ("36408", NEW, 4, "has 32768 bytes, and etcd.quotaBackendBytes is 36408"),
        ("36408", NEW, 4, "Set it to at least 36409; or compact"),
        ("", NEW, 5, "(32768 bytes) fits etcd.quotaBackendBytes (unknown). Nothing"),
        ("36409; largest_database() { return 1; }", NEW, 5, "(unknown bytes) fits"),
    ],
)
def test_own_entry_of_a_join_that_was_cut_off_is_no_former_member(
    tmp_path: Path, quota: str, left: str, status: int, said: str
) -> None:
    """It was added and never started, so it does not say which version it runs."""
    stubs = JOINS % ("d", "d") + f"list() {{ {LEFT % left}; }}\nS[arg.quota-backend-bytes]={quota}"
    script = f"look_at_members $OWN_URL; need_taken_over_cluster {url(1)}; echo OPEN"
    done = on_host(tmp_path, script, stubs)
    assert (done.returncode, said in done.stderr) == (status, True), done.stderr
    assert done.stdout == ("" if status else "OPEN\n")


def test_a_former_member_is_never_a_stale_entry_by_its_name(tmp_path: Path) -> None:
    """Nor is the learner that somebody else has just added there."""
    stale = "look_at_members $OWN_URL; remove_stale_entries $OWN_URL; echo OPEN"
    done = on_host(tmp_path, stale, JOINS % ("a", "a"))
    assert done.stdout == "OPEN\n", done.stderr
    assert not (tmp_path / "state/asked").exists()


@pytest.mark.parametrize(
    ("declared", "found"),
    [
        (OURS, []),
        (OURS.replace("10.0.0.2", "10.0.0.9"), [f"etcd02 {url(2, 2380)}"]),
        (OURS.replace("10.0.0.2", "10.0.0.22"), [f"etcd02 {url(2, 2380)}"]),
        (OURS.replace("etcd0", "new0").replace("10.0.0.", "10.0.1."), []),
        (
            OURS.replace("etcd01", "etcd012").replace("10.0.0.", "10.0.1."),
            [f"etcd02 {url(2, 2380)}"],
        ),
    ],
    ids=["ours", "at another address", "at one that begins so", "all others", "one that begins so"],
)
def test_member_with_a_declared_name_is_found(declared: str, found: list[str]) -> None:
    """One that joined in a run before this is no other."""
    members = f"{EVERYBODY}\n{row(7, started=False, learner=True)}"
    assert call("namesake", members, declared) == (0, found)
