"""Backups as a graph: a command of each member, after it is healthy."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.config.trust import Sources
from etcd_cluster.plan.memory import KnownMember, StackMemory
from tests.support.mocks import COMMAND, Graph
from tests.support.samples import PASSWORD, members

from .declared import NAMES, commands, declare

STORE = {"to": "b/prod", "remote": {"type": "s3", "secret_access_key": PASSWORD}}
FOLDER = {"to": "/mnt/b"}


def known(*names: str, **changes: Any) -> StackMemory:
    """A state with the backup commands of these members."""
    return StackMemory(
        members={
            name: KnownMember(id="1", started=True, backed_up=name in names, **changes)
            for name in NAMES
        }
    )


def backups(graph: Graph) -> list[str]:
    """The members that have the command."""
    return [
        name
        for name in NAMES
        if any(f"etcd-{name}-backup" == e.name for e in graph.of_type(COMMAND))
    ]


@pytest.mark.parametrize("formed", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_host_is_told_of_backups_once_its_member_is_healthy(formed: bool, name: str) -> None:
    """And says nothing of them to the others."""
    graph = declare(formed=formed, backup=FOLDER)
    command, healthy = (graph.command(f"etcd-{name}-{thing}") for thing in ("backup", "healthy"))
    assert healthy.urn in command.dependencies
    assert command.text("create") == command.text("update")
    assert command.text("create").endswith("/etcd-host backup-setup")
    assert "backup-to: /mnt/b\n" in command.text("stdin")
    assert not any(graph.depends(each, command) for each in commands(graph))


def test_its_removal_takes_it_back_on_this_stacks_host_alone() -> None:
    """As all that is deleted."""
    command = declare(formed=True, backup=FOLDER).command("etcd-etcd02-backup")
    assert "forget-backup etcd etcd02 " in command.text("delete")
    assert len(command.text("delete").split()[-1]) == 32


def test_nothing_is_told_without_the_section() -> None:
    """A command that the state has is deleted then."""
    assert backups(declare(formed=True, memory=known(*NAMES))) == []


@pytest.mark.parametrize(("section", "secret"), [(STORE, True), (FOLDER, False)])
def test_credentials_are_a_secret(section: dict[str, Any], secret: bool) -> None:
    """A folder can be read in a preview."""
    graph = declare(formed=True, backup=section, sources=Sources(backup_ca="PEM"))
    assert graph.command("etcd-etcd01-backup").is_secret("stdin") is secret


def test_lost_member_keeps_its_command_as_it_is() -> None:
    """With or without the section: its deletion would dial a dead host, and so would a new one."""
    lost = [*members()[:2], members()[2] | {"lost": True}]
    for section in (FOLDER, None):
        graph = declare(formed=True, members=lost, memory=known(*NAMES), backup=section)
        assert "etcd03" in backups(graph)
        assert "stdin" in graph.command("etcd-etcd03-backup").ignore_changes
    assert backups(declare(formed=True, members=lost, backup=FOLDER)) == ["etcd01", "etcd02"]
