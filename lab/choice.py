"""What `up` decides before it touches anything: what hosts are made of, and what the mirror has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lab.errors import LabError
from lab.hosts.host import LabHost
from lab.hosts.images.kind import Kind
from lab.mirror.content import MirrorSet

MIRRORS: Mapping[Kind, MirrorSet] = {
    Kind.DEBIAN: "dev",
    Kind.DEBIAN11: "seed",
    Kind.DEBIAN13: "dev",
    Kind.DEBIAN14: "dev",
    Kind.EL: "seed",
}
"""What the mirror has for hosts of a kind, where nobody says."""


def require_kind(kind: Kind | None, hosts: Sequence[LabHost]) -> None:
    """Refuse to take a host for what it is not."""
    others = [host for host in hosts if kind is not None and host.kind is not kind]
    if others:
        told = ", ".join(f"{host.name} ({host.kind})" for host in others)
        raise LabError(
            f"These hosts are there already and made of something else than {kind}: {told}; "
            f"remove them first with `python -m lab down`, or make them anew with --fresh."
        )


def mirror_for(
    kind: Kind | None, bare: Sequence[LabHost], asked: MirrorSet | None, serving: MirrorSet | None
) -> MirrorSet | None:
    """Return what the mirror is to have; None where it is not needed.

    `kind` is that of the hosts to be made, if any; `bare` are the bare ones that stay as they are,
    and `serving` is what the mirror has for those.
    """
    if bare and serving is not None and asked not in (None, serving):
        raise LabError(
            f"The mirror has {serving} for {', '.join(host.name for host in bare)}; with {asked} "
            f"in its place they would lose it; `python -m lab down` first."
        )
    kinds = [*([kind] if kind else []), *(host.kind for host in bare)]
    implied = next((MIRRORS[each] for each in kinds if each in MIRRORS), None)
    return asked or (serving if bare else None) or implied


def releases_for(*kinds: Kind) -> list[str]:
    """Return which releases of Debian the mirror must have, beside the one that it always has."""
    return sorted(kind for kind in kinds if kind.bare and kind not in (Kind.DEBIAN, Kind.EL))
