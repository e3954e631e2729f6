"""The table of Kubernetes minor versions, with what differs between them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Release:
    """One Kubernetes minor.

    etcd_tag: the etcd image tag of this minor's newest kubeadm (constants.go, DefaultEtcdVersion),
    or that of the previous minor where it is newer, because etcd cannot be downgraded. It is
    written into every kubeadm configuration, so the kubeadm binary on a host does not choose it.
    pause_tag: tag of the image that holds a pod's namespaces (constants.go, PauseVersion).
    kubeadm_api: v1beta4 replaced v1beta3 in 1.31 (kubernetes.io, kubeadm-config.v1beta4).
    kubelet_knows_fail_cgroup_v1: the field came with 1.31 (KEP-4569).
    """

    minor: int
    etcd_tag: str
    pause_tag: str

    @property
    def kubeadm_api(self) -> str:
        """The newest configuration API that this minor's kubeadm supports."""
        return "v1beta3" if self.minor < 31 else "v1beta4"

    @property
    def kubelet_knows_fail_cgroup_v1(self) -> bool:
        """Whether KubeletConfiguration has `failCgroupV1`."""
        return self.minor >= 31

    @property
    def name(self) -> str:
        """`1.35`, as used in the names of package repositories."""
        return f"1.{self.minor}"


RELEASES = {
    release.minor: release
    for release in (
        Release(minor=27, etcd_tag="3.5.12-0", pause_tag="3.9"),
        Release(minor=28, etcd_tag="3.5.15-0", pause_tag="3.9"),
        Release(minor=29, etcd_tag="3.5.16-0", pause_tag="3.9"),
        Release(minor=30, etcd_tag="3.5.16-0", pause_tag="3.9"),
        Release(minor=31, etcd_tag="3.5.24-0", pause_tag="3.10"),
        Release(minor=32, etcd_tag="3.5.24-0", pause_tag="3.10"),
        Release(minor=33, etcd_tag="3.5.24-0", pause_tag="3.10"),
        Release(minor=34, etcd_tag="3.6.5-0", pause_tag="3.10.1"),
        Release(minor=35, etcd_tag="3.6.6-0", pause_tag="3.10.1"),
    )
}
OLDEST, NEWEST = min(RELEASES), max(RELEASES)

Etcd = tuple[int, int, int]

ETCD_LEAST: dict[tuple[int, int], Etcd] = {(3, 6): (3, 5, 26), (3, 7): (3, 6, 11)}
"""By minor of etcd, the least version from which it may be taken.

3.6: from 3.5.26, which repairs what makes removed members come back (etcd#20967, etcd.io/blog,
"zombie members"). 3.7: from 3.6.11 (etcd.io/docs/v3.7/upgrades/upgrade_3_7).
"""

ETCD_ADVISED: dict[tuple[int, int], str] = {(3, 5): "3.5.33", (3, 6): "3.6.14"}
"""By minor, a version that has the repairs above and closes GHSA-6vch-q96h-7gc3."""

ETCD_DOWNGRADES = frozenset({(3, 6), (3, 7)})
"""Minors that can be left for the one before (etcd.io/docs/v3.6/downgrades: from 3.6 on)."""

_ETCD = re.compile(r"v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)(?:-.*)?")


def parse_etcd(text: str) -> Etcd | None:
    """`3.6.6`, `v3.6.6` or an image's tag `3.6.6-0`, as numbers; None where it is none of them."""
    match = _ETCD.fullmatch(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


_VERSION = re.compile(r"v?1\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)")


def parse(version: str) -> tuple[Release, str]:
    """`1.35.4` (or `v1.35.4`) as its release and the canonical `v1.35.4`.

    Raises ValueError with a message that gives the value and what is expected.
    """
    match = _VERSION.fullmatch(version)
    if match is None:
        raise ValueError(
            f"{version!r} is invalid: expected a Kubernetes version with its patch, e.g. 1.35.4"
        )
    minor = int(match[1])
    if minor < OLDEST:
        raise ValueError(f"{version!r} is too old: expected 1.{OLDEST} to 1.{NEWEST}, e.g. 1.35.4")
    if minor > NEWEST:
        raise ValueError(
            f"{version!r} is not supported yet: expected 1.{OLDEST} to 1.{NEWEST}, e.g. 1.35.4"
        )
    return RELEASES[minor], f"v1.{match[1]}.{match[2]}"
