"""What the stack itself knows of its cluster, from its last state. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ..state.text import digest_of
from .outputs import (
    a_list,
    an_object,
    identity,
    kind_and_name,
    lines,
    number,
    print_of,
    restored,
    revision,
    said_by,
    serial,
    stdout,
    time_of,
)

CLUSTER_TYPE = "etcd-cluster:index:EtcdCluster"
AUTHORITY_TYPE = "etcd-cluster:index:CertificateAuthority"
HOST_TYPE = "etcd-cluster:index:EtcdHost"
MEMBER_TYPE = "etcd-cluster:index:EtcdMember"
COMMANDS = ("host-program", "registry", "packages", "host", "pki", "member", "healthy", "backup")
"""What there can be on a member's host, by what it is about."""
NO_CLUSTER = "none"
"""In place of an id, of a restore onto hosts of no cluster."""


@dataclass(frozen=True, kw_only=True)
class KnownHost:
    """Where SSH dialed a host, and as whom."""

    host: str
    port: int = 22
    user: str = ""
    host_key: str = ""


@dataclass(frozen=True, kw_only=True)
class KnownMember:
    """A member that the state has.

    id: hex, as it last said. host: where SSH dialed it when it was last healthy, so that a run
    that was cut short does not forget a former host. former: those that a run was to clear, and has
    not, as far as the state has it. peer_url: as its etcd was last told, empty
    where it was not told yet. addresses: those in its server certificate. held: by area, SHA-256 of
    the desired state that the stack last had carried out. commands: those that the state has on its
    host, as `host-program`. started: whether this stack ever started its etcd. told: what its
    etcd's command was last told, by key. kubernetes: the version in it. lost_since: when its host
    was first seen to be lost, since it last was not. given_up: the others have removed its entry
    since then. backed_up: whether this stack ever set up its backups. serial: the highest that its
    host has told. converged: by area, the serial that its command told, and behind a hyphen whose
    member it was. protected: whether deletionProtection was on when its host was last declared.
    """

    id: str = ""
    host: str = ""
    port: int = 22
    user: str = ""
    host_key: str = ""
    former: tuple[KnownHost, ...] = ()
    peer_url: str = ""
    addresses: tuple[str, ...] = ()
    held: Mapping[str, str] = field(default_factory=dict)
    commands: frozenset[str] = frozenset()
    started: bool = False
    told: Mapping[str, str] = field(default_factory=dict)
    kubernetes: str = ""
    lost_since: str = ""
    given_up: bool = False
    backed_up: bool = False
    serial: int = 0
    converged: Mapping[str, str] = field(default_factory=dict)
    protected: bool = False

    @property
    def hosts(self) -> tuple[KnownHost, ...]:
        """The host that it was last healthy on, and those before it that are not cleared yet."""
        last = KnownHost(host=self.host, port=self.port, user=self.user, host_key=self.host_key)
        return (last, *(each for each in self.former if each.host != self.host))


@dataclass(frozen=True, kw_only=True)
class KnownAuthority:
    """A CA that the state has. fingerprint: SHA-256 of its certificate, hex. expiry: RFC 3339.

    former: of certificates that it had before, for the same key: the provider makes a new one in
    the first run after its end.
    """

    fingerprint: str
    expiry: str = ""
    former: tuple[str, ...] = ()

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """All that a host may have of it."""
        return (self.fingerprint, *self.former)

    @property
    def end(self) -> datetime | None:
        """Its expiry; None where that is not known."""
        return time_of(self.expiry)

    def has_ended(self, now: datetime) -> bool:
        """Whether nothing that it issued is accepted any more."""
        return self.end is not None and self.end <= now


