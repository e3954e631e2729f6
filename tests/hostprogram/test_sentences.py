"""Sentences of the host program that a plan goes by: both are to be reworded together."""

from __future__ import annotations

from pathlib import Path

import pytest

from etcd_cluster.plan import adopt
from etcd_cluster.plan.drift import drift
from etcd_cluster.plan.probe import Observation
from tests.support.samples import ready, settings

from .asking import on_host
from .test_owner import OURS, THEIRS, fault


@pytest.mark.parametrize(
    ("here", "offered"),
    [
        ({"data": "yes"}, "; or adopt its cluster: docs/runbooks/adopt.md"),
        (
            {"owner": f"etcd etcd01 {THEIRS} a/b/c"},
            ". If the state cannot be restored, adopt: 'b307' takes the cluster over",
        ),
        ({"owner": f"blue etcd01 {OURS} o/p/s"}, ""),
        ({"node": "/etc/kubernetes/kubelet.conf is there"}, ""),
    ],
    ids=["of nobody we know", "another stack's", "renamed", "a Kubernetes node"],
)
def test_adoption_is_offered_by_what_the_host_says(here: dict[str, str], offered: str) -> None:
    """Only where adopting is a way out."""
    seen = Observation(facts={"foreign": fault(**here), "formed": "b307"})
    assert adopt.hint(settings(), seen) == offered


KUBELET = """
file_drift() { :; }; system_drift() { :; }; selinux_drift() { :; }; foreign_dropins() { :; }
systemctl() { printf '%s\\n' MainPID=7 ActiveState=active UnitFileState=enabled; }
kubelet_current() { CURRENT; }
host_drift
"""


@pytest.mark.parametrize(("current", "areas"), [("false", ["host", "member"]), ("true", [])])
def test_member_has_its_turn_when_the_host_says_that_its_kubelet_runs_otherwise(
    tmp_path: Path, current: str, areas: list[str]
) -> None:
    """Otherwise the kubelet restarts, and its etcd with it, before the quorum was asked."""
    said = on_host(tmp_path, KUBELET.replace("CURRENT", current), **{"host.stamp": "x"})
    assert said.stderr == ""
    assert drifted(said.stdout) == areas


@pytest.mark.parametrize(
    ("remembers", "running", "areas"),
    [
        ("cafe etcd-b", "7", ["host"]),
        ("cafe", "7", ["host"]),
        ("cafe etcd-a", "7", ["host", "member"]),
        ("beef etcd-b", "7", ["host", "member"]),
        ("cafe etcd-a", "", ["host"]),
    ],
    ids=["as it was", "of an earlier version", "another name", "other settings", "no etcd"],
)
def test_member_has_its_turn_when_the_host_says_that_a_stopped_kubelet_would_restart_it(
    tmp_path: Path, remembers: str, running: str, areas: list[str]
) -> None:
    """Nothing else would start that kubelet again."""
    stopped = KUBELET.replace("MainPID=7 ActiveState=active", "MainPID=0 ActiveState=inactive")
    stubs = "uname() { echo etcd-b; }; dropin_digest() { echo cafe; }\n"
    stubs += f"etcd_pid() {{ echo {running}; }}\n"
    memory = {"host.stamp": "x", "pod_kubelet": remembers}
    assert drifted(on_host(tmp_path, stopped, stubs, **memory).stdout) == areas


def drifted(said: str) -> list[str]:
    """The areas of a member's host that have drifted, where this is what it says of itself."""
    seen = ready(program="d" * 64, **{"drift-host": ", ".join(said.splitlines())})
    found = drift(settings(), {"etcd02": seen}, "d" * 64)
    return sorted(area for _, area in found)
