"""What is different on a member that was taken over, until its turn has come. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..config.sections import MemberEntry
from ..config.settings import Settings
from ..state import member as state_member
from .adoptable import DATA
from .adoptable import flags as flags_of
from .chain import chain, has_member, lacks_certificates
from .drift import Drift, since_serial
from .memory import StackMemory
from .probe import Observation
from .theirs import PKI, forsaken, is_certified


def keyless_faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """A CA without its key issues no more, once another one has; what it has issued would go."""
    listed = settings.certificates.authorities
    if settings.certificates.can_issue or 0 not in memory.authorities:
        return
    lacking = _without_certificate(settings, observations, memory)
    if lacking:
        yield (
            f"{', '.join(lacking)}: no certificate for this address is on the host, and authority "
            f"0, which issues (certificates.authorities {list(listed)}), cannot sign one without "
            "its private key. Take this change of members back, run `pulumi up`, go on to "
            f"[{listed[1]}, 0], and make the change after that. (If the former addresses are gone, "
            f"or no host has data, set [{listed[1]}, 0] in this run instead.) Or set "
            "certificates.authority.privateKeyFile, if the key is there"
        )
    else:
        yield from _circular_faults(settings, observations, memory)
    ahead = [
        f"{member.name} ({member.host})"
        for member in settings.living
        if member.name in observations
        and observations[member.name].fact("issuer") not in ("", memory.authorities[0].fingerprint)
    ]
    if ahead:
        yield (
            f"certificates.authorities {list(listed)}: authority 0 was given without its private "
            f"key and cannot issue again, and {', '.join(ahead)} has certificates of another one. "
            f"Set it back to [{listed[1]}, 0]"
        )
    elif memory.expiries and settings.deletion_protection:
        yield (
            f"certificates.authorities {list(listed)}: authority 0 has no private key any more, "
            f"and {len(memory.expiries)} certificates of this stack, with protected keys, would go "
            "from its state and outputs. Set the key again, at least until another authority "
            f"issues, [{listed[1]}, 0]. To have them go, set deletionProtection: false and run "
            "`pulumi up` while the key is there"
        )


def _without_certificate(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> list[str]:
    """Members that are to be reached at an address which none of their certificates has: new ones,
    and those that move. The others would refuse such a peer. (One that was emptied, and keeps its
    address, has what it had; one that has lost its certificates waits for the next CA.)
    """
    order = chain(settings, observations, memory)
    found = []
    for member in settings.living:
        known, seen = memory.members.get(member.name), observations.get(member.name)
        had = known.peer_url if known else ""
        moves = had not in ("", state_member.peer_url(member))
        comes = member.name in order.joining
        comes |= moves and member.name in {*order.moved, *order.emptied}
        if seen and comes and not is_certified(seen, member.address):
            found.append(f"{member.name} ({member.host})")
    return found


def _circular_faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """A host that was lost before the roll has ended gets certificates of the next CA alone. The
    others have to restart before they trust that, and can be too few for it without this one.
    """
    next_one = settings.certificates.authorities[1]
    known = memory.authorities.get(next_one)
    prints = known.fingerprints if known else ()
    emptied, healthy, behind = [], [], []
    for member in settings.living:
        seen, label = observations.get(member.name), f"{member.name} ({member.host})"
        its = memory.members.get(member.name)
        if seen is None or not seen.seen:
            continue
        healthy_here = has_member(seen) and seen.fact("healthy") == "yes"
        if not healthy_here and its and its.started and lacks_certificates(settings, seen):
            emptied.append(label)
        elif healthy_here:
            healthy.append(label)
            if not {*prints} & {*seen.fact("trusts").split()}:
                behind.append(label)
    voters = sum(each.started and not each.given_up for each in memory.members.values())
    if emptied and behind and len(healthy) - 1 < voters // 2 + 1:
        yield (
            f"{', '.join(emptied)}: has lost its certificates, and nobody can issue new ones: "
            f"authority 0 has no private key, and the others do not trust authority {next_one} "
            f"until they restart, for which none of them can be spared. Put the files back ({PKI}: "
            "server, peer and healthcheck-client, .crt and .key). Or, with an outage, on the hosts "
            f"of {', '.join(healthy)}: `sudo systemctl stop kubelet`, `sudo mv "
            "/etc/kubernetes/manifests/etcd.yaml /root/`, `sudo pkill -x etcd`; `pulumi up` starts "
            "these members side by side, then fails for "
            f"the one without certificates; after that set authorities to [{next_one}, 0]"
        )


def unread_faults(settings: Settings, observations: Mapping[str, Observation]) -> Iterator[str]:
    """That what differs on adopted members would never be found, and so never come to them. No
    preview has read them, so an `up` must not do it on its own either.
    """
    waiting = [
        f"{member.name} ({member.host})"
        for member in settings.living
        if member.name in observations and observations[member.name].fact("adopted")
    ]
    if waiting and not settings.drift_detection:
        yield (
            f"{', '.join(waiting)}: adopted, and not changed to this stack's settings yet: what "
            "differs on an adopted member is drift, and driftDetection is off. Set "
            "driftDetection: true, at least until a `pulumi up` has changed all members"
        )


def explained(
    settings: Settings,
    observations: Mapping[str, Observation],
    found: Drift,
    memory: StackMemory,
) -> Drift:
    """The drift, with what it means on a member that was adopted and has its former settings."""
    told = dict(found)
    for member in settings.living:
        seen = observations.get(member.name)
        if seen is None or not seen.fact("adopted"):
            continue
        known = memory.members.get(member.name)
        since = since_serial(seen, seen.fact("serial"), known.serial if known else 0)
        for area in ("packages", "registry", "host", "pki"):
            if (member.name, area) in told and not seen.fact(f"held-{area}"):
                told[member.name, area] = f"{since}: adopted, not managed yet"
        changes = _differences(settings, member, seen)
        changes += [f"no trust in CA {each}" for each in forsaken(settings, seen, memory)]
        if seen.fact("adopt-manifests"):
            changes.append(f"no pods of {seen.fact('adopt-manifests')}")
        told[member.name, "member"] = (
            f"{since}: adopted; restarts with {', '.join(changes) or 'the token of this stack'}"
        )
    return told


# Set by kubeadm for every etcd, or read at its first start only.
_SAME = frozenset(
    (
        "cert-file",
        "client-cert-auth",
        "data-dir",
        "key-file",
        "peer-cert-file",
        "peer-client-cert-auth",
        "peer-key-file",
        "initial-cluster",
        "initial-cluster-state",
        "initial-cluster-token",
        "snapshot-count",
        "experimental-initial-corrupt-check",
        "experimental-watch-progress-notify-interval",
        "feature-gates",
        "watch-progress-notify-interval",
    )
)


def _differences(settings: Settings, member: MemberEntry, seen: Observation) -> list[str]:
    """How the flags of its etcd change."""
    has = flags_of(seen)
    state = state_member.member_state(settings, member, "-")
    wanted = {k.removeprefix("arg."): v for k, v in state.items() if k.startswith("arg.")}
    # As the host program names these files (manifest.sh).
    number = state.get("trusted", "")
    wanted["trusted-ca-file"] = f"{PKI}/{f'trusted-{number}' if number else 'ca'}.crt"
    wanted["peer-trusted-ca-file"] = f"{DATA}/member/peer-ca{f'-{number}' if number else ''}.crt"
    changed = [
        f"{flag}={value}" + (f" (was {has[flag]})" if flag in has else "")
        for flag, value in sorted(wanted.items())
        if has.get(flag) != value
    ]
    gone = [f"no {flag} (was {has[flag]})" for flag in sorted({*has} - {*wanted} - _SAME)]
    user = ["user etcd (was root)"] if seen.fact("etcd-uid") == "0" else []
    return [*changed, *gone, *user]
