"""What kubeadm allows when the version of Kubernetes changes: faults of a plan. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from .. import versions
from ..config.settings import Settings
from .chain import has_member
from .memory import StackMemory
from .probe import Observation

GUIDE = "See docs/runbooks/upgrade.md"


def faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """One minor of Kubernetes at a time, and never down: kubeadm writes the manifests."""
    told = _told(settings, observations, memory)
    unknown = [f"{name} {version}" for name, version in told.items() if _minor(version) is None]
    if unknown:
        yield (
            f"kubernetesVersion: this stack's state has {', '.join(unknown)}, which this version "
            f"of the program does not know: it knows 1.{versions.OLDEST} to 1.{versions.NEWEST}. "
            "Use the version of the program that ran last on this stack, or a newer one"
        )
        return
    minors = _minors(told, observations, memory)
    if not minors.of:
        return
    wanted = f"kubernetesVersion {settings.kubernetes_version}"
    yield from (f"{wanted} {why}. {GUIDE}" for why in minors.back(settings.release.minor))
    yield from (f"{wanted} {why}. {GUIDE}" for why in minors.skipped(settings.release.minor))


@dataclass(frozen=True, kw_only=True)
class _Minors:
    """The minor that each member has. silent: those whose hosts were asked and did not answer.
    untold: those whose hosts answer, and do not say whether the stack's state has the right one.
    ahead, put_back: those whose hosts have a newer or an older one than the state.
    """

    of: Mapping[str, int]
    silent: frozenset[str]
    untold: frozenset[str]
    ahead: frozenset[str]
    put_back: frozenset[str]

    def back(self, wanted: int) -> Iterator[str]:
        """Why this one is too old. A change that was cut off may be taken back: then some members
        still have the minor before, and not because they were put back to it.
        """
        newest = self._newest()
        highest = self.of[newest[0]]
        begun = any(self.of[name] == wanted for name in self.of.keys() - self.put_back)
        if wanted >= highest or (wanted == highest - 1 and begun):
            return
        whose = f"1.{highest} of {', '.join(newest)}"
        if len(newest) == len(self.of):
            whose = f"members' 1.{highest}"
        out = f"Set it to 1.{highest}"
        if self.silent.issuperset(newest):
            out += f", or give up {', '.join(newest)}, which cannot be reached (lost: true)"
        yield f"is older than the {whose}: kubelet and kubeadm cannot go back a minor. {out}"

    def skipped(self, wanted: int) -> Iterator[str]:
        """Which members would skip a minor, and for each kind of them what to do."""
        late: dict[tuple[Callable[[list[str], int], str], int], list[str]] = {}
        for name, minor in self.of.items():
            if minor < wanted - 1:
                kind: Callable[[list[str], int], str] = self._late
                if name in self.silent:
                    kind = self._silent
                elif self.ahead and name in self.untold:
                    kind = self._untold
                late.setdefault((kind, minor), []).append(name)
        for (kind, minor), names in late.items():
            yield kind(names, minor)

    def _silent(self, names: list[str], minor: int) -> str:
        start = f"Start {'its host' if len(names) == 1 else 'their hosts'}"
        if self.ahead:
            why = f"unreachable, and {_old_state(minor)}"
            return f"{_not_known(names)}: {why}. {start}, or give the member up (lost: true)"
        if self._others(minor + 2):
            start += " and replace the data (docs/runbooks/damaged-member.md)"
        else:
            start += f", set it to 1.{minor + 1} and run `pulumi up`, then go on"
        return (
            f"skips a minor: {_have(names)} 1.{minor}, and cannot be reached to get "
            f"1.{minor + 1} first. {start}; or give the member up (lost: true)"
        )

    def _untold(self, names: list[str], minor: int) -> str:
        return (
            f"{_not_known(names)}: the host does not say it, and {_old_state(minor)}. Use the "
            "newest state (docs/runbooks/lost-state.md), or replace the member's data "
            "(docs/runbooks/damaged-member.md)"
        )

    def _late(self, names: list[str], minor: int) -> str:
        """What takes no member back that is further on."""
        who = "the members have" if len(names) == len(self.of) else _have(names)
        others = self._others(minor + 2)
        if not others:
            out = f"Set it to 1.{minor + 1}, run `pulumi up`, then go on"
            return f"skips a minor: {who} 1.{minor}. {out}"
        whose, data = "its host was", "its data"
        if len(names) > 1:
            whose, data = "their hosts were", "their data, of one member at a time"
        return (
            f"skips a minor: {who} 1.{minor}, and {_have(others)} 1.{self.of[others[0]]} already: "
            f"{whose} put back to an earlier state, or missed upgrades. Do not go back to 1."
            f"{minor + 1}, but replace {data}: docs/runbooks/damaged-member.md"
        )

    def _others(self, least: int) -> list[str]:
        """The members that are furthest on, if they have at least this."""
        newest = self._newest()
        return newest if self.of[newest[0]] >= least else []

    def _newest(self) -> list[str]:
        highest = max(self.of.values())
        return [name for name, minor in self.of.items() if minor == highest]


def _have(names: list[str]) -> str:
    return f"{', '.join(names)} {'has' if len(names) == 1 else 'have'}"


def _not_known(names: list[str]) -> str:
    return f"may skip a minor: the version of {', '.join(names)} is not known"


def _old_state(minor: int) -> str:
    return f"this stack's state, which is out of date, has 1.{minor}"


def _told(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> dict[str, str]:
    """The version of each member that stays one, as the state has it."""
    lost = {member.name for member in settings.lost}
    return {
        name: each.kubernetes
        for name, each in memory.members.items()
        if each.kubernetes
        and not each.given_up
        and name not in lost
        and not _is_empty(observations, name)
    }


def _minor(version: str) -> int | None:
    """Its minor; None where this program does not know it."""
    try:
        return versions.parse(version)[0].minor
    except ValueError:
        return None


def _minors(
    given: Mapping[str, str], observations: Mapping[str, Observation], memory: StackMemory
) -> _Minors:
    """As the state has them, or the hosts, where these know better."""
    told = {name: minor for name, each in given.items() if (minor := _minor(each)) is not None}
    here = {name: _on_host(name, observations, memory) for name in told}
    return _Minors(
        of={name: here[name] or minor for name, minor in told.items()},
        silent=frozenset(n for n in told if n in observations and not observations[n].seen),
        untold=frozenset(name for name, minor in here.items() if minor is None),
        ahead=frozenset(name for name, minor in told.items() if (here[name] or 0) > minor),
        put_back=frozenset(name for name, minor in told.items() if 0 < (here[name] or 0) < minor),
    )


def _is_empty(observations: Mapping[str, Observation], name: str) -> bool:
    """Whether its host has no data, so that it joins anew, with a new manifest."""
    return _answers(observations, name) and not has_member(observations[name])


def _answers(observations: Mapping[str, Observation], name: str) -> bool:
    return name in observations and observations[name].seen


def _on_host(name: str, observations: Mapping[str, Observation], memory: StackMemory) -> int | None:
    """The minor that this member's host has, where it was given another desired state than the
    stack's state has, as an old state that was restored; else 0. None where it does not say it.
    """
    if not _answers(observations, name):
        return 0
    seen = observations[name]
    held, known = seen.fact("held-member").partition(" ")[2], memory.members[name].held
    if seen.fact("foreign") or held == known.get("member", held) != "":
        return 0
    if not held:
        return None
    return _minor(seen.fact("kubernetes"))
