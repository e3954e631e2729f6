"""The hosts' network: one bridge, and for each host a network namespace with a link to it."""

from __future__ import annotations

import json
from ipaddress import IPv4Address
from pathlib import Path

from lab.instance import Instance
from lab.shell import run

_NAMESPACES = Path("/run/netns")


def create_bridge(lab: Instance) -> None:
    """Make the bridge that carries this machine's own address among the hosts; may be there."""
    if not _link_exists(lab.name):
        run(["ip", "link", "add", lab.name, "type", "bridge"])
    address = f"{lab.gateway}/{lab.network.prefixlen}"
    run(["ip", "address", "replace", address, "dev", lab.name])
    address6 = f"{lab.network6[1]}/{lab.network6.prefixlen}"
    run(["ip", "address", "replace", address6, "dev", lab.name, "nodad"])
    run(["ip", "link", "set", lab.name, "up"])


def create_link(lab: Instance, host: str) -> None:
    """Make a host's namespace, addressed and linked to the bridge, before the host boots in it."""
    namespace, link, address = lab.machine(host), lab.link(host), lab.address(host)
    run(["ip", "netns", "add", namespace])
    run(["ip", "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", namespace])
    run(["ip", "link", "set", link, "master", lab.name, "up"])
    inside = ["ip", "-n", namespace]
    # An address of its own making, so that neighbours' tables hold when the host is made anew.
    run([*inside, "link", "set", "eth0", "address", _hardware_address(address), "up"])
    run([*inside, "link", "set", "lo", "up"])
    run([*inside, "address", "add", f"{address}/{lab.network.prefixlen}", "dev", "eth0"])
    address6 = f"{lab.address6(host)}/{lab.network6.prefixlen}"
    run([*inside, "address", "add", address6, "dev", "eth0", "nodad"])
    # A kubelet looks for a default route; this machine does not forward what arrives by it.
    run([*inside, "route", "add", "default", "via", str(lab.gateway)])


def create_tap(lab: Instance, host: str) -> None:
    """Make a machine's link: what it sends comes out of it on the bridge."""
    link = lab.link(host)
    run(["ip", "tuntap", "add", link, "mode", "tap"])
    run(["ip", "link", "set", link, "master", lab.name, "up"])


def hardware_address(lab: Instance, host: str) -> str:
    """Return a host's own, so that neighbours' tables hold when the host is made anew."""
    return _hardware_address(lab.address(host))


def remove_link(lab: Instance, host: str) -> None:
    """Remove a host's link and namespace, or what there is of them."""
    if _link_exists(lab.link(host)):
        # Explicitly: the namespace, and with it the link, may be held for a while by others.
        run(["ip", "link", "delete", lab.link(host)])
    if (_NAMESPACES / lab.machine(host)).exists():
        run(["ip", "netns", "delete", lab.machine(host)])


def remove_bridge(lab: Instance) -> None:
    """Remove the bridge if it is there."""
    if _link_exists(lab.name):
        run(["ip", "link", "delete", lab.name])


def set_link(lab: Instance, host: str, *, up: bool) -> None:
    """Cut a host off, or heal that; its namespace and the host in it stay as they are."""
    run(["ip", "link", "set", lab.link(host), "up" if up else "down"])


def link_is_up(lab: Instance, host: str) -> bool:
    """Return whether a host's link is there and not cut."""
    told = run(["ip", "-json", "link", "show", "dev", lab.link(host)], check=False)
    return told.returncode == 0 and "UP" in json.loads(told.stdout)[0]["flags"]


def namespace(lab: Instance, host: str) -> Path:
    """Return the path of a host's network namespace."""
    return _NAMESPACES / lab.machine(host)


def _link_exists(name: str) -> bool:
    return Path("/sys/class/net", name).exists()


def _hardware_address(address: IPv4Address) -> str:
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x00, *address.packed))
