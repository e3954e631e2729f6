"""Who serves, who can be spared, who can be removed, and what a member does next."""

from __future__ import annotations

import shlex

import pytest

from .bash import run
from .quorums import CLUSTER, call, healthy, row, rows, said, status, url

FAILED = "is unhealthy: failed to commit proposal: context deadline exceeded"
ALARM = "is unhealthy: failed to commit proposal: Active Alarm(s):"
ALL = "\n".join(status(number) for number in (1, 2, 3))


def test_every_voter_serves_when_all_is_well() -> None:
    """The case that the others differ from."""
    found = call("serving_ids", rows(3), healthy(1, 2, 3), ALL, CLUSTER)
    assert found == (0, ["a1", "a2", "a3"])


@pytest.mark.parametrize(
    ("health", "statuses"),
    [
        (f"{url(2)} {FAILED}", status(2)),
        (f"{url(2)} {ALARM} CORRUPT", status(2)),
        (f"{url(2)} {ALARM} NOSPACE CORRUPT", status(2)),
        ("", status(2)),
        (healthy(2), ""),
        (healthy(2), status(2, cluster="cafe")),
        (healthy(2), status(2, as_id="a4")),
        (healthy(2), status(2, leader="0")),
        (healthy(2), status(2).replace(" false ", " true ")),
        (healthy(4), status(4)),
        ("Error: unhealthy cluster", status(2)),
    ],
    ids=[
        "unhealthy",
        "its database is damaged",
        "damaged and out of space",
        "nothing is said of its health",
        "nothing is said of its status",
        "of another cluster",
        "another member at its address",
        "without a leader",
        "a learner by its own word",
        "only a stranger answers",
        "an error in place of health",
    ],
)
def test_voter_does_not_serve_when(health: str, statuses: str) -> None:
    """The two others do."""
    others = f"{healthy(1, 3)}\n{health}", f"{status(1)}\n{statuses}\n{status(3)}"
    assert call("serving_ids", rows(3), *others, CLUSTER) == (0, ["a1", "a3"])


def test_voter_serves_when_it_is_only_out_of_space() -> None:
    """etcdctl calls it unhealthy; it answers and votes."""
    health = f"{healthy(1, 3)}\n{url(2)} {ALARM} NOSPACE"
    assert call("serving_ids", rows(3), health, ALL, CLUSTER)[1] == ["a1", "a2", "a3"]


@pytest.mark.parametrize(
    "members",
    [rows(2, 1), "\n".join([row(1), row(2), row(3, started=False)])],
    ids=["a learner", "an entry that never started"],
)
def test_who_has_no_vote_or_no_address_does_not_serve(members: str) -> None:
    """Whatever is healthy at its address."""
    assert call("serving_ids", members, healthy(1, 2, 3), ALL, CLUSTER)[1] == ["a1", "a2"]


def test_nobody_serves_when_nobody_answers() -> None:
    """An empty answer is not: all."""
    assert call("serving_ids", rows(3), "", "", CLUSTER) == (0, [])


def test_ids_are_texts_when_they_look_like_one_number() -> None:
    """1000000000000e2 and 100000000000e3 are two members; as numbers both are 10^14."""
    one, other = "1000000000000e2", "100000000000e3"
    listed = row(1).replace("a1", one, 1)
    for function in ("is_listed", "is_voter", "peer_url_of"):
        status_, printed = call(function, listed, other)
        assert (status_ != 0 or function == "peer_url_of", printed) == (True, [])
    assert call("others_serving", one, other)[1] == ["1"]
    assert call("leader_targets", "", one, other)[1] == [one]
    assert call("stale_ids", listed, "new", "https://10.0.0.9:2380", other, "")[1] == []
    assert call("member_by_name", row(1).replace("etcd01", "1e1"), "10")[0] != 0


# By the rule of majorities: of 3 voters 2 decide, of 4 and 5 3, of 7 4.
# How many others have to serve while this one is away; and after it was removed, of those left.
SPARE = {3: 2, 4: 3, 5: 3, 7: 4}
REMOVE_A_VOTER = {3: 2, 4: 2, 5: 3, 7: 4}


def decisions(function: str, members: str, own: str, others: list[str]) -> list[bool]:
    """What is decided while none, one, … all of the others serve; with and without oneself."""
    script = f'members={shlex.quote(members)}; decide() {{ {function} "$members" "$1" {own}; }}; '
    for count in range(len(others) + 1):
        for serving in (others[:count], [*others[:count], own], others[len(others) - count :]):
            script += (
                f"if decide {shlex.quote(chr(10).join(serving))}; then echo yes; else echo no; fi; "
            )
    done = run(script)
    assert done.stderr == ""
    said_ = [word == "yes" for word in done.stdout.split()]
    groups = [said_[n : n + 3] for n in range(0, len(said_), 3)]
    # Whether it serves itself, and which of the others do, is all the same.
    assert all(len(set(group)) == 1 for group in groups)
    return [group[0] for group in groups]


