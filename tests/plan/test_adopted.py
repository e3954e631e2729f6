"""Members that were adopted, and whose turn has not come: what stands in its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan.chain import chain
from etcd_cluster.plan.memory import KnownAuthority, StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.cas import leaf
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


def certificates(*addresses: str) -> str:
    """Those of a host, as it tells them: for these addresses."""
    served = leaf(ca(), ["etcd02", *addresses]).der
    return f"{served} {served} {leaf(ca(), ['kube-etcd-healthcheck-client']).der}"


OLD, ANOTHER = "10.107.88.16", "10.107.88.99"
ITS_OWN = replace(BOTH, facts={**BOTH.facts, "certificates": certificates(OLD)})
FOR_BOTH = replace(BOTH, facts={**BOTH.facts, "certificates": certificates(OLD, ANOTHER)})
NONE_FOR_IT = "no certificate for this address is on the host, and authority 0, which issues"


def changed(change: str, listed: Any, **key: str) -> dict[str, Any]:
    """The configuration after a change of the members of three."""
    rows = members(5 if change == "comes" else 3)
    if change != "comes":
        rows[1]["address"] = ANOTHER
    section = {**KEYLESS, "authority": {"certificateFile": "ca.crt", **key}, "authorities": listed}
    return {**changes(3), "members": rows, "certificates": section}


MOVED = {"etcd02": ITS_OWN}
COMES = {"etcd04": LOST, "etcd05": LOST}
MACHINE = {"etcd02": LOST, f"etcd02@{OLD}": ITS_OWN}
EMPTIED = {"etcd02": replace(LOST, facts={**LOST.facts, "certificates": certificates(OLD)})}
CHANGED = [
    ("moves", MOVED, "etcd02 (10.107.88.99)"),
    ("comes", COMES, "etcd04 (10.107.88.18), etcd05 (10.107.88.19)"),
    ("another machine", MACHINE, "etcd02 (10.107.88.99)"),
    ("moves, emptied", EMPTIED, "etcd02 (10.107.88.99)"),
]


@pytest.mark.parametrize(("change", "there", "who"), CHANGED, ids=[each[0] for each in CHANGED])
def test_member_does_not_go_where_it_has_no_certificate(
    change: str, there: dict[str, Observation], who: str
) -> None:
    """The others would refuse it there. The way out is to have the next CA issue first."""
    hosts = {**dict.fromkeys(NAMES[:3], BOTH), **there}
    for preview in (True, False):
        wanted = changed(change, [0, 1])
        text = faults(preview=preview, changes=wanted, memory=memory(3), **hosts)
        assert f"{who}: {NONE_FOR_IT}" in text
        assert "go on to [1, 0], and make the change after that" in text
        assert "has lost its certificates" not in text
    # That way: without the change, then by the next CA, and then with the change.
    before = dict.fromkeys(NAMES[:3], ITS_OWN)
    for listed in ([0, 1], [1, 0]):
        section = {**KEYLESS, "authorities": listed}
        wanted = changes(3, certificates=section)
        assert decided(settings(**wanted), before, preview=False, memory=memory(3)).formed
    by_next = {
        name: replace(
            each, facts={**each.facts, "issuer": NEXT} if each is not LOST else each.facts
        )
        for name, each in hosts.items()
    }
    found = settings(**changed(change, [1, 0]))
    assert decided(found, by_next, preview=False, memory=memory(3)).formed
    # Or with the key, if it is there.
    found = settings(**changed(change, [0, 1], privateKeyFile="ca.key"))
    assert decided(found, hosts, preview=False, memory=memory(3)).formed


@pytest.mark.parametrize(
    ("change", "there"),
    [
        ("moves", {"etcd02": FOR_BOTH}),
        (
            "another machine",
            {
                "etcd02": replace(
                    LOST, facts={**LOST.facts, "certificates": certificates(ANOTHER)}
                ),
                f"etcd02@{OLD}": ITS_OWN,
            },
        ),
    ],
)
def test_member_goes_where_its_host_has_certificates_for_it(
    change: str, there: dict[str, Observation]
) -> None:
    """Made with that address before, or put there by hand."""
    hosts = {**dict.fromkeys(NAMES[:3], BOTH), **there}
    wanted = settings(**changed(change, [0, 1]))
    assert decided(wanted, hosts, preview=False, memory=memory(3)).formed


@pytest.mark.parametrize("had", ["A B C", certificates(OLD)], ids=["unreadable", "its own"])
def test_emptied_member_that_keeps_its_address_has_the_certificates_that_it_had(had: str) -> None:
    """Whatever is in them: nobody is to reach it elsewhere than before."""
    kept = replace(LOST, facts={**LOST.facts, "certificates": had})
    found = decided(
        settings(**changes(3)), seen(3, BEFORE, etcd02=kept), preview=False, memory=memory(3)
    )
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
