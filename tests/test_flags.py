"""Flags of etcd that came or went with one of its minors."""

from __future__ import annotations

import pytest

from etcd_cluster.flags import flag_fault
from tests.support.samples import faults, settings

E35, E36, E37 = (3, 5, 33), (3, 6, 14), (3, 7, 1)


@pytest.mark.parametrize(
    ("flag", "knows"),
    [
        ("enable-v2", (True, False, False)),
        ("proxy", (True, False, False)),
        ("feature-gates", (False, True, True)),
        ("corrupt-check-time", (False, True, True)),
        ("experimental-corrupt-check-time", (True, True, False)),
        ("snapshot-count", (True, True, True)),
        ("flag-of-the-next-patch", (True, True, True)),
    ],
)
def test_flag_is_known_to_its_minors(flag: str, knows: tuple[bool, bool, bool]) -> None:
    """What no table has may have come with a patch."""
    assert tuple(not flag_fault(flag, etcd) for etcd in (E35, E36, E37)) == knows


def test_flags_that_the_version_does_not_know_are_refused_together() -> None:
    """In the configuration, before any host is asked; with the new name where there is one."""
    found = faults(
        etcd={
            "imageTag": "3.7.1-0",
            "extraArgs": {
                "experimental-corrupt-check-time": "1h",
                "enable-v2": "true",
                "snapshot-count": "5000",
            },
        }
    )
    assert list(found) == [
        "etcd.extraArgs: 'experimental-corrupt-check-time' is unknown to etcd 3.7.1: removed in "
        "3.7; its name is 'corrupt-check-time' now",
        "etcd.extraArgs: 'enable-v2' is unknown to etcd 3.7.1: removed in 3.6",
    ]


def test_flag_of_the_next_minor_is_refused() -> None:
    """As on the way back."""
    wrong = {"imageTag": "3.5.33-0", "extraArgs": {"feature-gates": "InitialCorruptCheck=true"}}
    assert list(faults(etcd=wrong)) == [
        "etcd.extraArgs: 'feature-gates' is unknown to etcd 3.5.33: it came with 3.6"
    ]


def test_tag_that_is_no_version_has_no_rules() -> None:
    """A new cluster may have any image."""
    assert settings(etcd={"imageTag": "latest", "extraArgs": {"enable-v2": "true"}})
