"""Which lab: its names, addresses and folders. A second instance does not meet the first."""

from __future__ import annotations

import os
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

from lab import TREE
from lab.errors import LabError

HOSTS = {"master01": 14, **{f"etcd0{number}": 14 + number for number in range(1, 10)}}
"""Every name that a lab can boot, to the last part of its address."""
STORE = "store"
"""The lab's object store, which has an address among the hosts and is none of them."""
_LAST_PARTS = {**HOSTS, STORE: 13}
DEFAULT_HOSTS = ("etcd01", "etcd02", "etcd03")
INSTANCES = 10
MACHINE_WIDE = Path("/var/lib/etcd-lab")


@dataclass(frozen=True)
class Instance:
    """One lab on this machine, by its number: 0 is the developer's, tests take another."""

    number: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.number < INSTANCES:
            raise LabError(
                f'lab instance: "{self.number}" is out of range; give 0 to {INSTANCES - 1}.'
            )

    @classmethod
    def from_environment(cls) -> Instance:
        """Return the instance that ETCD_LAB_INSTANCE names, 0 without it."""
        given = os.environ.get("ETCD_LAB_INSTANCE") or "0"
        if not given.isdecimal():
            raise LabError(
                f'ETCD_LAB_INSTANCE: "{given}" is not a number; give 0 to {INSTANCES - 1}.'
            )
        return cls(int(given))

    @property
    def name(self) -> str:
        """Prefix of everything that it has on this machine; its bridge and its cgroup."""
        return f"etcdlab{self.number}"

    @property
    def network(self) -> IPv4Network:
        """The hosts' subnet, 10.107.88.0/24 for instance 0."""
        return IPv4Network(f"10.107.{88 + self.number}.0/24")

    @property
    def gateway(self) -> IPv4Address:
        """This machine's own address in the hosts' subnet."""
        return self.network[1]

    @property
    def network6(self) -> IPv6Network:
        """The hosts' second subnet: every host has an address in both."""
        return IPv6Network(f"fd6c:6162:0:{self.number}::/64")

    @property
    def folder(self) -> Path:
        """What the hosts write, in one place for the whole machine: any checkout finds it."""
        return MACHINE_WIDE / str(self.number)

    @property
    def exists(self) -> bool:
        """Whether anything of it may be on this machine: its folder comes first and goes last."""
        return self.folder.exists()

    @property
    def lock(self) -> Path:
        """Whoever changes this lab holds this."""
        return MACHINE_WIDE / f"{self.number}.lock"

    @property
    def keys(self) -> Path:
        """This checkout's SSH keys and known_hosts, kept over `down` and `up`."""
        return TREE / ".state" / ("lab" if self.number == 0 else f"lab-{self.number}")

    def address(self, host: str) -> IPv4Address:
        """Return a host's address, whether it is up or not."""
        if host not in _LAST_PARTS:
            raise LabError(f'host: "{host}" is not one of the lab\'s; known: {", ".join(HOSTS)}.')
        return self.network[_LAST_PARTS[host]]

    def address6(self, host: str) -> IPv6Address:
        """Return a host's IPv6 address; it ends as the other one does."""
        return self.network6[int(str(_LAST_PARTS[host]), 16)]

    def machine(self, host: str) -> str:
        """Return a host's name among all that runs on this machine (nspawn's, its netns')."""
        return f"{self.name}-{host}"

    def link(self, host: str) -> str:
        """Return the name of a host's link on the bridge; Linux allows 15 characters."""
        return f"el{self.number}-{host}"

    @property
    def etc_hosts(self) -> str:
        """Every host's /etc/hosts: names are static, because a slow resolver stalls a kubelet."""
        lines = ["127.0.0.1 localhost", *(f"{self.address(name)} {name}" for name in HOSTS)]
        return "\n".join(lines) + "\n"
