"""What is read in etcdctl's answers: whole, or not at all."""

from __future__ import annotations

import re

import pytest

from .bash import run
from .quorums import VERSIONS, call, said

# Ids as etcdctl prints them, of the lists in `said`; those of 3.5 and one of 3.6 are above 2^63.
LISTS = {
    "3.5": [
        (10924301579535026, "started b http://127.0.0.1:42203 http://127.0.0.1:42202 false"),
        (11198012085259791432, "started c http://127.0.0.1:42205 http://127.0.0.1:42204 false"),
        (14134380259542242322, "started a http://127.0.0.1:42201 http://127.0.0.1:42200 false"),
        (17735246468124541848, "unstarted - http://127.0.0.1:42207 - true"),
    ],
    "3.6": [
        (5949355257429625421, "started a http://127.0.0.1:42101 http://127.0.0.1:42100 false"),
        (11227028764242776197, "unstarted - http://127.0.0.1:42107 - true"),
        (14644348067208898525, "started c http://127.0.0.1:42105 http://127.0.0.1:42104 false"),
        (17805347817973693645, "started b http://127.0.0.1:42103 http://127.0.0.1:42102 false"),
    ],
}
CLUSTERS = {"3.5": 12900370036820246104, "3.6": 2594302171902339698}
SELF = {"3.5": 14134380259542242322, "3.6": 5949355257429625421}
ONE = "\n".join(
    [
        '"ClusterID" : 5',
        '"MemberID" : 7',
        '"ID" : 7',
        '"Name" : "a"',
        '"PeerURL" : "https://10.0.0.1:2380"',
        '"ClientURL" : "https://10.0.0.1:2379"',
        '"IsLearner" : false',
    ]
)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_member_is_a_row_when_the_list_is_whole(version: str) -> None:
    """A learner and an entry that never started among them; ids in hex, the first peer URL."""
    expected = [f"{number:x} {rest}" for number, rest in LISTS[version]]
    assert call("member_rows", said(version, "list")) == (0, expected)


@pytest.mark.parametrize("version", VERSIONS)
def test_list_is_refused_when_it_is_cut_within_an_entry(version: str) -> None:
    """After every line. Where it is cut between two entries it looks whole: etcdctl that was
    killed meanwhile has ended with an error then, and its text is not read at all.
    """
    lines = said(version, "list").rstrip().splitlines()
    script = (
        'text=$(cat); for ((n = 0; n <= $(wc -l <<<"$text"); n++)); do '
        'if member_rows "$(head -n $n <<<"$text")" >/dev/null; then echo $n; fi; done'
    )
    accepted = {int(number) for number in run(script, "\n".join(lines)).stdout.split()}
    whole = {
        n for n in range(1, len(lines) + 1) if lines[n - 1] == "" or "IsLearner" in lines[n - 1]
    }
    own = lines.index(f'"ID" : {SELF[version]}')
    assert accepted == {n for n in whole if n > own}
    assert len(accepted) < len(lines) / 2


@pytest.mark.parametrize(
    ("line", "instead"),
    [
        ('"MemberID" : 7\n', '"MemberID" : 8\n'),
        ('"MemberID" : 7\n', ""),
        ('"ID" : 7', '"ID" : 0'),
        ('"ID" : 7', '"ID" : 7e2'),
        ('"ID" : 7', '"ID" : '),
        ('"PeerURL" : "https://10.0.0.1:2380"\n', ""),
        ('"Name" : "a"', '"Name" : ""'),
        ('"IsLearner" : false', '"IsLearner" : maybe'),
        ('"IsLearner" : false', ""),
        (ONE, ""),
        (ONE, "Error: context deadline exceeded"),
    ],
    ids=[
        "answered by somebody who is not on it",
        "answered by nobody",
        "no id",
        "an odd id",
        "an empty id",
        "no peer URL",
        "a client URL and no name",
        "neither voter nor learner",
        "no end",
        "empty",
        "an error",
    ],
)
def test_list_is_refused_when_an_entry_is_not_whole(line: str, instead: str) -> None:
    """It is never shorter instead: who is not on it may lose its data."""
    assert call("member_rows", ONE)[0] == 0
    assert line in ONE
    status, printed = call("member_rows", ONE.replace(line, instead))
    assert (status != 0, printed) == (True, [])


