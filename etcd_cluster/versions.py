"""The table of Kubernetes minor versions, with what differs between them. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Release:
    """One Kubernetes minor.

    etcd_tag: the etcd image tag of this minor's newest kubeadm (constants.go, DefaultEtcdVersion),
    or that of the previous minor where it is newer, because etcd cannot be downgraded. Where the
    next Kubernetes minor brings a new minor of etcd, this row has a patch from which that may be
    taken (ETCD_LEAST), so that going from default to default is no step that etcd forbids.
    It is written into every kubeadm configuration, so the kubeadm binary on a host does not choose
    it.
    pause_tag: tag of the image that holds a pod's namespaces (constants.go, PauseVersion).

    Sources beside constants.go of 1.27 to 1.35: 1.33 has 3.5.24-0 there and needs more for the
    etcd 3.6 of 1.34; 3.5.31-0 also repairs what lets learners become voters (etcd#21736).
    1.36.3 has 3.6.8-0 there; its branch has had 3.6.11-0 since kubernetes#138746, from which the
    3.7 of 1.37 may be taken. 1.37.2 has 3.7.0-0. Both have pause 3.10.2.
    kubeadm_api: v1beta4 replaced v1beta3 in 1.31 (kubernetes.io, kubeadm-config.v1beta4), and 1.37
    reads v1beta3 no more; its v1 is experimental (1.37, cmd/kubeadm/app/util/config/common.go).
    kubelet_knows_fail_cgroup_v1: the field came with 1.31 (KEP-4569), is true by default from 1.35
    on, and 1.37 still has it (staging/src/k8s.io/kubelet/config/v1beta1/types.go).
    suits: kubeadm gives etcd flags of its own (cmd/kubeadm/app/phases/etcd/local.go).
    """

    minor: int
    etcd_tag: str
    pause_tag: str

    @property
    def kubeadm_api(self) -> str:
        """The newest configuration API that this minor's kubeadm takes as it is."""
        return "v1beta3" if self.minor < 31 else "v1beta4"

    @property
    def kubelet_knows_fail_cgroup_v1(self) -> bool:
        """Whether KubeletConfiguration has `failCgroupV1`."""
        return self.minor >= 31

    def suits(self, etcd: tuple[int, int, int]) -> bool:
        """Whether this etcd knows the flags that this minor's kubeadm gives it.

        Up to 1.33 two of them are `--experimental-…`, which etcd 3.7 no longer has; 1.34 and 1.35
        look at the image's tag; from 1.36 on one is new with 3.6 in any case.
        """
        return etcd < (3, 7, 0) if self.minor <= 33 else self.minor <= 35 or etcd >= (3, 6, 0)

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
        Release(minor=33, etcd_tag="3.5.31-0", pause_tag="3.10"),
        Release(minor=34, etcd_tag="3.6.5-0", pause_tag="3.10.1"),
        Release(minor=35, etcd_tag="3.6.6-0", pause_tag="3.10.1"),
        Release(minor=36, etcd_tag="3.6.11-0", pause_tag="3.10.2"),
        Release(minor=37, etcd_tag="3.7.0-0", pause_tag="3.10.2"),
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

ETCD_FAULTY: tuple[Etcd, Etcd, str] = (
    (3, 5, 0),
    (3, 5, 2),
    "a crash can leave a member with other data than the rest",
)
"""First and last patch of a range that its maintainers warn of, and why (CHANGELOG-3.5, 3.5.3)."""

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
