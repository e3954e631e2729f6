"""Hosts that are far away: a relay between a host's link and the bridge holds every frame back.

(Not every kernel has sch_netem, which is meant for this.)
"""

from __future__ import annotations

import collections
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import TREE
from lab.lab import Lab
from lab.shell import run

OUTER, INNER = "far{instance}a", "far{instance}b"
# Without these a frame is as on a wire: whole, with its checksum, no longer than 1514 bytes.
OFFLOADS_OFF = """
import fcntl, socket, struct, ctypes, sys
for command in (0x17, 0x1F, 0x24):  # ETHTOOL_STXCSUM, STSO, SGSO
    value = ctypes.create_string_buffer(struct.pack("II", command, 0))
    request = struct.pack("16sP", sys.argv[1].encode(), ctypes.addressof(value))
    fcntl.ioctl(socket.socket(), 0x8946, request + bytes(32))  # SIOCETHTOOL
"""


@contextmanager
def far_away(lab: Lab, name: str, milliseconds: float) -> Iterator[None]:
    """Every round trip between this host and all others takes so much longer while this lasts."""
    link, bridge = lab.instance.link(name), lab.instance.name
    outer, inner = (each.format(instance=lab.instance.number) for each in (OUTER, INNER))
    run(["ip", "link", "delete", outer], check=False)  # of a run that was killed
    run(["ip", "link", "add", outer, "type", "veth", "peer", "name", inner])
    for each in (link, outer):  # frames for others are not this machine's to answer
        Path(f"/proc/sys/net/ipv6/conf/{each}/disable_ipv6").write_text("1")
        Path(f"/proc/sys/net/ipv4/conf/{each}/arp_ignore").write_text("8")
    _offloads_off(inner)
    _offloads_off("eth0", "ip", "netns", "exec", lab.instance.machine(name))
    run(["ip", "link", "set", outer, "up"])
    run(["ip", "link", "set", inner, "master", bridge, "up"])
    run(["ip", "link", "set", link, "nomaster"])
    ends = (link, outer, str(milliseconds / 2000))
    relay = subprocess.Popen([sys.executable, "-m", __name__, *ends], cwd=TREE)
    try:
        yield
        assert relay.poll() is None, "the relay has ended"
    finally:
        relay.kill()
        relay.wait()
        run(["ip", "link", "delete", outer])
        run(["ip", "link", "set", link, "master", bridge])


def _offloads_off(interface: str, *within: str) -> None:
    run([*within, sys.executable, "-c", OFFLOADS_OFF, interface])


def _relay(one: str, other: str, seconds: float) -> None:
    """Carry frames from each of the two interfaces to the other, each this much later."""
    ends = [_end(one), _end(other)]
    held: dict[socket.socket, collections.deque[tuple[float, bytes]]] = {
        end: collections.deque() for end in ends
    }
    while True:
        due = min((queue[0][0] for queue in held.values() if queue), default=None)
        wait = None if due is None else max(0.0, due - time.monotonic())
        for end in select.select(ends, [], [], wait)[0]:
            to = ends[1 - ends.index(end)]
            held[to].append((time.monotonic() + seconds, end.recv(65536)))
        now = time.monotonic()
        for to, queue in held.items():
            while queue and queue[0][0] <= now:
                to.send(queue.popleft()[1])


def _end(interface: str) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))  # ETH_P_ALL
    end.bind((interface, 0))
    end.setsockopt(263, 23, 1)  # SOL_PACKET, PACKET_IGNORE_OUTGOING: not what it has sent itself
    end.setsockopt(socket.SOL_SOCKET, 33, 64 * 2**20)  # SO_RCVBUFFORCE
    return end


if __name__ == "__main__":
    _relay(sys.argv[1], sys.argv[2], float(sys.argv[3]))
