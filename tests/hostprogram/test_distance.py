"""How far away the other members are, asked for on this machine's loopback."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from .facts import fact, free_port, listening, port_of
from .test_reachability import dropping

# As iproute2 6.1 prints them (`ss -tinH`): connections of two members, the second one's just made.
CONNECTIONS = """\
ESTAB 0      0      10.0.0.1:39654 10.0.0.2:2380
\t bbr wscale:10,10 rto:204 rtt:40.1/0.1 bbr:(bw:827428176bps,mrtt:0.028) minrtt:40.1 snd_wnd:71680
ESTAB 0      0      10.0.0.1:2380 10.0.0.2:59068
\t bbr wscale:10,10 rto:204 rtt:0.167/0.063 ato:40 lastsnd:4084 lastrcv:8 minrtt:0.213 snd_wnd:71680
ESTAB 0      0      10.0.0.1:2380 10.0.0.2:59069
\t bbr rto:204 rtt:0.1/0.063 lastsnd:84 lastrcv:8 minrtt:0.009 snd_wnd:71680
ESTAB 0      0      10.0.0.1:2380 10.0.0.2:59070
\t bbr rto:204 rtt:0.1/0.063 lastsnd:109576 lastrcv:8 minrtt:0.008 snd_wnd:71680
ESTAB 0      0      [::ffff:10.0.0.1]:2380 [::ffff:10.0.0.3]:40658
\t cubic rtt:122.4/0.1 minrtt:121.95
ESTAB 0      0      [2001:db8::1]:2380 [2001:db8::4]:40658
\t cubic rtt:5/0.1 minrtt:3
SYN-SENT 0   1      10.0.0.1:39654 10.0.0.5:2380
\t cubic rto:1000 mss:524
"""


def connected(*addresses: str, said: str, status: int = 0) -> str:
    """What is told of these members, where `ss` says this."""
    ss = f"ss() {{ printf '%s' '{said}'; return {status}; }}; type() {{ :; }}; "
    return fact(f"{ss} peer_round_trips {' '.join(addresses)}", "round-trips")


def test_kernel_is_asked_for_the_connections_that_etcd_has() -> None:
    """The middle one of several, of those that were used lately. No dead one is told of."""
    asked = ("10.0.0.2", "10.0.0.3", "2001:db8::4", "10.0.0.5", "10.0.0.6")
    told = "10.0.0.2=213 10.0.0.3=121950 2001:db8::4=3000"
    assert connected(*asked, said=CONNECTIONS) == told


@pytest.mark.parametrize("said", ["", "ESTAB 0 0 10.0.0.1:1 10.0.0.2:2380\n"])
@pytest.mark.parametrize("status", [0, 1])
def test_nothing_is_told_when_there_is_no_connection(said: str, status: int) -> None:
    """Or where the kernel does not tell its times, or `ss` fails."""
    assert connected("10.0.0.2", said=said, status=status) == ""


def test_nothing_is_told_when_the_system_has_no_ss() -> None:
    """No program is required for a warning."""
    assert fact("type() { false; }; peer_round_trips 10.0.0.2", "round-trips") == ""


def dialed(*addresses: str, port: int, more: str = "") -> dict[str, int]:
    """What is told of these addresses when they are dialed at a port."""
    script = f"{more} dialed_round_trips {' '.join(addresses)}"
    told = fact(script, "round-trips", {"PEER_PORT=2380": f"PEER_PORT={port}"})
    return {address: int(took) for address, took in (each.split("=") for each in told.split())}


def test_neighbour_is_near_whether_it_listens_or_not() -> None:
    """A refusal comes as quickly. (No more than a busy machine adds.)"""
    with listening("0.0.0.0", backlog=50) as found:
        assert dialed("127.0.0.2", port=port_of(found))["127.0.0.2"] < 20_000
    assert dialed("127.0.0.2", port=free_port())["127.0.0.2"] < 20_000


def test_nothing_is_told_of_a_member_that_does_not_answer() -> None:
    """And it is not waited for longer than a second."""
    begin = time.monotonic()
    with dropping() as port:
        assert dialed("127.0.0.1", port=port) == {}
    assert time.monotonic() - begin < 15


def test_nothing_is_told_of_a_member_that_there_is_no_way_to() -> None:
    """`No route` comes from a machine on the way, or from this one."""
    script = "connect_times() { echo 7; echo 'bash: connect: No route to host' >&2; }; "
    assert dialed("192.0.2.1", port=1, more=script) == {}


@pytest.mark.parametrize(
    ("own", "there", "told"), [(900, 1200, 300), (30_000, 29_000, 0), (100, 122_100, 122_000)]
)
def test_what_dialing_takes_here_is_no_part_of_the_way(own: int, there: int, told: int) -> None:
    """A slow machine is not far away."""
    script = (
        "connect_times() { echo 990000; "
        f"if [[ $1 == 127.0.0.1 ]]; then echo {own}; else echo {there}; fi; }}; "
    )
    assert dialed("192.0.2.1", port=1, more=script) == {"192.0.2.1": told}


def test_no_file_is_left_behind_when_members_were_dialed(tmp_path: Path) -> None:
    """An observation changes nothing."""
    fact(f"export TMPDIR={tmp_path}; dialed_round_trips 127.0.0.1", "round-trips")
    assert list(tmp_path.iterdir()) == []
