"""The Debian under every host: its packages, users and masked units.

The base images' digest is this file's: a change here costs a minute's installation each, and
everything that changes more often is laid over it (see golden.py and bare.py).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from lab.errors import LabError
from lab.shell import PRIVATE, run

SUITES = {
    "debian": "bookworm",
    "debian11": "bullseye",
    "debian13": "trixie",
    "debian14": "forky",
    "vm": "trixie",
}
"""Releases that hosts can be made of, by the name of the kind (see kind.py)."""
SUITE = SUITES["debian"]
"""That of every kind which says no other."""
_SCRIPTS = Path("/usr/share/debootstrap/scripts")
SYSTEM = (
    *("systemd", "systemd-sysv", "dbus", "openssh-server", "sudo", "iproute2"),
    *("ca-certificates", "kmod", "procps", "util-linux", "mount"),
)
NODE = (
    *("containerd", "runc", "crun", "conmon", "iptables", "ethtool", "socat", "conntrack"),
    "rclone",
)
"""What runs containers, what a kubelet calls, and what stores backups: for hosts that are to start
with it."""
DNF = ("dnf", "dnf-plugins-core", "rpm", "curl", "python3")
"""What makes a Debian look like a system of the dnf family to whoever installs packages."""
MASKED = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer"),
    *("e2scrub_reap.service", "fstrim.timer", "systemd-pstore.service", "console-getty.service"),
    "getty@tty1.service",
)
"""Units without a purpose on a host that lives for minutes; some would also use the network."""
USERS = {"ops": 1001, "nosudo": 1002}
"""Login users beside root: `ops` may use sudo (see rootfs-host), `nosudo` may not."""


def debian_mirror() -> str:
    """Return the URL of an archive of all Debian releases: the one that this machine's apt uses."""
    told = run(
        ["apt-get", "indextargets", "--format", "$(ORIGIN)|$(CODENAME)|$(SITE)"], check=False
    ).stdout
    rows = [line.split("|") for line in told.splitlines() if line.count("|") == 2]
    known = SUITES.values()
    sites = [site for origin, codename, site in rows if origin == "Debian" and codename in known]
    if not sites:
        raise LabError(
            f"The hosts are made of Debian {SUITE}, and apt on this machine knows no archive of "
            f"it; add one to /etc/apt/sources.list.d and run apt-get update."
        )
    return sites[0]


def install(
    folder: Path, packages: Iterable[str], services: Iterable[str], suite: str = SUITE
) -> None:
    """Install it into an empty folder: these packages, and these services enabled."""
    env = {**os.environ, "LC_ALL": "C"}
    proxy = run(["apt-config", "shell", "proxy", "Acquire::http::Proxy"], check=False).stdout
    if "=" in proxy:
        env.setdefault("http_proxy", proxy.strip().partition("=")[2].strip("'"))
    wanted = ",".join(packages)
    debootstrap = ["debootstrap", "--variant=minbase", f"--include={wanted}", suite]
    # A release that is newer than this machine's debootstrap is made as the unstable one.
    script = [] if (_SCRIPTS / suite).exists() else [_SCRIPTS / "sid"]
    run([*PRIVATE, *debootstrap, folder, debian_mirror(), *script], env=env)

    for user, uid in USERS.items():
        # "*" and not "!": no password opens it, and yet sshd does not call it locked.
        adduser = ["useradd", "--create-home", "--shell=/bin/bash", "--password=*"]
        run(["chroot", folder, *adduser, f"--uid={uid}", user])
        _folder(folder / "home" / user / ".ssh", 0o700, uid)
    _folder(folder / "root/.ssh", 0o700)
    _folder(folder / "var/log/journal", 0o755)  # kept over a kill, to be read afterwards
    run(["systemctl", f"--root={folder}", "mask", *MASKED])
    run(["systemctl", f"--root={folder}", "enable", *services])
    # Each host gets its own of these.
    for name in ("etc/machine-id", "etc/hostname", "etc/hosts"):
        (folder / name).unlink(missing_ok=True)
    for key in folder.glob("etc/ssh/ssh_host_*"):
        key.unlink()
    for archive in folder.glob("var/cache/apt/archives/*.deb"):
        archive.unlink()


def _folder(path: Path, mode: int, owner: int = 0) -> None:
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(mode)
    os.chown(path, owner, owner)
