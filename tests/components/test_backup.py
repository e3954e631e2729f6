"""Backups as a graph: a command of each member, after it is healthy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.config.trust import Sources
from etcd_cluster.plan.before import Before
from etcd_cluster.plan.chain import Chain
from etcd_cluster.plan.memory import KnownMember, StackMemory
from etcd_cluster.plan.restore import Restoring
from tests.support.mocks import COMMAND, Graph, open_secret
from tests.support.samples import PASSWORD, members

from .declared import CHAIN, NAMES, commands, declare

STORE = {"to": "b/prod", "remote": {"type": "s3", "secret_access_key": PASSWORD}}
FOLDER = {"to": "/mnt/b"}
OBJECT = "etcd/cdf818194e3a8c32/2026-11-28T22-00-00Z_r4711_etcd01.db.gz"


def known(*names: str, **changes: Any) -> StackMemory:
    """A state with the backup commands of these members."""
    return StackMemory(
        members={
            name: KnownMember(
                id="1",
                started=True,
                backed_up=name in names,
                commands=frozenset({"backup"} if name in names else ()),
                **changes,
            )
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


BEFORE = Before(
    member="etcd02", reason="before etcd 3.6.6 becomes 3.6.16", asked="2026-11-28T18:50:00+00:00"
)
LEADER_LAST = Chain(order=("etcd01", "etcd03", "etcd02"))


def changed(**given: Any) -> Graph:
    """A run that makes a backup before it changes anything."""
    return declare(formed=True, before=BEFORE, chain=LEADER_LAST, **given)


def test_nothing_is_disturbed_before_the_backup() -> None:
    """But for the program that makes it, on its own host, which disturbs nobody."""
    graph = changed(backup=FOLDER)
    made = graph.command("etcd-backup-before")
    program = graph.command("etcd-etcd02-host-program")
    for each in commands(graph, *CHAIN, "backup"):
        if each.urn != program.urn:
            assert graph.depends(each, made), each.name
    assert graph.depends(made, program)
    assert not graph.depends(program, graph.command("etcd-etcd01-host-program"))


def test_the_member_that_makes_it_still_has_its_turn() -> None:
    """It leads, and comes last: also its certificates."""
    graph = changed()
    healthy = graph.command("etcd-etcd03-healthy")
    for each in commands(graph, "host", "pki", "member", members=("etcd02",)):
        assert graph.depends(each, healthy), each.name


def test_preview_says_what_it_is_made_for() -> None:
    """By whom as well: it is in the connection."""
    made = changed().command("etcd-backup-before")
    assert made.text("create").endswith(f"backup-before # {BEFORE.reason} (asked {BEFORE.asked})")
    assert made.text("create") == made.text("update")
    assert made.text("connection", "host") == members()[1]["address"]
    assert "delete" not in made.inputs


@pytest.mark.parametrize(("section", "secret"), [(STORE, True), (FOLDER, False), (None, False)])
def test_it_is_told_where_backups_go(section: Any, secret: bool) -> None:
    """Without a section it stays on that host."""
    made = changed(backup=section, memory=known("etcd02")).command("etcd-backup-before")
    assert made.is_secret("stdin") is secret
    if not secret:
        assert ("backup-to: " in made.text("stdin")) is bool(section)
        assert "member: etcd02\n" in made.text("stdin")


def test_it_stays_on_a_host_from_which_the_store_cannot_be_reached_yet() -> None:
    """What is missing there, e.g. rclone, comes after it, and without it nothing would change."""
    before = replace(BEFORE, local=True)
    graph = declare(
        formed=True, before=before, chain=LEADER_LAST, backup=STORE, memory=known("etcd02")
    )
    made = graph.command("etcd-backup-before")
    assert "backup-to" not in made.text("stdin")
    assert not made.is_secret("stdin")


def test_nothing_is_shown_of_it_once_it_is_made() -> None:
    """It stays in the state as it is, and nobody waits for it."""
    memory = StackMemory(backup_before="etcd-host backup-before # before …")
    graph = declare(formed=True, memory=memory)
    made = graph.command("etcd-backup-before")
    assert {"create", "update", "stdin", "connection"} <= set(made.ignore_changes)
    assert not any(graph.depends(each, made) for each in commands(graph))
    assert "etcd-backup-before" not in declare(formed=True).names(COMMAND)


def test_newest_backup_is_an_output_where_it_is_known() -> None:
    """Whoever asks for it where nobody knows of one has an error, and no empty text."""
    newest: dict[str, str | int] = {
        "object": "etcd/1/x.db.gz",
        "time": "2026-11-28T22:00:00Z",
        "bytes": 20512,
    }
    graph = declare(formed=True, backup=FOLDER, newest=newest)
    assert graph.stack_output("backup") == newest
    with pytest.raises(AssertionError, match="no output backup"):
        declare(formed=True, backup=FOLDER).stack_output("backup")


def test_credentials_reach_the_host_that_fetches_from_the_store() -> None:
    """And no other step of a restore."""
    wanted = Restoring(id="0123456789abcdef", snapshot=OBJECT, running=frozenset(NAMES))
    section = {"snapshot": OBJECT}
    graph = declare(formed=True, restoring=wanted, restore=section, backup=STORE)
    for step in commands(graph, "restore"):
        assert step.is_secret("stdin")
        assert f"# the backup {OBJECT}" in step.text("create")
        told = str(open_secret(step.inputs["stdin"]))
        assert f"restore-object: {OBJECT}\n" in told
        assert "backup-remote: " in told
    for step in commands(graph, "fence"):
        assert not step.is_secret("stdin")
        assert "backup-" not in step.text("stdin")


def test_file_is_restored_without_the_store() -> None:
    """Whatever the section backup says."""
    wanted = Restoring(id="0123456789abcdef", snapshot="/root/s.db", mark="1 a")
    section = {"snapshot": "/root/s.db"}
    graph = declare(formed=True, restoring=wanted, restore=section, backup=STORE)
    assert "backup-" not in graph.command("etcd-etcd01-restore").text("stdin")