@dataclass(frozen=True, kw_only=True)
class StackMemory:
    """The stack's last state.

    token: tells this cluster from every other one. authorities: CAs by number, those that are
    trusted no more, too. cluster_id: hex, as the members last said (those that were given up, where
    nobody else did). Each is empty where the state has none. expiries: of the other certificates,
    by name, RFC 3339. restored: the cluster that came of a restore, by the one that it replaces.
    restore_commands: those of a restore that the state has, as `etcd01-restore`. backup_before: the
    line of the backup before a change that the state has, empty where it has none. revision: one
    that the cluster has passed, in whole billions. stack: its full name, for people.
    """

    stack: str = ""
    token: str = ""
    authorities: Mapping[int, KnownAuthority] = field(default_factory=dict)
    cluster_id: str = ""
    members: Mapping[str, KnownMember] = field(default_factory=dict)
    expiries: Mapping[str, str] = field(default_factory=dict)
    restored: Mapping[str, str] = field(default_factory=dict)
    restore_commands: frozenset[str] = frozenset()
    backup_before: str = ""
    revision: int = 0

    @property
    def lost_since(self) -> dict[str, str]:
        """By member that is lost, when that was first seen."""
        return {name: each.lost_since for name, each in self.members.items() if each.lost_since}

    def identity(self, cluster: str, member: str) -> str:
        """What `etcd-host observe` is asked to compare: cluster, member, token, CAs."""
        known = ",".join(
            fingerprint
            for _, each in sorted(self.authorities.items())
            for fingerprint in each.fingerprints
        )
        return " ".join((cluster, member, self.token or "-", known or "-"))


def parse(stack: str, outputs: Mapping[str, Any], cluster: str) -> StackMemory:
    """The memory of one cluster, from the outputs of all resources of a stack, by URN.

    outputs: as `pulumi:pulumi:readStackResourceOutputs` answers: {urn: {"type": …, "outputs": …}}.
    Raises ValueError where a value is not of the form that this program writes.
    """
    found: dict[str, Mapping[str, Any]] = {}
    given_up: dict[str, Any] = {}
    had: dict[str, tuple[str, ...]] = {}
    hosts: dict[str, Mapping[str, Any]] = {}
    kinds = {urn: kind_and_name(urn) for urn in outputs}
    # A cluster `etcd-blue` beside a cluster `etcd` has its own resources.
    others = tuple(
        f"{name}-"
        for kind, name in kinds.values()
        if kind.endswith(CLUSTER_TYPE) and name.startswith(f"{cluster}-")
    )
    for urn, resource in outputs.items():
        kind, name = kinds[urn]
        *parents, own = kind.split("$")
        ours = name.startswith(f"{cluster}-") and not name.startswith(others)
        if CLUSTER_TYPE not in parents or not ours:
            continue
        said = said_by(resource, name)
        name = name.removeprefix(f"{cluster}-")
        if own == MEMBER_TYPE and said.get("givenUp"):
            given_up[name.removesuffix("-member")] = said["givenUp"]
        if own == HOST_TYPE:
            hosts[name.removesuffix("-host")] = said
        if own == AUTHORITY_TYPE:
            prints = a_list(said.get("fingerprints"), f"{name}: fingerprints")
            had[name] = tuple(str(each) for each in prints)
        # A component may have the name of a command in it.
        if not own.startswith("etcd-cluster:"):
            found[name] = said
    names = sorted(name.removesuffix("-member") for name in found if name.endswith("-member"))
    names = [name for name in names if "stdout" in found[f"{name}-member"]]
    # (A lost member knows no cluster that came of a restore since, whoever has removed it.)
    gone = {*given_up, *(name for name, said in hosts.items() if said.get("lost"))}
    clusters = [(n in gone, identity(found, n).get("cluster-id", "")) for n in names]
    begun = {n.removesuffix("-host-program") for n in found if n.endswith("-host-program")}
    return StackMemory(
        stack=stack,
        token=str(found.get("token", {}).get("hex") or ""),
        authorities=_authorities(found, had),
        cluster_id=min((each for each in clusters if each[1]), default=(False, ""))[1],
        members={
            name: _member(found, name, hosts.get(name, {}), given_up.get(name))
            for name in sorted({*names, *begun})
        },
        expiries=_expiries(found),
        restored=restored(found),
        restore_commands=frozenset(n for n in found if n.endswith(("-restore", "-fence"))),
        backup_before=str(found.get("backup-before", {}).get("create") or ""),
        revision=revision(outputs, CLUSTER_TYPE, cluster),
    )


