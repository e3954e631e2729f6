"""What hosts say of each other: clocks, and ports that do not answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.plan import preflight
from etcd_cluster.plan.probe import Observation
from tests.support.samples import hosts, ready, settings

from .decided import FORMED, NOBODY, SILENT, faults, remembered

PACKAGES = {"install": "packages"}
GIB = 1024


@pytest.mark.parametrize("formed", [False, True])
def test_host_takes_one_member(formed: bool) -> None:
    """One machine with two addresses, or a name of its own for the second entry."""
    facts, memory = (FORMED, remembered()) if formed else ({}, NOBODY)
    both = ready(**facts, addresses="10.107.88.15 192.0.2.1 10.107.88.16 fd00::16")
    own = ready(**facts, addresses="10.107.88.17 192.0.2.1 fd00::17", machine="cafe")
    seen: Any = {"etcd01": both, "etcd02": both, "etcd03": own}
    (line,) = faults(preview=True, memory=memory, **seen).splitlines()
    assert line.startswith("etcd01 (10.107.88.15): its address 10.107.88.15 is an address of the")
    assert "host of etcd02 (10.107.88.16), too" in line
    (line,) = faults(preview=True, memory=memory, **seen | {"etcd02": SILENT}).splitlines()[-1:]
    assert "etcd02 (10.107.88.16): its address 10.107.88.16 is an address of the" in line


def test_hosts_with_addresses_of_their_own_are_several() -> None:
    """Also where they share some, as a bridge's, and a machine id, as copies do."""
    seen = {
        each.name: ready(addresses=f"{each.address} 172.17.0.1", machine="cafe")
        for each in settings().living
    }
    assert list(preflight.same_hosts(settings(), seen)) == []


def clocks(**ahead: tuple[float, float] | None) -> list[str]:
    """What is said of hosts whose clocks are ahead of ours by this."""
    return preflight.clocks_apart(
        {name: replace(ready(), ahead=each) for name, each in ahead.items()}
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ((-0.2, 0.3), (1.0, 1.4)),
        ((-0.2, 0.3), (-0.1, 0.2)),
        ((-5.0, 5.0), (4.0, 5.9)),
        ((0.0, 0.0), (1.0, 1.0)),
        ((-3.0, -2.9), (-2.0, -1.9)),
    ],
)
def test_clocks_are_alike_when_nothing_more_is_certain(
    one: tuple[float, float], other: tuple[float, float]
) -> None:
    """A slow answer makes the reading vague; only what is so at the very least counts."""
    assert clocks(etcd01=one, etcd02=other) == []
    assert clocks(etcd01=other, etcd02=one) == []


@pytest.mark.parametrize(
    ("behind", "ahead", "least"),
    [
        ((-0.2, 0.3), (1.4, 1.8), "1.1"),
        ((-3600.5, -3600.0), (-0.2, 0.1), "3599.8"),
        ((-7.0, -6.5), (6.0, 6.5), "12.5"),
    ],
)
def test_clocks_are_told_of_when_they_surely_differ(
    behind: tuple[float, float], ahead: tuple[float, float], least: str
) -> None:
    """With the two hosts, which of them is ahead, and by how much at least."""
    (text,) = clocks(etcd01=ahead, etcd02=behind)
    assert text.startswith(f"clocks of etcd01 and etcd02 differ by at least {least} s")
    assert "(etcd01 is ahead)" in text
    assert "chrony" in text


def test_the_two_furthest_clocks_are_told_of_when_there_are_more() -> None:
    """One sentence, and not one for each pair."""
    (text,) = clocks(etcd01=(5.0, 5.1), etcd02=(-9.0, -8.9), etcd03=(0.0, 0.1))
    assert text.startswith("clocks of etcd01 and etcd02 differ")


def behind(**ahead: tuple[float, float] | None) -> list[str]:
    """What is said of hosts whose clocks are behind ours."""
    return preflight.clocks_behind(
        {name: replace(ready(), ahead=each) for name, each in ahead.items()}
    )


def test_hosts_are_told_of_when_this_machine_s_clock_is_ahead_of_them() -> None:
    """They would reject certificates that are made now; whose clock is right, nobody knows."""
    (text,) = behind(etcd01=(-3600.4, -3600.1), etcd02=(-3610.0, -3599.8), etcd03=(-1.0, 0.2))
    assert text.startswith(
        "clocks of etcd01, etcd02 are at least 3599.8 s behind that of this machine"
    )
    assert "not valid there yet" in text
    assert "chrony" in text


