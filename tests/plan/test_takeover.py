"""A cluster of somebody else's is taken over: when its members are joined, and when not."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.config.sections import Authority, Certificates
from etcd_cluster.config.settings import Settings
from etcd_cluster.config.takeover import TakeOver
from etcd_cluster.plan.chain import chain
from etcd_cluster.plan.decide import decide
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.takeover import faults, warnings
from tests.support.samples import ready, settings

from .decided import CLUSTER, FORMED, NOBODY, SILENT, remembered

NAMES = ("etcd01", "etcd02", "etcd03")
EMPTY = ready()
MEMBER = ready(**FORMED)


def wanted(former: str = "stay", cluster: str = CLUSTER) -> Settings:
    """Settings that say so."""
    section = TakeOver.model_validate(
        {
            "cluster": cluster,
            "endpoints": ["https://10.30.0.11:2379"],
            "formerMembers": former,
        }
    )
    authority = Authority.model_validate({"certificateFile": "ca.crt", "privateKeyFile": "ca.key"})
    certificates = Certificates(authority=authority, authorities=(0,))
    changes = {"take_over": section, "certificates": certificates}
    return settings().model_copy(update=changes)


def found(memory: StackMemory, section: Settings, **seen: Any) -> list[str]:
    """Every fault."""
    observations = {name: seen.get(name, EMPTY) for name in NAMES}
    return list(faults(section, observations, memory))


def test_nothing_is_said_when_it_is_not_asked_for() -> None:
    """Neither faults nor warnings."""
    assert found(NOBODY, settings()) == []
    assert list(warnings(settings())) == []


@pytest.mark.parametrize("former", ["stay", "leave"])
def test_new_hosts_may_take_a_cluster_over(former: str) -> None:
    """No member is there yet: all of them join, and none bootstraps."""
    section = wanted(former)
    assert found(NOBODY, section) == []
    plan = decide(section, dict.fromkeys(NAMES, EMPTY), NOBODY, preview=False)
    assert plan.formed
    assert plan.chain.joining == frozenset(NAMES)
    assert chain(section, dict.fromkeys(NAMES, EMPTY), NOBODY).emptied == ()


def test_a_run_that_was_cut_off_goes_on() -> None:
    """Some are members of it by then."""
    assert found(remembered(), wanted(), etcd01=MEMBER) == []


@pytest.mark.parametrize(
    ("memory", "section", "seen", "said"),
    [
        (remembered(), wanted(cluster="abc"), {}, "this stack's cluster is cdf8"),
        (NOBODY, wanted(), {"etcd02": SILENT}, "etcd02 (10.107.88.16): unreachable"),
        (
            NOBODY,
            wanted(cluster="abc"),
            {"etcd03": MEMBER},
            "is a member of cluster cdf818194e3a8c32, and takeOver.cluster is abc",
        ),
    ],
)
def test_another_cluster_and_a_silent_host_are_refused(
    memory: StackMemory, section: Settings, seen: dict[str, Any], said: str
) -> None:
    """With the runbook."""
    (text,) = found(memory, section, **seen)
    assert said in text
    assert "docs/runbooks/take-over.md" in text


def test_a_silent_host_is_no_fault_once_the_cluster_is_this_stacks() -> None:
    """Then it is a host like any other that does not answer."""
    assert found(remembered(), wanted(), etcd02=SILENT) == []


@pytest.mark.parametrize(
    ("former", "said"),
    [("stay", "then set takeOver.formerMembers: leave"), ("leave", "stop etcd on its host")],
)
def test_what_is_left_to_do_is_said(former: str, said: str) -> None:
    """In every preview, until the section is removed."""
    (text,) = warnings(wanted(former))
    assert said in text
