"""What is different on a member that was taken over, until its turn has come. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..config.sections import MemberEntry
from ..config.settings import Settings
from ..state import member as state_member
from .adoptable import DATA
from .adoptable import flags as flags_of
from .drift import Drift, since_serial
from .memory import StackMemory
from .probe import Observation
from .theirs import PKI, forsaken


def keyless_faults(
    settings: Settings, observations: Mapping[str, Observation], memory: StackMemory
) -> Iterator[str]:
    """A CA without its key issues no more, once another one has; what it has issued would go."""
    given, listed = settings.certificates.authority, settings.certificates.authorities
    if given is None or given.has_key or listed[0] != 0 or 0 not in memory.authorities:
        return
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
