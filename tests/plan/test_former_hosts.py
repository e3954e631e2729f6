"""Members that got another host or another address, and those that are given up."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.errors import HostsError
from etcd_cluster.plan import chain, decide, probe
from etcd_cluster.plan.memory import HOST_TYPE, KnownHost, KnownMember, StackMemory, parse
from etcd_cluster.plan.probe import Observation
from tests.support.samples import access, members, ready, settings

from .decided import FORMED, SILENT, known, remembered
from .test_cluster import at
from .test_memory import CLUSTER, STACK, member, resource, whole

MEMBER = "etcd-cluster:index:EtcdMember"
OWNED = ready(owner="etcd etcd02 cafe stack")
OLD = "10.9.9.9"


def component(name: str, **outputs: Any) -> dict[str, Any]:
    """The component of a member, which has the name of a command in it."""
    return resource(f"etcd-{name}-member", MEMBER, **outputs)


@pytest.mark.parametrize("last", [True, False])
def test_command_is_read_and_not_the_component_of_its_name(last: bool) -> None:
    """In whichever order the engine lists them."""
    parts = [component("etcd01", description={}), whole()]
    if last:
        parts.reverse()
    found = parse(STACK, {**parts[0], **parts[1]}, "etcd")
    assert found.cluster_id == "c1"
    assert found.members["etcd01"].peer_url == "https://10.0.0.1:2380"
    assert found.members["etcd01"].id == "a1"
    assert not found.members["etcd01"].given_up


def test_host_is_the_one_of_the_last_healthy_run() -> None:
    """A run that was cut short on its way to another host does not forget the former one."""
    outputs = whole()
    moved = resource("etcd-etcd01-host-program", connection={"host": "10.0.0.7"})
    said = "member-id: a1\ncluster-id: c1\n"
    healthy = resource("etcd-etcd01-healthy", connection={"host": OLD}, stdout=said)
    found = parse(STACK, {**outputs, **moved, **healthy}, "etcd")
    assert found.members["etcd01"].host == OLD


SINCE = "2026-11-28T18:50:00+00:00"


def lost(name: str, **outputs: Any) -> dict[str, Any]:
    """The component of a host that is lost since then."""
    return resource(f"etcd-{name}-host", HOST_TYPE, lost=SINCE) | component(name, **outputs)


def test_member_is_given_up_once_its_component_says_so() -> None:
    """Which it does after all others were told."""
    found = parse(STACK, {**whole(), **lost("etcd02", givenUp=SINCE)}, "etcd")
    assert [name for name, each in found.members.items() if each.given_up] == ["etcd02"]
    assert found.lost_since == {"etcd02": SINCE}
    assert CLUSTER in next(iter(member("etcd01")))


@pytest.mark.parametrize(
    "state",
    [
        lost("etcd02"),
        lost("etcd02", givenUp=""),
        lost("etcd02", givenUp=True),
        lost("etcd02", givenUp="2026-11-27T18:50:00+00:00"),
        component("etcd02", givenUp=SINCE),
        component("etcd02", givenUp=True),
        component("etcd02", givenUp="") | resource("etcd-etcd02-host", HOST_TYPE, lost=""),
    ],
    ids=["not yet", "not all", "no time", "of before", "came back", "an old state", "empty"],
)
def test_member_is_not_given_up_by_what_was_done_before_it_was_lost(state: dict[str, Any]) -> None:
    """It may have come back since, and been lost anew. Once more is harmless."""
    found = parse(STACK, {**whole(), **state}, "etcd").members["etcd02"]
    assert found.given_up is False


@pytest.mark.parametrize(
    "state",
    [lost("etcd02", givenUp=SINCE), lost("etcd02"), component("etcd02", givenUp=True)],
    ids=["given up", "not yet", "an old state"],
)
def test_cluster_is_that_of_members_that_were_not_given_up(state: dict[str, Any]) -> None:
    """A lost member knows no cluster that came of a restore since. Its word is better than none."""
    gone = member("etcd02", cluster_id="b0") | state
    assert parse(STACK, whole() | gone, "etcd").cluster_id == "c1"
    alone = {urn: said for urn, said in (whole() | gone).items() if "etcd01-healthy" not in urn}
    assert parse(STACK, alone, "etcd").cluster_id == "b0"


def test_given_up_member_is_dialed_no_more_and_may_go() -> None:
    """Neither as one that is to leave, nor as the former host of its successor."""
    gone = {"etcd04": known("10.107.88.18", given_up=True)}
    everybody = {**remembered().members, **gone}
    memory = remembered(members=everybody)
    assert chain.leaving(settings(), memory) == []
    assert probe.former_targets(settings(), memory) == []
    successor = [*members(), {"name": "etcd04", "address": "10.107.88.30"}]
    wanted = settings(members=successor, allowEvenMembers="true")
    assert probe.former_targets(wanted, memory) == []


def test_silent_member_that_was_not_given_up_may_not_go() -> None:
    """Its entry would stay, and so would its data and its keys."""
    memory = remembered(members={**remembered().members, "etcd04": known("10.107.88.18")})
    assert [each.name for each in probe.former_targets(settings(), memory)] == ["etcd04"]
    seen = {name: ready(**FORMED) for name in remembered().members}
    with pytest.raises(HostsError, match=r"etcd04 .*lost: true"):
        decide.decide(settings(), {**seen, "etcd04": SILENT}, memory, preview=False)


def moved(own: str, former: Observation) -> tuple[dict[str, tuple[str, ...]], list[str]]:
    """Former hosts that are cleared, and what is warned of, when etcd02's host says this id."""
    memory = remembered(members={**remembered().members, "etcd02": known(OLD, id="a2", host=OLD)})
    seen = {name: ready(**FORMED) for name in memory.members}
    seen["etcd02"] = ready(**FORMED, **{"member-id": own})
    plan = decide.decide(settings(), {**seen, f"etcd02@{OLD}": former}, memory, preview=False)
    return at(plan), [text for text in plan.warnings if "former" in text]


