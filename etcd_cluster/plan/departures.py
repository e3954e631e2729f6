"""What leaves: members that the configuration has no more, and hosts that have none now. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..config.settings import Settings
from ..config.values import spelled
from .chain import has_member, is_same_host, leaving
from .memory import KnownHost, KnownMember, StackMemory
from .probe import Observation

_GIVE_UP = "keep it in members with lost: true, run `pulumi up`, and remove it after that"

_LAST = {"host-program", "healthy"}
"""Commands whose delete asks nothing of the host program, or ends well without it."""


def faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """Members of a formed cluster that nothing would remove from it, though they are to go."""
    hosts = _hosts(settings)
    for name in leaving(settings, memory):
        seen, known = observations.get(name), memory.members[name]
        # (Of one that is renamed the host stays, with its member.)
        if seen and seen.seen and spelled(known.host) not in hosts:
            found = [*_stays(settings, seen, known, memory.token)]
            ran = known.started or has_member(seen)
            if not (found or ran) and _is_counted(name, known, settings, observations):
                found = [
                    "and never ran, but the cluster was bootstrapped with it: etcd counts it as a "
                    "member that is down, and nothing would remove its entry. To have the others "
                    f"remove it, {_GIVE_UP}"
                ]
            yield from (f"{name} ({known.host}): is to leave the cluster, {why}" for why in found)
    yield from _shifted(settings, observations, memory)


def _stays(settings: Settings, seen: Observation, known: KnownMember, token: str) -> Iterator[str]:
    """Why a member cannot leave from its host, which answers."""
    if seen.fact("foreign") and not _is_ours(seen, settings.cluster_name, token):
        if known.started:
            yield (
                "and its host is no longer this stack's, so nothing would remove the member: "
                f"{seen.fact('foreign')}. To have the others remove it, {_GIVE_UP}"
            )
    elif seen.fact("program") == "absent" and (has_member(seen) or seen.fact("owner")):
        yield (
            "and the host program, which it needs for that, is missing on its host. Put the member "
            "back into members and run `pulumi up`, which installs the program again, and remove "
            f"it after that; or, to have the others remove it, {_GIVE_UP}"
        )
    elif seen.fact("program") == "absent" and known.commands - _LAST:
        yield (
            "and its host was emptied: neither the host program nor data of the member is there. "
            f"To have the others remove it, {_GIVE_UP}"
        )


def _is_counted(
    name: str, known: KnownMember, settings: Settings, observations: Mapping[str, Observation]
) -> bool:
    """Whether the others bootstrapped with this member."""
    urls = set()
    for member in settings.living:
        seen = observations.get(member.name)
        word, _, with_whom = (seen.fact("started") if seen else "").partition(" ")
        pairs = [each.partition("=") for each in with_whom.split(",")]
        urls |= {url for named, _, url in pairs if word == "new" and named == name}
    addresses = set(known.addresses) - {"127.0.0.1", "::1"}
    here = any(address in url for url in urls for address in addresses)
    return bool(urls) and (here or not addresses)


def _is_ours(seen: Observation, cluster: str, token: str) -> bool:
    """As the host itself decides it before it deletes anything (`own_host`)."""
    owner = seen.fact("owner").split()
    its_token = owner[2] if len(owner) > 2 else seen.fact("token")
    return owner[0] == cluster and its_token in ("", token) if owner else its_token == token


def _shifted(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """Names that were moved on to the hosts of other members: these stay, under another name, and
    a member whose name went elsewhere would stay, too, without one.
    """
    hosts = _hosts(settings)
    own = {member.name: observations.get(member.name) for member in settings.living}
    ids = {name: seen.fact("member-id") if seen else "" for name, seen in own.items()}
    members = {each.id: name for name, each in memory.members.items() if not each.given_up}
    for member in settings.living:
        known, now = memory.members.get(member.name), ids[member.name]
        if not known or not known.id or known.given_up or spelled(known.host) in hosts:
            continue
        other = members.get(now, member.name) if now else member.name
        if known.id not in ids.values() and other != member.name:
            yield (
                f"{member.name} ({member.host}): moves to the host of {other}, which stays a "
                f"member, and nothing would remove the member {known.id} on its former host "
                f"{known.host}. First remove {member.name} from members and run `pulumi up`; "
                "rename the others after that"
            )


def _hosts(settings: Settings) -> set[str]:
    return {spelled(member.host) for member in settings.living}


def former_hosts(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> dict[str, tuple[KnownHost, ...]]:
    """By member, the hosts that it had before and that are to be cleared. (One that another member
    is to have is not: that one keeps what is there, or has lost it.)
    """
    hosts = _hosts(settings)
    found: dict[str, tuple[KnownHost, ...]] = {}
    for name, known in memory.members.items():
        for each in known.hosts:
            seen = observations.get(f"{name}@{each.host}")
            same = is_same_host(known, observations.get(name), each.host, seen)
            if not seen or not seen.seen or same or spelled(each.host) in hosts:
                continue
            if seen.fact("owner"):
                found[name] = (*found.get(name, ()), each)
    return found
