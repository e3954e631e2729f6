"""What a host can be made of, by the names that people and tests know."""

from __future__ import annotations

from enum import StrEnum

from lab.errors import LabError
from lab.hosts.images import debian
from lab.hosts.images.bare import bare_debian, bare_el
from lab.hosts.images.golden import golden
from lab.hosts.images.layers import Image
from lab.hosts.images.machine import bare_machine, machine


class Kind(StrEnum):
    """The images."""

    GOLDEN = "golden"
    """Debian with a container runtime and Kubernetes' programs, ready for the product."""
    DEBIAN = "debian"
    """Bare, of the apt family: Debian 12."""
    DEBIAN11 = "debian11"
    DEBIAN13 = "debian13"
    DEBIAN14 = "debian14"
    """A machine: its systemd knows no cgroup v1."""
    EL = "el"
    """Bare, of the dnf family."""
    VM = "vm"
    """A machine with a kernel of its own: Debian 13 with all that golden has."""
    VM_SELINUX = "vm-selinux"
    """As the first, with SELinux enforcing, and a containerd that confines what it runs."""

    @classmethod
    def named(cls, name: str) -> Kind:
        """Return the image of this name; a LabError says which there are."""
        if name not in set(cls):
            raise LabError(f'image: "{name}" is not one of the lab\'s; known: {", ".join(cls)}.')
        return cls(name)

    @property
    def suite(self) -> str:
        """The Debian release that it is made of."""
        return debian.SUITES.get(self.removesuffix("-selinux"), debian.SUITE)

    @property
    def bare(self) -> bool:
        """Whether such a host installs everything from the mirror."""
        return self not in (Kind.GOLDEN, Kind.VM, Kind.VM_SELINUX)

    @property
    def machine(self) -> bool:
        """Whether such a host is a virtual machine, and not a container on this kernel."""
        return self in (Kind.VM, Kind.VM_SELINUX, Kind.DEBIAN14)


def image(kind: Kind) -> Image:
    """Return an image, after building what of it is not in the cache."""
    match kind:
        case Kind.DEBIAN | Kind.DEBIAN11 | Kind.DEBIAN13:
            return bare_debian(kind)
        case Kind.EL:
            return bare_el()
        case Kind.DEBIAN14:
            return bare_machine(kind.suite)
        case Kind.VM | Kind.VM_SELINUX:
            return machine(kind.suite, selinux=kind is Kind.VM_SELINUX)
        case Kind.GOLDEN:
            return golden()
