"""How the whole program ends where something is wrong, and what it warns of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etcd_cluster.components.program import ERROR_WAS_SHOWN
from etcd_cluster.plan.probe import Observation
from tests.support import mocks
from tests.support.mocks import Graph
from tests.support.samples import hosts, members, ready

from .whole import Hosts, Up


@pytest.mark.parametrize("preview", [True, False])
def test_program_ends_with_one_error_when_the_configuration_is_wrong(
    up: Up, answering: Hosts, said: list[tuple[str, str]], preview: bool
) -> None:
    """All faults in it; no host was asked; Pulumi adds no error of its own and no traceback."""
    with pytest.raises(SystemExit) as ended:
        up(preview=preview, kubernetesVersion="1.35", containerRuntime="docker")
    assert ended.value.code == ERROR_WAS_SHOWN
    ((level, text),) = said
    assert level == "error"
    assert "kubernetesVersion: " in text
    assert "containerRuntime: " in text
    assert answering.asked == 0


def test_program_ends_with_one_error_when_the_key_is_missing(
    up: Up, answering: Hosts, said: list[tuple[str, str]], folder: Path
) -> None:
    """Before any host is asked."""
    (folder / "id_ed25519").unlink()
    with pytest.raises(SystemExit):
        up()
    ((level, text),) = said
    assert (level, "ssh.privateKeyFile" in text, answering.asked) == ("error", True, 0)


def test_program_ends_with_one_error_when_hosts_are_not_ready(
    up: Up, answering: Hosts, said: list[tuple[str, str]]
) -> None:
    """All hosts in it."""
    answering.answers = hosts(etcd01=ready(kubelet="absent"), etcd02=ready(etcdctl="absent"))
    with pytest.raises(SystemExit) as ended:
        up()
    ((level, text),) = said
    assert (ended.value.code, level) == (ERROR_WAS_SHOWN, "error")
    assert "etcd01 (10.107.88.15): kubelet is not installed" in text
    assert "etcd02 (10.107.88.16): etcdctl is not installed" in text


def test_nothing_is_registered_when_the_program_ends_with_an_error(
    up: Up, answering: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the cluster's component: the state is not touched."""
    kept: list[Graph] = []
    original = mocks.Graph.__init__

    def remember(self: Graph, *args: Any, **named: Any) -> None:
        original(self, *args, **named)
        kept.append(self)

    monkeypatch.setattr(mocks.Graph, "__init__", remember)
    answering.answers = hosts(etcd01=Observation(refused="no sudo"))
    with pytest.raises(SystemExit):
        up()
    (graph,) = kept
    assert graph.resources == []


def test_unknown_key_is_refused_when_it_is_in_the_project_s_namespace(
    up: Up, said: list[tuple[str, str]]
) -> None:
    """A misspelled key is not silently without effect."""
    with pytest.raises(SystemExit):
        up(deletionProtecton="false")
    assert "deletionProtecton: unknown key" in said[0][1]


def test_foreign_key_is_left_alone_when_it_is_in_another_namespace(up: Up) -> None:
    """Other programs and providers have configuration too."""
    graph = up(other={"aws:region": "eu-central-1", "etcd-cluster-2:members": "[]"})
    assert graph.command("etcd-etcd01-member")


def test_warning_is_said_when_a_host_is_silent(
    up: Up, answering: Hosts, said: list[tuple[str, str]]
) -> None:
    """And the program goes on."""
    answering.answers = hosts(
        etcd01=ready(formed="cafe"), etcd02=Observation(unreachable="No route to host")
    )
    assert up(preview=True).command("etcd-etcd02-member")
    ((level, text),) = said
    assert level == "warn"
    assert "etcd02 (10.107.88.16): unreachable" in text


def test_warning_is_said_when_the_number_of_members_is_even(
    up: Up, answering: Hosts, said: list[tuple[str, str]], folder: Path
) -> None:
    """Allowed, and worth a word."""
    line = (folder / "known_hosts").read_text().splitlines()[0].split(" ", 1)[1]
    with (folder / "known_hosts").open("a") as file:
        file.write(f"10.107.88.18 {line}\n")
    answering.answers = {**hosts(), "etcd04": ready()}
    assert up(members=members(4), allowEvenMembers="true").command("etcd-etcd04-member")
    assert [level for level, _ in said] == ["warn"]


@pytest.mark.parametrize(
    ("preview", "drift_detection", "asked"),
    [(True, "true", 1), (False, "true", 1), (True, "false", 0), (False, "false", 1)],
)
def test_hosts_are_asked_when_the_plan_needs_them(
    up: Up, answering: Hosts, preview: bool, drift_detection: str, asked: int
) -> None:
    """Bootstrapping or joining is never decided blindly; a preview without drift asks nobody.

    An `up` brings the host program along; a preview leaves nothing on a host.
    """
    assert up(preview=preview, driftDetection=drift_detection).resources
    assert answering.brought == [not preview] * asked
