"""Members that were adopted, and whose turn has not come: what stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.chain import chain
from etcd_cluster.plan.memory import KnownAuthority, StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import CLUSTER, SILENT, TOKEN, decided, faults, known
from .theirs import CHANGES, ca, well

NAMES = ("etcd01", "etcd02", "etcd03", "etcd04", "etcd05")
NEXT = "b" * 64
KEYLESS = {"authority": {"certificateFile": "ca.crt"}, "authorities": [0, 1]}
BEFORE = well(adopted="yes", certificates="A B C")
BOTH = well(trusts=f"{ca().fingerprint} {NEXT}", certificates="A B C")
DOWN = well(adopted="yes", certificates="A B C", healthy="no", etcd="stopped")
LOST = ready()


def memory(count: int) -> StackMemory:
    """A stack that has adopted so many members, and has made the next CA."""
    return StackMemory(
        stack="organization/etcd-cluster/test",
        token=TOKEN,
        cluster_id=CLUSTER,
        authorities={
            0: KnownAuthority(fingerprint=ca().fingerprint),
            1: KnownAuthority(fingerprint=NEXT),
        },
        members={each["name"]: known(each["address"]) for each in members(count)},
    )


def changes(count: int, **further: Any) -> dict[str, Any]:
    """The configuration of so many members, without the key of their CA."""
    wanted = {**CHANGES, "certificates": KEYLESS, "adopt": None, "members": members(count)}
    return {**wanted, **further}


def seen(count: int, others: Observation, **named: Observation) -> Mapping[str, Observation]:
    """So many hosts, of which etcd02 was reinstalled."""
    found = {"etcd02": LOST, **named}
    return {name: found.get(name, others) for name in NAMES[:count]}


def test_host_for_which_there_are_no_certificates_comes_behind_the_others() -> None:
    """Its turn fails, and they are to trust the CA first that will issue some."""
    plan = decided(settings(**changes(5)), seen(5, BEFORE), preview=False, memory=memory(5))
    assert plan.chain.emptied == ()
    assert plan.chain.order == ("etcd01", "etcd03", "etcd04", "etcd05", "etcd02")
    silent = chain(settings(**changes(5)), seen(5, BEFORE, etcd01=SILENT), memory(5))
    assert silent.order[-2:] == ("etcd02", "etcd01")


@pytest.mark.parametrize("listed", [[1, 0], [0]])
def test_host_that_gets_new_certificates_comes_first_as_any_other(listed: list[int]) -> None:
    """Once the next CA issues, or where the key is there."""
    section = CHANGES["certificates"] if listed == [0] else {**KEYLESS, "authorities": listed}
    found = chain(settings(**changes(3, certificates=section)), seen(3, BOTH), memory(3))
    assert found.emptied == ("etcd02",)


def test_host_that_kept_its_certificates_comes_first() -> None:
    """A new disk for the data alone."""
    kept = replace(LOST, facts={**LOST.facts, "certificates": "A B C"})
    found = chain(settings(**changes(3)), seen(3, BEFORE, etcd02=kept), memory(3))
    assert found.emptied == ("etcd02",)


def test_host_with_data_and_without_certificates_waits_too() -> None:
    """Its system was installed anew, and its data disk stayed: it cannot be done first."""
    kept = replace(DOWN, facts={**DOWN.facts, "certificates": ""})
    found = chain(settings(**changes(5)), seen(5, BEFORE, etcd02=kept), memory(5))
    assert (found.stopped, found.order[-1]) == ((), "etcd02")
    known = replace(DOWN, facts={**DOWN.facts, "certificates": "A B C"})
    found = chain(settings(**changes(5)), seen(5, BEFORE, etcd02=known), memory(5))
    assert found.stopped == ("etcd02",)
    text = faults(
        preview=True, changes=changes(3), memory=memory(3), **seen(3, BEFORE, etcd02=kept)
    )
    assert "etcd02 (10.107.88.16): has lost its certificates" in text


def test_way_out_is_named_where_nobody_can_be_spared() -> None:
    """Of three, two are left: neither may restart, and without that neither trusts the next CA."""
    text = faults(preview=True, changes=changes(3), memory=memory(3), **seen(3, BEFORE))
    assert "etcd02 (10.107.88.16): has lost its certificates" in text
    assert "on the hosts of etcd01 (10.107.88.15), etcd03 (10.107.88.17): `sudo systemctl" in text
    assert "`sudo mv /etc/kubernetes/manifests/etcd.yaml /root/`" in text
    assert "after that set authorities to [1, 0]" in text


@pytest.mark.parametrize("others", [BOTH, DOWN], ids=["they trust both", "they were stopped"])
def test_way_out_can_be_taken(others: Observation) -> None:
    """In both of its steps."""
    plan = decided(settings(**changes(3)), seen(3, others), preview=False, memory=memory(3))
    assert plan.chain.order[-1] == "etcd02"
    if others is DOWN:
        assert plan.chain.stopped == ("etcd01", "etcd03")
    else:
        wanted = changes(3, certificates={**KEYLESS, "authorities": [1, 0]})
        found = decided(settings(**wanted), seen(3, others), preview=False, memory=memory(3))
        assert found.chain.emptied == ("etcd02",)


def test_adopted_member_is_not_left_as_it_is_without_drift_detection() -> None:
    """Its turn would never come. No preview reads the hosts then, so `up` tells."""
    wanted = changes(3, driftDetection="false")
    hosts = {"etcd01": BEFORE, "etcd02": BOTH, "etcd03": BEFORE}
    text = faults(preview=False, changes=wanted, memory=memory(3), **hosts)
    assert "etcd01 (10.107.88.15), etcd03 (10.107.88.17): adopted, and not changed" in text
    assert "Set driftDetection: true" in text
    decided(settings(**wanted), {}, preview=True, memory=memory(3))
    rolled = dict.fromkeys(hosts, BOTH)
    decided(settings(**wanted), rolled, preview=False, memory=memory(3))
