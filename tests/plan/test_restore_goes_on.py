"""A restore that was cut off goes on, whoever is silent meanwhile."""

from __future__ import annotations

from .decided import SILENT, known, remembered
from .test_restore import begun, done, plan


def test_who_was_fenced_starts_while_a_new_host_is_silent() -> None:
    """On new hosts the state has the former addresses: nobody was healthy at the new ones yet."""
    former = {f"etcd0{n}": known(f"10.9.9.{n}", id=f"a{n}") for n in (1, 2, 3)}
    memory = remembered(members=former)
    found = plan(None, done(), memory, etcd02=begun("r1"), etcd03=SILENT)
    assert found.why("etcd02", "member") == "the restore r1 goes on"
    assert found.chain.order[-1] == "etcd03"