@pytest.mark.parametrize(
    "ahead",
    [None, (3600.0, 3600.1), (-4.9, -4.8), (-60.0, 0.5)],
    ids=["off", "ahead", "4 s", "slow"],
)
def test_no_host_is_told_of_when_its_clock_is_not_surely_behind(
    ahead: tuple[float, float] | None,
) -> None:
    """Certificates take seconds to get there; and an older one is as good."""
    assert behind(etcd01=ahead, etcd02=(-0.1, 0.1)) == []


@pytest.mark.parametrize("known", [(), ("etcd01",)])
def test_clocks_are_not_told_of_when_fewer_than_two_were_read(known: tuple[str, ...]) -> None:
    """A host that is off has no clock to compare."""
    read = {name: (90.0, 91.0) if name in known else None for name in ("etcd01", "etcd02")}
    assert clocks(**read) == []


def apart(seen: Mapping[str, Observation], **changes: Any) -> list[str]:
    """What is said of members that do not reach each other."""
    return preflight.apart(settings(**changes), seen)


def test_member_that_is_not_reached_is_told_of_when_it_answers_us() -> None:
    """Who does not reach whom, at which port, why, and what to open."""
    seen = hosts(etcd01=ready(unreachable="10.107.88.16:2380 No route to host"))
    assert apart(seen) == [
        "etcd01 (10.107.88.15): cannot reach etcd02 at 10.107.88.16:2380: No route to host; "
        "allow TCP 2380 from 10.107.88.15 to 10.107.88.16, and check routing and "
        "firewalls"
    ]


def test_every_closed_port_is_told_of_when_several_are() -> None:
    """Of both members, each on its own."""
    complaint = ", ".join(
        f"10.107.88.{host}:{port} no answer within 3 s"
        for host in (16, 17)
        for port in (2379, 2380)
    )
    found = apart(hosts(etcd01=ready(unreachable=complaint)))
    assert [text.split(": ")[1] for text in found] == [
        f"cannot reach {name} at {address}:{port}"
        for name, address in (("etcd02", "10.107.88.16"), ("etcd03", "10.107.88.17"))
        for port in (2379, 2380)
    ]


def test_both_directions_are_told_of_when_neither_is_open() -> None:
    """A firewall of the one may be right and that of the other wrong."""
    found = apart(
        hosts(
            etcd01=ready(unreachable="10.107.88.16:2380 no answer within 3 s"),
            etcd02=ready(unreachable="10.107.88.15:2380 no answer within 3 s"),
        )
    )
    assert [text.split(" ")[0] for text in found] == ["etcd01", "etcd02"]


@pytest.mark.parametrize(
    "other",
    [Observation(unreachable="No route to host"), Observation(refused="no sudo"), None],
    ids=["off", "refuses", "not asked"],
)
def test_host_is_not_complained_of_when_it_does_not_answer_us_either(
    other: Observation | None,
) -> None:
    """It is off: that is said once, of itself, and not by each of the others."""
    complaint = ready(unreachable="10.107.88.16:2379 No route to host")
    seen = {"etcd01": complaint, "etcd03": complaint} | ({"etcd02": other} if other else {})
    assert apart(seen) == []


def test_nothing_is_complained_of_when_all_reach_each_other() -> None:
    """As on three ready hosts, and where they were not asked."""
    assert apart(hosts()) == apart(hosts(etcd01=ready(unreachable=""))) == []


def test_address_is_passed_over_when_it_is_no_member_s() -> None:
    """A host program of another configuration may have been asked of others."""
    assert apart(hosts(etcd01=ready(unreachable="192.0.2.9:2379 No route to host"))) == []


def test_member_is_recognized_when_its_address_is_ipv6() -> None:
    """The last colon is the port's."""
    changed = [{"name": f"etcd0{n}", "address": f"2001:db8::{n}"} for n in (1, 2, 3)]
    seen = hosts(etcd01=ready(unreachable="2001:db8::3:2379 Network is unreachable"))
    (text,) = apart(seen, members=changed)
    assert text.startswith("etcd01 (2001:db8::1): cannot reach etcd03 at 2001:db8::3:2379: ")
    assert "from 2001:db8::1 to 2001:db8::3" in text


def test_fault_names_where_ssh_dials_and_opens_where_members_are_when_these_differ() -> None:
    """Somebody finds the host by the one, the firewall by the other."""
    changed = [
        {"name": f"etcd0{n}", "address": f"10.107.88.{14 + n}", "sshHost": f"192.0.2.{n}"}
        for n in (1, 2, 3)
    ]
    seen = hosts(etcd01=ready(unreachable="10.107.88.16:2380 No route to host"))
    (text,) = apart(seen, members=changed)
    assert text.startswith("etcd01 (192.0.2.1): ")
    assert "from 10.107.88.15 to 10.107.88.16" in text
