"""Desired state of backups: where they go, when, and how many stay. Pure."""

from __future__ import annotations

from ..config.backup import BUCKET
from ..config.sections import HostEntry
from ..config.settings import Settings
from ..config.trust import Sources
from .text import in_one_line


def store_state(settings: Settings, sources: Sources) -> dict[str, str]:
    """How the store is reached; nothing without the section `backup`."""
    wanted = settings.backup
    if wanted is None:
        return {}
    state = {"backup-to": wanted.to}
    if wanted.remote is not None:
        # As a section of rclone.conf. Sorted: the configuration's order changes nothing.
        options = sorted(wanted.remote.items(), key=lambda option: (option[0] != "type", option[0]))
        lines = (f"{name} = {value.get_secret_value()}\n" for name, value in options)
        state["backup-remote"] = in_one_line("".join(lines))
    if sources.backup_ca:
        state["backup-ca"] = in_one_line(sources.backup_ca)
    if wanted.proxy:
        state["backup-proxy"] = wanted.proxy
    if wanted.encryption_password:
        state["backup-password"] = in_one_line(wanted.encryption_password.get_secret_value())
    return state


def is_secret(settings: Settings) -> bool:
    """Whether what `store_state` says has credentials in it."""
    return settings.backup is not None and settings.backup.needs_rclone


def backup_state(
    settings: Settings, sources: Sources, member: HostEntry, token: str
) -> dict[str, str]:
    """Input of `etcd-host backup-setup` and `backup-before`.

    Without the section `backup` it names the member alone: a backup then stays on its host.
    """
    state = {"cluster": settings.cluster_name, "token": token, "member": member.name}
    state |= store_state(settings, sources)
    wanted = settings.backup
    if wanted is None:
        return state
    state["backup-schedule"] = wanted.schedule
    keep = wanted.keep
    state["backup-keep"] = (
        f"{keep.hourly} {keep.daily} {keep.weekly} {keep.monthly}" if keep else BUCKET
    )
    if wanted.metrics_folder:
        state["backup-metrics"] = wanted.metrics_folder
    return state