def test_member_of_a_bootstrap_that_has_not_published_yet_is_listed_and_does_not_serve() -> None:
    """Named by --initial-cluster, without a client URL: the others are asked as before."""
    unpublished = ONE.replace('"ClientURL" : "https://10.0.0.1:2379"\n', "")
    row = "7 started a https://10.0.0.1:2380 - false"
    assert call("member_rows", unpublished) == (0, [row])
    healthy = "https://10.0.0.1:2379 is healthy: successfully committed proposal"
    status = "https://10.0.0.1:2379 7 5 7 false 3.6.6"
    assert call("serving_ids", row, healthy, status, "5") == (0, [])
    assert call("voters", row) == (0, ["1"])


def test_list_is_refused_when_an_entry_among_whole_ones_is_not() -> None:
    """Another whole one behind it does not make it whole."""
    broken = '"ID" : 8\n"Name" : "b"\n"ID" : 9\n"PeerURL" : "u"\n"IsLearner" : true'
    assert call("member_rows", f"{ONE}\n\n{broken}")[0] != 0


def test_answering_member_is_not_taken_for_another_when_ids_are_nearly_alike() -> None:
    """As numbers with a fraction, these two are the same."""
    one, other = 11198012085259791432, 11198012085259791433
    text = ONE.replace('"ID" : 7', f'"ID" : {one}').replace(
        '"MemberID" : 7', f'"MemberID" : {other}'
    )
    assert call("member_rows", text)[0] != 0


@pytest.mark.parametrize("version", VERSIONS)
def test_cluster_is_known_when_the_list_says_it(version: str) -> None:
    """In hex, as the stack's output has it."""
    assert call("cluster_of", said(version, "list")) == (0, [f"{CLUSTERS[version]:x}"])


@pytest.mark.parametrize("text", ["", "\n", '"ClusterID" : 0', '"ClusterID" : ', '"ClusterID" : x'])
def test_cluster_is_not_known_when_nothing_says_it(text: str) -> None:
    """Never zero."""
    status, printed = call("cluster_of", text)
    assert (status != 0, printed) == (True, [])


def statuses(text: str, version: str) -> list[str]:
    """The rows of a text of whole statuses, read in another way."""
    found = []
    for block in text.strip().split("\n\n"):
        key = dict(line.replace('"', "").split(" : ", 1) for line in block.splitlines())
        numbers = (f"{int(key[name]):x}" for name in ("MemberID", "ClusterID", "Leader"))
        found.append(" ".join([key["Endpoint"], *numbers, key["IsLearner"], key["Version"]]))
        assert key["Version"].startswith(version)
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("thing", "count"), [("status", 3), ("status-down", 2)])
def test_every_endpoint_that_answered_is_a_row(version: str, thing: str, count: int) -> None:
    """One that is down is not there at all."""
    text = said(version, thing)
    status, printed = call("status_rows", text)
    assert (status, len(printed)) == (0, count)
    assert printed == statuses(text, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_status_that_is_cut_is_no_row(version: str) -> None:
    """After every line: as many rows as there are endpoints' names, which stand behind the rest."""
    lines = said(version, "status").rstrip().splitlines()
    script = (
        'text=$(cat); for ((n = 0; n <= $(wc -l <<<"$text"); n++)); do '
        'status_rows "$(head -n $n <<<"$text")" | wc -l; done'
    )
    found = [int(number) for number in run(script, "\n".join(lines)).stdout.split()]
    expected = [sum('"Endpoint"' in line for line in lines[:n]) for n in range(len(lines) + 1)]
    assert found == expected


@pytest.mark.parametrize("field", ["ClusterID", "MemberID", "Leader", "IsLearner", "Version"])
def test_status_without_a_field_is_no_row(field: str) -> None:
    """And takes none of its neighbours' for it."""
    text = re.sub(rf'"{field}" : .*\n', "", said("3.6", "status"), count=1)
    assert len(call("status_rows", text)[1]) == 2


@pytest.mark.parametrize("field", ["ClusterID", "MemberID"])
def test_status_of_nobody_is_no_row(field: str) -> None:
    """Etcd has no such id."""
    text = re.sub(rf'"{field}" : .*', f'"{field}" : 0', said("3.6", "status"), count=1)
    assert len(call("status_rows", text)[1]) == 2


def test_status_without_a_leader_says_so() -> None:
    """That is an answer."""
    text = re.sub(r'"Leader" : .*', '"Leader" : 0', said("3.6", "status"), count=1)
    assert call("status_rows", text)[1][0].split()[3] == "0"
