"""What the configuration no longer has, and Pulumi refuses to delete. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..config.settings import Settings
from ..state.host import has_registry
from .memory import StackMemory


def faults(settings: Settings, memory: StackMemory) -> Iterator[str]:
    """Members that are gone from the configuration, and whose resources Pulumi will not delete:
    it asks the state, where they are protected, and not the configuration."""
    named = {member.name for member in settings.members}
    for name, known in memory.members.items():
        if name not in named and known.protected:
            yield (
                f"{name} ({known.host}): no longer in members, but deletionProtection was on in "
                "the last `pulumi up`, so Pulumi refuses to delete what belongs to it. Put it "
                "back, set deletionProtection: false, run `pulumi up`, and remove or rename it "
                "after that. If it has left already, or its host is gone, put it back with lost: "
                "true"
            )
    yield from _protected_parts(settings, memory)


def _protected_parts(settings: Settings, memory: StackMemory) -> Iterator[str]:
    """The same of what members have that stay."""
    wanted = {
        "backup": settings.backup is not None,
        "registry": has_registry(settings),
        "packages": settings.install == "packages",
    }
    named = {member.name for member in settings.living}
    for part, stays in wanted.items():
        names = [
            name
            for name, known in memory.members.items()
            if name in named and known.protected and part in known.commands and not stays
        ]
        if names:
            key = "install: packages" if part == "packages" else part
            yield (
                f"{key}: no longer configured, but deletionProtection was on in the last `pulumi "
                f"up`, so Pulumi refuses to delete what {', '.join(names)} have of it. Put it "
                "back, set deletionProtection: false, run `pulumi up`, and remove it after that"
            )