@pytest.mark.parametrize(("voters", "needed"), SPARE.items())
@pytest.mark.parametrize("kind", ["voter", "learner"])
@pytest.mark.parametrize("function", ["can_spare", "can_remove"])
def test_member_can_go_just_when_the_others_are_a_majority(
    function: str, kind: str, voters: int, needed: int
) -> None:
    """A learner's absence costs no vote: all voters stay, and a majority of them has to serve."""
    members = rows(voters, 1)
    own = f"a{voters}" if kind == "voter" else f"a{voters + 1}"
    others = [f"a{n}" for n in range(1, voters + 1) if f"a{n}" != own]
    if (function, kind) == ("can_remove", "voter"):
        needed = REMOVE_A_VOTER[voters]
    found = decisions(function, members, own, others)
    assert found == [count >= needed for count in range(len(others) + 1)]


@pytest.mark.parametrize("voters", SPARE)
@pytest.mark.parametrize("function", ["can_spare", "can_remove"])
@pytest.mark.parametrize("own", ["b9", "''"])
def test_nobody_unknown_can_go(function: str, voters: int, own: str) -> None:
    """It is not known then who would be missing, however many serve."""
    others = [f"a{number}" for number in range(1, voters + 1)]
    assert not any(decisions(function, rows(voters), own, others))


@pytest.mark.parametrize("function", ["can_spare", "can_remove"])
def test_only_member_can_not_go(function: str) -> None:
    """Nothing is left."""
    assert call(function, rows(1), "a1", "a1")[0] != 0


def test_nobody_can_go_when_nothing_is_known() -> None:
    """Empty lists, empty ids."""
    for function in ("can_spare", "can_remove"):
        for members, serving, own in (("", "", ""), ("", "a1\na2", "a1"), (rows(3), "", "a1")):
            assert call(function, members, serving, own)[0] != 0


def test_those_that_do_not_serve_are_named() -> None:
    """Name, address, id; never the one that asks, and no learner."""
    printed = call("not_serving", rows(3, 1), "a2", "a1")[1]
    assert printed == [f"etcd03 ({url(3)}, id a3)"]
    assert call("not_serving", rows(3), "", "")[1] == [
        ", ".join(f"etcd0{n} ({url(n)}, id a{n})" for n in (1, 2, 3))
    ]


@pytest.mark.parametrize(
    ("name", "peer", "own", "stale"),
    [
        ("etcd09", url(9, 2380), "b9", []),
        ("etcd02", url(9, 2380), "b9", ["a2"]),
        ("etcd09", url(2, 2380), "b9", ["a2"]),
        ("etcd09", url(9, 2380), "a2", ["a2"]),
        ("etcd01", url(2, 2380), "a3", ["a1", "a2", "a3"]),
        ("", url(2, 2380), "a3", ["a2", "a3"]),
    ],
    ids=["nothing", "by name", "by peer URL", "by id", "each by one", "not by a name"],
)
def test_entry_is_stale_when_it_was_this_hosts(
    name: str, peer: str, own: str, stale: list[str]
) -> None:
    """And no other that is started."""
    assert call("stale_ids", rows(3), name, peer, own, "")[1] == stale


@pytest.mark.parametrize(
    ("declared", "stale"),
    [
        ("", ["a4"]),
        (f"etcd04={url(4, 2380)}", []),
        (f"etcd01={url(1, 2380)},etcd04={url(4, 2380)}", []),
        (f"etcd04={url(4, 2380)}0,etcd01={url(1, 2380)}", ["a4"]),
    ],
    ids=["nobody's", "declared", "declared among others", "another that begins so"],
)
def test_entry_that_never_started_is_stale_unless_somebody_declares_it(
    declared: str, stale: list[str]
) -> None:
    """Another host of this run may just be joining."""
    members = f"{rows(3)}\n{row(4, started=False, learner=True)}"
    assert call("stale_ids", members, "etcd09", url(9, 2380), "b9", declared)[1] == stale


def test_member_is_found_by_its_name_just_when_one_has_it() -> None:
    """Two of one name are nobody."""
    assert call("member_by_name", rows(3), "etcd02") == (0, ["a2"])
    assert call("member_by_name", rows(3), "etcd0")[0] != 0
    assert call("member_by_name", rows(3).replace("etcd03", "etcd02"), "etcd02")[0] != 0


