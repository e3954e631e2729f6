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
