"""Packages and images that cannot be downloaded: one clear error, no member, and a way on."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from lab.lab import Lab
from lab.mirror.server import Part
from lab.stack import Result, Stack, System
from tests.support.hosts import NAMES
from tests.support.terminal import errors
from tests.support.tiers import tiered

pytestmark = pytest.mark.matrix
UP = ("up", "--yes", "--skip-preview")
# Holds the lock of apt, or of dnf, as their own programs do.
LOCK: Mapping[System, str] = {
    "debian": "perl -e 'use Fcntl; open(F, q(>>), q(/var/lib/dpkg/lock-frontend)); "
    "$lock = pack(q(ssx4qql), F_WRLCK, 0, 0, 0, 0); fcntl(F, F_SETLK, $lock) or die; sleep 600' "
    ">/dev/null 2>&1 & echo $! >/run/locker",
    "el": "mkdir -p /var/cache/dnf; sh -c 'echo $$ >/run/locker; "
    "echo $$ >/var/cache/dnf/metadata_lock.pid; exec sleep 600' >/dev/null 2>&1 & sleep 1",
}
CACHE: Mapping[System, str] = {"debian": "/var/cache/apt/archives", "el": "/var/cache/dnf"}


@pytest.fixture(scope="module", params=["debian", pytest.param("el", marks=pytest.mark.long)])
def system(request: pytest.FixtureRequest) -> System:
    """Each family of package managers."""
    found: System = request.param
    return found


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is broken, and what is said of each host that it shows on."""

    breaks: Callable[[Lab, Stack, System], object]
    mends: Callable[[Lab, Stack, System], object] = lambda lab, stack, system: None
    says: Mapping[str, tuple[str, ...]]


def everywhere(*words: str) -> Mapping[str, tuple[str, ...]]:
    """The same of each host."""
    return dict.fromkeys(NAMES, words)


def wrong_signature(lab: Lab, stack: Stack, system: System) -> None:
    """A repository whose metadata somebody else has signed."""
    repository = stack.config["repositories"]["kubernetes"]
    repository["url"] = repository["url"].replace("/core:", "/broken/wrong-signature/core:")


def missing_version(lab: Lab, stack: Stack, system: System) -> None:
    """A patch that this mirror does not have."""
    stack.config["kubernetesVersion"] += "9"


def lock_and_fill(lab: Lab, stack: Stack, system: System) -> None:
    """Somebody's package manager is at work and does not end; no room for what is downloaded."""
    lab.ssh("etcd02", LOCK[system])
    lab.ssh("etcd03", f"mount -t tmpfs -o size=2m tmpfs {CACHE[system]}")


def unlock_and_empty(lab: Lab, stack: Stack, system: System) -> None:
    """It ends, and there is room."""
    lab.ssh("etcd02", "kill $(cat /run/locker)")
    lab.ssh("etcd03", f"umount {CACHE[system]}")


def refuse(lab: Lab, stack: Stack, system: System) -> None:
    """A registry that wants another password."""
    stack.config["imageRepository"] = lab.mirror.private_registry
    stack.config["registry"] |= {"username": "lab", "password": "not-the-password"}


# The same repository, as somebody else has defined it.
THEIRS: Mapping[System, tuple[str, str]] = {
    "debian": (
        "/etc/apt/sources.list.d/theirs.list",
        "deb [signed-by=/etc/apt/keyrings/theirs.gpg] {url}/deb/ /",
    ),
    "el": ("/etc/yum.repos.d/theirs.repo", "[theirs]\nname=theirs\nbaseurl={url}/rpm/"),
}


def define_already(lab: Lab, stack: Stack, system: System) -> None:
    """The hosts have the repository of Kubernetes already, under another key."""
    path, text = THEIRS[system]
    url = stack.config["repositories"]["kubernetes"]["url"]
    minor = ".".join(stack.config["kubernetesVersion"].lstrip("v").split(".")[:2])
    for name in NAMES:
        lab.ssh(name, f"cat >{path}", input=text.format(url=url.replace("{minor}", minor)) + "\n")


