"""A cluster that the declared members join, and that others leave: what stands against it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..config.settings import Settings
from .memory import StackMemory
from .probe import Observation

GUIDE = "See docs/runbooks/take-over.md"


def faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """Why it cannot be taken over; none where that is not asked for, or is done."""
    section = settings.take_over
    if section is None:
        return
    if memory.cluster_id not in ("", section.cluster):
        yield (
            f"takeOver.cluster is {section.cluster}, but this stack's cluster is "
            f"{memory.cluster_id}. Remove the section takeOver. {GUIDE}"
        )
        return
    for member in settings.living:
        seen = observations.get(member.name)
        if not memory.cluster_id and seen and not seen.seen:
            yield (
                f"{member.name} ({member.host}): unreachable: {seen.why_not}. The first run of a "
                f"take-over needs every host. {GUIDE}"
            )
        formed = seen.fact("formed") if seen else ""
        if formed not in ("", section.cluster):
            yield (
                f"{member.name} ({member.host}): is a member of cluster {formed}, and "
                f"takeOver.cluster is {section.cluster}. Give the member another host. {GUIDE}"
            )


def warnings(settings: Settings) -> Iterator[str]:
    """What is left to do while the former members are there."""
    section = settings.take_over
    if section and section.former_members == "stay":
        yield (
            f"takeOver: the former members of cluster {section.cluster} stay, beside the declared "
            "ones. Give clients the new endpoints, then set takeOver.formerMembers: leave. "
            f"{GUIDE}"
        )
    elif section:
        yield (
            f"takeOver: every member of cluster {section.cluster} that is not declared leaves it, "
            "one by one. Then stop etcd on its host, and remove the section takeOver. "
            f"{GUIDE}"
        )
