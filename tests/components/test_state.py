"""The stack's own last state: read from the engine, or nothing is done."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from etcd_cluster.components.state import read_memory
from etcd_cluster.errors import StateError
from etcd_cluster.plan.memory import StackMemory
from tests.support.mocks import run

TOKEN = {
    "urn:pulumi:test::etcd-cluster::etcd-cluster:index:EtcdCluster$random:index/randomId:RandomId"
    "::etcd-token": {"type": "random:index/randomId:RandomId", "outputs": {"hex": "cafe"}}
}


def memory(remembered: dict[str, Any] | None = None) -> StackMemory:
    """What a program reads of its stack's state."""
    read: list[StackMemory] = []
    run(lambda: read.append(read_memory("etcd")), remembered=remembered)
    (found,) = read
    return found


def test_new_stack_has_no_memory() -> None:
    """Its own name, and nothing else."""
    assert memory() == StackMemory(stack="organization/etcd-cluster/test")


def test_memory_is_the_last_states() -> None:
    """As the engine answers for this very stack: the mocks refuse any other."""
    assert memory(TOKEN).token == "cafe"


@pytest.mark.parametrize("answer", [None, {}, {"outputs": None}, "fails"])
def test_program_ends_when_the_state_cannot_be_read(
    monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    """Without an answer, nobody knows whether there is a cluster: it is not taken for none."""

    class Answer:
        value = answer

    def invoke(*_: object) -> Answer:
        if answer == "fails":
            raise RuntimeError("invoke of x returned an error: no passphrase")
        return Answer()

    monkeypatch.setattr(pulumi.runtime, "invoke", invoke)
    with pytest.raises(StateError, match="could not be read"):
        run(lambda: read_memory("etcd"))


@pytest.mark.parametrize("said", ["cluster-id: no id\nmember-id: a1\n", "member-id: a1\n", "half"])
def test_program_ends_when_the_state_is_not_as_it_was_written(said: str) -> None:
    """Neither is it taken for none, nor does the program end with a trace of its own."""
    command = "etcd-cluster:index:EtcdCluster$command:remote:Command"
    state = {
        f"urn:pulumi:test::etcd-cluster::{command}::etcd-etcd01-{name}": {
            "outputs": {"stdout": each}
        }
        for name, each in {"member": "converged: 3", "healthy": said}.items()
    }
    with pytest.raises(StateError) as caught:
        memory(TOKEN | state)
    text = str(caught.value)
    assert "is not as this program writes it: etcd01-healthy: stdout" in text
    assert "nothing was touched. Put an earlier state of organization/etcd-cluster/test" in text


BLUE = "urn:pulumi:test::etcd-cluster::etcd-cluster:index:EtcdCluster"
MEMBER = "$etcd-cluster:index:EtcdMember$command:remote:Command::etcd-blue-etcd01-member"


@pytest.mark.parametrize(
    ("has", "cluster", "alone", "refused"),
    [
        ((f"{BLUE}::etcd-blue", BLUE + MEMBER), "prod", True, True),
        ((f"{BLUE}::etcd-blue", BLUE + MEMBER), "etcd", True, True),
        ((f"{BLUE}::etcd-blue", BLUE + MEMBER), "etcd-blue", True, False),
        ((f"{BLUE}::etcd", f"{BLUE}::etcd-blue", BLUE + MEMBER), "etcd-blue", True, False),
        ((f"{BLUE}::etcd-blue", BLUE + MEMBER), "etcd-blue-etcd01", True, True),
        ((f"{BLUE}::etcd-blue", BLUE + MEMBER), "prod", False, False),
        ((f"{BLUE}::etcd-blue",), "prod", True, False),
        ((), "prod", True, False),
    ],
    ids=[
        "another",
        "one with the same beginning",
        "itself",
        "beside one that never began",
        "one that is called as a member is",
        "two in a stack",
        "no member",
        "new",
    ],
)
def test_cluster_does_not_take_the_place_of_one_of_another_name(
    has: tuple[str, ...], cluster: str, alone: bool, refused: bool
) -> None:
    """On other hosts nothing else would be in the way: the old one is deleted, the new is empty."""
    state = {urn: {"type": urn.split("::")[2], "outputs": {}} for urn in has}
    if not refused:
        run(lambda: read_memory(cluster, alone=alone), remembered=state)
        return
    with pytest.raises(StateError, match=f"clusterName: {cluster} given, but .*etcd-blue, which"):
        run(lambda: read_memory(cluster, alone=alone), remembered=state)


@pytest.mark.parametrize("cluster", ["etcd", "etcd-blue"])
def test_two_clusters_in_one_state_are_told_how_to_part(cluster: str) -> None:
    """Under either name the other one would be deleted."""
    etcd = MEMBER.replace("etcd-blue-", "etcd-")
    has = (f"{BLUE}::etcd", BLUE + etcd, f"{BLUE}::etcd-blue", BLUE + MEMBER)
    state = {urn: {"type": urn.split("::")[2], "outputs": {}} for urn in has}
    with pytest.raises(StateError, match="Give each cluster a stack of its own") as caught:
        run(lambda: read_memory(cluster, alone=True), remembered=state)
    assert "an empty one" not in str(caught.value)