def remove_definition(lab: Lab, stack: Stack, system: System) -> None:
    """They have it no more."""
    for name in NAMES:
        lab.ssh(name, f"rm {THEIRS[system][0]}")


CASES = {
    "repository there already": Case(
        breaks=define_already,
        mends=remove_definition,
        says=everywhere("/theirs.", "on this host already defines", "Remove that one"),
    ),
    "repository down": Case(
        breaks=lambda lab, stack, system: lab.mirror.stop(Part.WEB),
        mends=lambda lab, stack, system: lab.mirror.start(Part.WEB),
        says=everywhere(
            "repository ", "could not be read", "onnect", "Check repositories.", ".url"
        ),
    ),
    "wrong signature": Case(
        breaks=wrong_signature,
        says=everywhere("repository kubernetes: the signature of ", "signingKeyFile"),
    ),
    "version missing": Case(
        breaks=missing_version,
        says=everywhere(
            "no configured repository provides the requested version",
            "kubelet",
            "kubernetesVersion",
        ),
    ),
    "one locked, one full": Case(
        breaks=lock_and_fill,
        mends=unlock_and_empty,
        says={
            "etcd02": ("another package manager has been running on this host", "Wait until it"),
            "etcd03": ("a disk of this host is full", "Free some space"),
        },
    ),
    "registry refuses": Case(
        breaks=refuse,
        says=everywhere("pause:", "could not be pulled", "Check imageRepository and registry"),
    ),
}


@pytest.mark.parametrize(
    "case",
    # (A lock is waited for for a minute. What each package manager says of it, and of a full disk:
    # tests/hostprogram/test_package_errors.py.)
    tiered(CASES, always=[name for name in CASES if name != "one locked, one full"]),
)
def test_up_says_what_is_broken_and_starts_no_member(
    hosts: Lab, stack: Stack, system: System, case: Case
) -> None:
    """A host that it shows on has one error, with the host's name; no etcd runs anywhere."""
    good = copy.deepcopy(stack.config)
    started = time.monotonic()
    case.breaks(hosts, stack, system)
    try:
        result: Result = stack.pulumi(*UP, check=False)
    finally:
        case.mends(hosts, stack, system)
        stack.config = good
    assert result.status != 0
    found = reports(result)
    # (The engine begins nothing more once a host has failed, so not all need get as far.)
    assert found, result.text
    assert set(found) <= set(case.says), result.text
    for name, report in found.items():
        assert [word for word in case.says[name] if word not in report] == [], report
    assert "not-the-password" not in result.text
    assert "Traceback" not in result.text
    assert time.monotonic() - started < 150
    for name in NAMES:
        there = "pgrep -x etcd; ls /var/lib/etcd /etc/kubernetes/manifests/etcd.yaml 2>/dev/null"
        assert hosts.ssh(name, there, check=False).stdout == ""
        if system == "debian":
            hosts.ssh(name, "apt-get indextargets >/dev/null")  # the host's own apt works as before


def reports(result: Result) -> dict[str, str]:
    """The host program's last words, by the host that the engine names."""
    found: dict[str, str] = {}
    for block in result.text.split("\n  command:remote:Command (etcd-")[1:]:
        name = block.partition("-")[0]
        words = [line for line in block.splitlines() if line.strip().startswith("etcd-host: ")]
        if "error: " in block and words:
            assert name not in found, f"{name} is told of twice"
            found[name] = words[-1]
    return found


def test_the_next_up_finishes_when_everything_can_be_had(stack: Stack) -> None:
    """On the hosts of all the cases above."""
    assert errors(stack.pulumi(*UP)) == []
    outputs: dict[str, Any] = stack.outputs()
    assert sorted(outputs["members"]) == list(NAMES)
    stack.pulumi("preview", "--expect-no-changes")