def test_host_with_another_address_has_no_former_one() -> None:
    """It is the same machine: nothing is cleared there, and nobody is warned of it."""
    assert moved("a2", OWNED) == ({}, [])
    assert moved("a2", SILENT) == ({}, [])


FORMER = {"host": OLD, "port": 2222.0, "user": "ops", "hostKey": "ssh-ed25519 old"}


def cut_off(*cleared: str) -> KnownMember:
    """A member that moved, in a run that was killed when it was healthy, or had cleared these."""
    outputs = whole() | resource("etcd-etcd01-host", HOST_TYPE, formerHosts=[FORMER])
    for number, each in enumerate(cleared, 1):
        name = f"etcd-etcd01-former-host{'' if number == 1 else f'-{number}'}"
        outputs |= resource(name, connection={"host": each})
    return parse(STACK, outputs, "etcd").members["etcd01"]


def test_former_host_is_known_until_it_is_cleared() -> None:
    """The new one is healthy by then, and the state has that one alone as the member's."""
    assert [each.host for each in cut_off().hosts] == ["10.0.0.1", OLD]
    assert cut_off().former == (
        KnownHost(host=OLD, port=2222, user="ops", host_key="ssh-ed25519 old"),
    )
    assert cut_off("10.8.8.8").former == cut_off().former
    assert cut_off(OLD).former == ()
    assert cut_off("10.8.8.8", OLD).former == ()


def test_state_says_whether_a_host_was_protected() -> None:
    """A plan refuses then what Pulumi would, with the way out."""
    protected = whole() | resource("etcd-etcd01-host", HOST_TYPE, protected=True)
    assert parse(STACK, protected, "etcd").members["etcd01"].protected
    assert not parse(STACK, whole(), "etcd").members["etcd01"].protected


