"""What this machine must be and have, checked before anything is touched."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab.errors import LabError
from lab.progress import say, step
from lab.shell import run

PACKAGES = {
    "systemd-nspawn": "systemd-container",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "setsid": "util-linux",
    "mkfs.ext4": "e2fsprogs",
    "gcc": "gcc",
    "shellcheck": "shellcheck",
    # what makes the mirror's repositories, and reads them in tests
    "apt-ftparchive": "apt-utils",
    "createrepo_c": "createrepo-c",
    "dnf": "dnf",
    "gpg": "gnupg",
    "gpg-agent": "gnupg",
    "rpmbuild": "rpm",
    "rpmsign": "rpm",
}
"""Program that the lab or its tests run, to the Debian package that carries it."""

MACHINES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "busybox": "busybox-static",
    "cpio": "cpio",
    "depmod": "kmod",
}
"""The same for hosts that are virtual machines."""

LIBRARIES = {"libseccomp": "libseccomp-dev"}
"""Library that a build links, by its pkg-config name, to the Debian package to build with it."""

WATCHERS = 1024
"""Inotify instances that some dozens of hosts need."""
_WATCHERS = Path("/proc/sys/fs/inotify/max_user_instances")


def require_root_on_linux() -> None:
    """Raise LabError, in one sentence, on a machine where the lab cannot run."""
    if sys.platform != "linux":
        raise LabError(
            f"The lab makes its hosts with systemd-nspawn, so it needs Linux, and this is "
            f"{sys.platform}; run it on a Linux machine or point `members` at hosts of your own."
        )
    if os.geteuid() != 0:
        raise LabError(
            f"The lab makes network namespaces and mounts, so it needs root, and this is user id "
            f"{os.geteuid()}; run it with sudo or point `members` at hosts of your own."
        )


def install_packages() -> None:
    """Install the Debian packages that the lab needs and this machine lacks."""
    _install({name: package for name, package in PACKAGES.items() if shutil.which(name) is None})


def install_machine_packages() -> None:
    """Install what virtual machines need beside that; few ask for any."""
    _install({name: package for name, package in MACHINES.items() if shutil.which(name) is None})


def install_build_packages(libraries: Iterable[str]) -> None:
    """Install what compiling C with these libraries takes, and this machine lacks.

    Few builds need it, so it is no part of `install_packages`.
    """
    tools = {"gcc": PACKAGES["gcc"], "pkg-config": "pkg-config"}
    missing = {name: package for name, package in tools.items() if shutil.which(name) is None}
    for library in libraries:
        asked = ["pkg-config", "--exists", library]
        if "pkg-config" in missing or run(asked, check=False).returncode != 0:
            missing[library] = LIBRARIES[library]
    _install(missing)


def raise_watch_limit() -> None:
    """Let root have more inotify instances, if the machine's limit is the kernel's small default.

    A host with a kubelet takes 14 of them. Where they run out, units fail in one host because of
    another. The limit is the machine's and is left raised: other labs may count on it.
    """
    if int(_WATCHERS.read_text()) < WATCHERS:
        say(f"• raising fs.inotify.max_user_instances to {WATCHERS} (until this machine reboots)")
        _WATCHERS.write_text(str(WATCHERS))


def _install(missing: Mapping[str, str]) -> None:
    """Install packages, given by what of each is missing here."""
    if not missing:
        return
    packages = sorted(set(missing.values()))
    if shutil.which("apt-get") is None:
        raise LabError(
            f"The lab needs {', '.join(sorted(missing))}, and there is no apt-get here to install "
            f"them with; install what this system calls {', '.join(packages)}."
        )
    if "gcc" in packages:
        packages.append("libc6-dev")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step(f"installing {', '.join(packages)}"):
        run(["apt-get", "update", "-qq"], env=env)
        run(["apt-get", "install", "-qq", "--no-install-recommends", *packages], env=env)