_AUTHORITY = re.compile(r"ca-(?:([0-9]+)-)?certificate")


def _expiries(found: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {
        name.removesuffix("-certificate"): str(said["validityEndTime"])
        for name, said in sorted(found.items())
        if name.endswith("-certificate")
        and not _AUTHORITY.fullmatch(name)
        and said.get("validityEndTime")
    }


def _authorities(
    found: Mapping[str, Mapping[str, Any]], had: Mapping[str, tuple[str, ...]]
) -> dict[int, KnownAuthority]:
    known = {}
    for name, said in found.items():
        match = _AUTHORITY.fullmatch(name)
        fingerprint = print_of(str(said.get("certPem") or "")) if match else ""
        if match and fingerprint:
            expiry = str(said.get("validityEndTime") or "")
            before = had.get(name.removesuffix("-certificate"), ())
            known[int(match[1] or 1)] = KnownAuthority(
                fingerprint=fingerprint,
                expiry=expiry,
                former=tuple(each for each in before if each != fingerprint),
            )
    return known


def _member(
    found: Mapping[str, Mapping[str, Any]], name: str, on: Mapping[str, Any], given_up: Any
) -> KnownMember:
    begun = _host(found.get(f"{name}-host-program", {}).get("connection"))
    former = a_list(on.get("formerHosts"), f"{name}-host: formerHosts")
    healthy = found.get(f"{name}-healthy", {}).get("connection")
    last = _host(healthy) if healthy else begun
    cleared = {
        _host(said.get("connection")).host
        for each, said in found.items()
        if each.startswith(f"{name}-former-host")
    }
    # (A move that was cut off has begun on a host, and the next may go elsewhere.)
    elsewhere = {each.host: each for each in (*map(_host, former), begun)}
    elsewhere = {host: each for host, each in elsewhere.items() if host not in {"", last.host}}
    told = lines(found.get(f"{name}-member", {}).get("stdin"), f"{name}-member: stdin")
    request = f"{name}-server-request"
    addresses = a_list(found.get(request, {}).get("ipAddresses"), f"{request}: ipAddresses")
    areas = [each for each in COMMANDS if each not in ("host-program", "healthy")]
    lost_since = str(on.get("lost") or "")
    converged = {area: stdout(found, f"{name}-{area}").get("converged", "") for area in areas}
    stdins = {area: found.get(f"{name}-{area}", {}).get("stdin") for area in areas}
    return KnownMember(
        id=identity(found, name).get("member-id", ""),
        host=last.host,
        port=last.port,
        user=last.user,
        host_key=last.host_key,
        former=tuple(each for host, each in elsewhere.items() if host not in cleared),
        peer_url=told.get("arg.initial-advertise-peer-urls", ""),
        addresses=tuple(str(each) for each in addresses),
        held={area: digest_of(text) for area, text in stdins.items() if isinstance(text, str)},
        commands=frozenset(each for each in COMMANDS if f"{name}-{each}" in found),
        started=f"{name}-member" in found,
        told=told,
        kubernetes=told.get("kubernetes-version", ""),
        lost_since=lost_since,
        # (What it says may be of an earlier time. An old state has `true` there, of no time.)
        given_up=bool(lost_since) and given_up == lost_since,
        backed_up=f"{name}-backup" in found,
        serial=max(map(serial, converged.values())),
        converged=converged,
        protected=bool(on.get("protected")),
    )


def _host(connection: Any) -> KnownHost:
    said = an_object(connection, "connection")
    return KnownHost(
        host=str(said.get("host") or ""),
        port=number(said.get("port") or 22, "connection: port"),
        user=str(said.get("user") or ""),
        host_key=str(said.get("hostKey") or ""),
    )