def test_host_that_a_killed_run_was_to_clear_is_cleared_by_the_next() -> None:
    """Though its successor serves under the id that the stack knows; and the one before it, too."""
    first, second = KnownHost(host=OLD, host_key="k"), KnownHost(host="10.8.8.8", host_key="k")
    now = known("10.107.88.16", id="b7", former=(first,))
    memory = remembered(members={**remembered().members, "etcd02": now})
    names = [each.name for each in probe.former_targets(settings(), memory)]
    assert names == [f"etcd02@{OLD}"]
    seen = {name: ready(**FORMED) for name in memory.members}
    seen |= {"etcd02": ready(**FORMED, **{"member-id": "b7"}), f"etcd02@{OLD}": OWNED}
    assert at(decide.decide(settings(), seen, memory, preview=False)) == {"etcd02": (OLD,)}
    again = known("10.8.8.8", id="b7", former=(first, second))
    memory = remembered(members={**remembered().members, "etcd02": again})
    seen |= {"etcd02": ready(), "etcd02@10.8.8.8": OWNED}
    found = decide.decide(settings(), seen, memory, preview=False)
    assert at(found) == {"etcd02": ("10.8.8.8", OLD)}


@pytest.mark.parametrize("own", ["", "b7", "a2"])
def test_machine_that_is_dialed_by_another_name_is_no_former_host(own: str) -> None:
    """Whatever its member is called: a run that was cut off may not have learned that."""
    addresses = {"addresses": "10.107.88.16 10.9.9.9"}
    old = ready(owner="etcd etcd02 cafe stack", **addresses)
    memory = remembered(members={**remembered().members, "etcd02": known(OLD, id="a2", host=OLD)})
    seen = {name: ready(**FORMED) for name in memory.members}
    seen |= {"etcd02": ready(**FORMED, **addresses, **{"member-id": own}), f"etcd02@{OLD}": old}
    assert at(decide.decide(settings(), seen, memory, preview=False)) == {}


def test_host_that_a_move_has_begun_on_is_known_when_the_member_goes_elsewhere() -> None:
    """It has keys and data by then, and the member goes back, or on to a third host."""
    begun = resource("etcd-etcd01-host-program", connection={"host": "10.0.0.7"})
    healthy = resource("etcd-etcd01-healthy", connection={"host": "10.0.0.1"}, stdout="")
    host = resource("etcd-etcd01-host", HOST_TYPE, formerHosts=[FORMER])
    outputs = whole() | begun | healthy | host
    known_hosts = parse(STACK, outputs, "etcd").members["etcd01"].hosts
    assert [each.host for each in known_hosts] == ["10.0.0.1", OLD, "10.0.0.7"]


@pytest.mark.parametrize("own", ["", "b7"])
def test_former_host_of_a_member_on_another_one_is_cleared_or_named(own: str) -> None:
    """The new host has no member yet, or one that a run joined that was cut short."""
    assert moved(own, OWNED) == ({"etcd02": (OLD,)}, [])
    cleared, warned = moved(own, SILENT)
    assert cleared == {}
    assert OLD in warned[0]


def test_host_that_is_spelled_otherwise_is_no_former_one() -> None:
    """It is dialed once."""
    before = known("10.107.88.16", host="Host.Example.")
    memory = remembered(members={**remembered().members, "etcd02": before})
    rows = members()
    rows[1]["sshHost"] = "host.example"
    assert probe.former_targets(settings(members=rows), memory) == []


def test_lost_host_is_not_dialed() -> None:
    """Neither for the plan, nor for its warnings."""
    wanted = settings(members=[*members()[:2], {**members()[2], "lost": True}])
    memory: StackMemory = remembered()
    assert probe.former_targets(wanted, memory) == []
    dialed = [each.name for each in probe.targets(wanted, access(wanted), memory)]
    assert dialed == ["etcd01", "etcd02"]
