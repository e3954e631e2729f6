"""Members that leave, and that nothing would remove; hosts that are left."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import FORMED, TOKEN, decided, faults, known, remembered, settled

THEIRS = "this host belongs to member m of cluster blue of the stack a/b/c"
PLACES = {each["name"]: each["address"] for each in members(4)}


def leaving(**changes: Any) -> StackMemory:
    """The stack has a member etcd04 that the configuration has no more."""
    gone = known(PLACES["etcd04"], **changes)
    return remembered(members={**remembered().members, "etcd04": gone})


def refused(seen: Observation, **changes: Any) -> str:
    """Why etcd04 cannot leave from a host that answers so."""
    everybody: Any = {**settled(), "etcd04": seen}
    return faults(preview=True, memory=leaving(**changes), **everybody)


def passes(seen: Observation, **changes: Any) -> None:
    """The plan has no fault."""
    everybody = {**settled(), "etcd04": seen}
    assert decided(settings(), everybody, preview=False, memory=leaving(**changes)).formed


@pytest.mark.parametrize(
    "facts",
    [
        {"owner": "blue m beef a/b/c"},
        {"owner": "etcd etcd04 beef a/b/c"},
        {"owner": "etcd etcd04", "token": "beef"},
        {"token": "beef"},
        {"data": "present"},
    ],
    ids=["cluster", "token", "of an older version", "memory lost", "data of nobody known"],
)
def test_member_on_a_host_that_is_somebody_elses_does_not_leave_unsaid(
    facts: dict[str, str],
) -> None:
    """The host would do nothing, and end well; the member would stay in the cluster, dead."""
    text = refused(ready(**{**FORMED, "data": "absent", "foreign": THEIRS, **facts}))
    assert text.startswith("etcd04 (10.107.88.18): is to leave the cluster, and its host is no ")
    assert THEIRS in text
    assert "lost: true, run `pulumi up`, and remove it after that" in text


def test_member_that_has_left_may_go_when_its_host_is_somebody_elses() -> None:
    """Its delete was cut off after `leave`; nothing of it is there."""
    passes(ready(**FORMED, foreign=THEIRS, owner="blue m beef a/b/c"), started=False)


@pytest.mark.parametrize(
    "facts", [{"owner": f"etcd etcd04 {TOKEN} o/p/s"}, {"owner": "etcd etcd04"}, {"token": TOKEN}]
)
def test_member_leaves_a_host_that_became_a_node_of_kubernetes(facts: dict[str, str]) -> None:
    """It is this stack's still, and the host lets it leave."""
    passes(ready(**FORMED, foreign="this host is a node of a Kubernetes cluster", **facts))


ALL = frozenset(("host-program", "packages", "host", "pki", "member", "healthy"))
BEGUN = frozenset({"host-program", "host", "pki"})
THEM = "etcd01=https://10.107.88.15:2380"
WITH_IT = f"{THEM},etcd04=https://10.107.88.18:2380"


@pytest.mark.parametrize(
    ("began", "started", "refused"),
    [
        (f"new {WITH_IT}", False, True),
        (f"new {WITH_IT}", True, False),
        (f"new {THEM}", False, False),
        (f"existing {WITH_IT}", False, False),
        (f"new {THEM},xetcd04=https://10.107.88.18:2380", False, False),
        (f"new {THEM},etcd04=https://10.9.9.9:2380", False, False),
        ("", False, False),
    ],
    ids=[
        "bootstrapped with it",
        "it ran",
        "it was to come later",
        "it was to come beside another",
        "another of a like name",
        "an earlier one of its name",
        "not known how",
    ],
)
def test_member_that_never_ran_does_not_leave_when_the_cluster_counts_it(
    began: str, started: bool, refused: bool
) -> None:
    """Nothing on its host would remove its entry, and nobody else is asked to."""
    memory = leaving(commands=BEGUN, started=started)
    on_it = ready(program="d" * 64, owner=f"etcd etcd04 {TOKEN} a/b/c", data="absent")
    first = ready(**{**FORMED, "started": began})
    seen: dict[str, Any] = {**settled(etcd01=first), "etcd04": on_it}
    if refused:
        text = faults(preview=True, memory=memory, **seen)
        assert text.startswith("etcd04 (10.107.88.18): is to leave the cluster, and never ran, but")
        assert "keep it in members with lost: true" in text
    else:
        assert decided(settings(), seen, preview=True, memory=memory).formed
