"""A restore that was cut off goes on, whoever is silent meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from .decided import CLUSTER, SILENT, known, remembered
from .test_restore import NEW, OTHER, SNAPSHOT, SURVIVOR, begun, done, plan, refused


def test_who_was_fenced_starts_while_a_new_host_is_silent() -> None:
    """On new hosts the state has the former addresses: nobody was healthy at the new ones yet."""
    former = {f"etcd0{n}": known(f"10.9.9.{n}", id=f"a{n}") for n in (1, 2, 3)}
    memory = remembered(members=former)
    found = plan(None, done(), memory, etcd02=begun("r1"), etcd03=SILENT)
    assert found.why("etcd02", "member") == "the restore r1 goes on"
    assert found.chain.order[-1] == "etcd03"


@pytest.mark.parametrize("lines", [SNAPSHOT, SURVIVOR, None], ids=["file", "survivor", "none"])
def test_lines_that_are_done_carry_no_other_restore_out(lines: dict[str, Any] | None) -> None:
    """Whoever thinks better of the next one, and goes back to the lines before it."""
    fenced = {**done(), "restoring": f"r2 data {NEW} {OTHER} a1", "etcd": "stopped"}
    memory = replace(remembered(), cluster_id=NEW)
    text = refused(lines, done(), memory, etcd02=fenced, etcd03=fenced)
    for name in ("etcd02", "etcd03"):
        assert f"{name} (10.107.88.1" in text
    assert "but the configuration has " in text
    assert "`sudo etcd-host restore-cancel` on this host" in text
    assert plan({**SNAPSHOT, "replaces": NEW}, done(), memory, etcd02=fenced).restoring


def test_done_lines_do_not_hide_a_quorum_that_is_gone() -> None:
    """They stay in a configuration for long, and two of three members are lost then."""
    rows = [{"name": f"etcd0{n}", "address": f"10.107.88.{14 + n}"} for n in (1, 2, 3)]
    lost: dict[str, Any] = {"members": [{**each, "lost": True} for each in rows[:2]] + rows[2:]}
    memory = replace(remembered(), cluster_id=NEW)
    text = refused(SNAPSHOT, done(), memory, changes=lost)
    assert "1 of 3 members would be left" in text
    assert CLUSTER not in text
