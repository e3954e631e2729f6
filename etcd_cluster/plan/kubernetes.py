"""What kubeadm allows when the version of Kubernetes changes: faults of a plan. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from .. import versions
from ..config.settings import Settings
from .memory import StackMemory
from .probe import Observation

GUIDE = "See docs/runbooks/upgrade.md"


def faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """One minor of Kubernetes at a time, and never down: kubeadm writes the manifests."""
    lost = {member.name for member in settings.lost}
    has = {
        name: versions.parse(each.kubernetes)[0].minor
        for name, each in memory.members.items()
        if each.kubernetes and not each.given_up and name not in lost
    }
    newer = {name: _on_host(name, observations, memory) for name in has}
    has |= {name: minor for name, minor in newer.items() if minor}
    if not has:
        return
    wanted, least = settings.release.minor, min(has.values())
    silent = [n for n, minor in has.items() if minor == least and not _answers(observations, n)]
    if wanted > least + 1 and silent and any(newer.values()):
        yield (
            f"kubernetesVersion {settings.kubernetes_version}: which version {', '.join(silent)} "
            f"has is not known: unreachable, and this stack's state, an old one, has 1.{least}. "
            f"Start the host, or give the member up (lost: true). {GUIDE}"
        )
    elif wanted > least + 1:
        yield (
            f"kubernetesVersion {settings.kubernetes_version} skips a minor: the members have "
            f"1.{least}. Set it to 1.{least + 1}, run `pulumi up`, then go on. {GUIDE}"
        )
    elif wanted < least:
        yield (
            f"kubernetesVersion {settings.kubernetes_version} is older than the members' "
            f"1.{least}: kubelet and kubeadm cannot go back a minor. Set it to "
            f"1.{least}. {GUIDE}"
        )


def _answers(observations: Mapping[str, Observation], name: str) -> bool:
    return name in observations and observations[name].seen


def _on_host(name: str, observations: Mapping[str, Observation], memory: StackMemory) -> int:
    """The minor that this member's host has, where it was given another desired state than the
    stack's state has, as an old state that was restored; else 0.
    """
    if not _answers(observations, name):
        return 0
    seen = observations[name]
    held, known = seen.fact("held-member").partition(" ")[2], memory.members[name].held
    if seen.fact("foreign") or not held or held == known.get("member", held):
        return 0
    try:
        return versions.parse(seen.fact("kubernetes"))[0].minor
    except ValueError:
        return 0
