"""Members together: how many there are, and what each needs for itself. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from typing import Any

from .values import redacted, spelled


def members_faults(members: Sequence[Mapping[str, Any]], allow_even: bool) -> list[str]:
    """Faults that involve several members: their number, and values that two of them share."""
    found = _count_faults(len(members), allow_even)
    if members and all(member.get("lost") is True for member in members):
        text = "at least one must not; to start over, see docs/runbooks/lost-quorum.md"
        found.append(f"members: every member has lost: true; {text}")
    lost = {index for index, member in enumerate(members) if member.get("lost") is True}
    found += _shared("name", [member.get("name") for member in members])
    # (Both names of a member whose rename was cut off may be lost with their one host.)
    found += _shared("address", [member.get("address") for member in members], lost)
    # Where SSH connects to; equal addresses have been reported above.
    if any(member.get("sshHost") for member in members):
        dialed = [member.get("sshHost") or member.get("address") for member in members]
        found += _shared("sshHost", dialed, lost)
    return found


def _shared(key: str, values: Sequence[object], but: Set[int] = frozenset()) -> list[str]:
    """A line for each value that an earlier member has; of those in `but` not among themselves."""
    first: dict[str, int] = {}
    return [
        f"members[{index}].{key}: {redacted(value)} is already used by "
        f"members[{first[spelled(value)]}]; every member needs its own {key}"
        for index, value in enumerate(values)
        if isinstance(value, str)
        and first.setdefault(spelled(value), index) != index
        and not {index, first[spelled(value)]} <= but
    ]


def _count_faults(count: int, allow_even: bool) -> list[str]:
    if count < 3:
        return [
            f"members: {count} given: expected at least 3, the fewest that tolerate a failed host"
        ]
    if count % 2 == 0 and not allow_even:
        return [
            f"members: {count} given: expected an odd number, because {count} members tolerate no "
            f"more failures than {count - 1}; use {count - 1} or {count + 1}, or set "
            "allowEvenMembers: true while the cluster grows or shrinks"
        ]
    return []