def test_leadership_goes_to_one_that_serves_and_never_to_oneself() -> None:
    """Nothing where nobody else does."""
    assert call("leader_targets", rows(3), "a1\na2\na3", "a2")[1] == ["a1", "a3"]
    assert call("leader_targets", rows(3), "a2", "a2")[1] == []
    assert call("leader_targets", rows(3), "", "a2")[1] == []


@pytest.mark.parametrize(
    ("follows", "serving", "led"),
    [
        ("a1 a2 a2", "a2 a3", True),
        ("a1 a2 a2", "a1 a2 a3", False),
        ("a2 a2 a2", "a2 a3", True),
        ("a2 a2 a2", "a1 a2 a3", True),
        ("a2 a2 a1", "a2", True),
        ("a2 a2 a1", "a2 a3", False),
        ("a2 0 0", "a2 a3", False),
        ("0 0 0", "a2 a3", False),
        ("a2 a2 a2", "", False),
        ("0 a2 a2", "", False),
        ("a3 a3 a3", "a9", False),
    ],
    ids=[
        "it leads by its own word, and does not serve",
        "it leads by its own word, and serves",
        "another",
        "another, and it serves",
        "one that does not serve has missed it",
        "one that serves follows it",
        "they have none; by its own word another leads",
        "nobody leads",
        "by its own word alone",
        "nobody serves",
        "of others than those that answered",
    ],
)
def test_another_leads_when_those_that_serve_say_so(follows: str, serving: str, led: bool) -> None:
    """Rows of a1 to a3, each with whom it calls the leader; it is a1."""
    said_so = "\n".join(
        f"{url(n)} a{n} c1 {leader} false 3.6.4"
        for n, leader in enumerate(follows.split(), start=1)
    )
    ids = serving.replace(" ", "\n")
    assert (call("is_led_by_another", said_so, ids, "a1")[0] == 0) is led


@pytest.mark.parametrize(
    ("ids", "about", "urls"),
    [
        ("a1 a2 a3", "a2", [1, 3]),
        ("a1 a3", "", [1, 3]),
        ("a2", "a2", []),
        ("", "a2", []),
        ("a9", "", []),
    ],
    ids=["not the one it is about", "those that serve", "itself alone", "nobody", "a stranger"],
)
def test_change_is_asked_of_those_that_serve(ids: str, about: str, urls: list[int]) -> None:
    """One that does not can take a call and never answer it."""
    _, printed = call("urls_of", rows(3), ids.replace(" ", "\n"), about)
    assert ",".join(printed) == ",".join(url(n) for n in urls)


@pytest.mark.parametrize(("version", "serving"), [("3.5", 2), ("3.6", 2)])
def test_those_that_are_left_serve_when_one_is_stopped(version: str, serving: int) -> None:
    """From etcdctl's own texts, as one look has them."""
    script = (
        'list=$(cat); members=$(member_rows "$list"); cluster=$(cluster_of "$list"); '
        f"health={shlex.quote(said(version, 'health-down'))}; "
        f"status={shlex.quote(said(version, 'status-down'))}; "
        'serving=$(serving_ids "$members" "$health" "$(status_rows "$status")" "$cluster"); '
        'wc -l <<<"$serving"; voters "$members"; '
        'for id in $serving; do can_spare "$members" "$serving" "$id" || echo kept; done'
    )
    done = run(script, said(version, "list"))
    assert done.stdout.split() == [str(serving), "3", "kept", "kept"]


STEPS = {
    # data, listed: what is done where the host remembers joining, formed, bootstrapping, nothing
    ("yes", "yes"): ("join", "keep", "keep", "keep"),
    ("yes", "no"): ("join", "join", "join", "join"),
    ("yes", "unknown"): ("join", "keep", "bootstrap", "unknown"),
    ("no", "yes"): ("join", "join", "join", "join"),
    ("no", "no"): ("join", "join", "join", "join"),
    ("no", "unknown"): ("join", "join", "bootstrap", "join"),
}


@pytest.mark.parametrize(("data", "listed"), STEPS)
def test_next_step_follows_from_what_is_known(data: str, listed: str) -> None:
    """A member's identity is never started on an empty disk; joining asks the quorum by itself."""
    remembered = ("joining", "formed", "bootstrapping", "nothing")
    script = "".join(f"next_step {data} {listed} {each}; " for each in remembered)
    assert tuple(run(script).stdout.split()) == STEPS[data, listed]
