"""Hosts that are unfit, slow or out of reach: refused before a bootstrap, warned of after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from etcd_cluster.errors import HostsError
from tests.support.samples import bare, hosts, ready, settings

from .deciding import (
    FORMED,
    NOT_REACHED,
    PACKAGES,
    SILENT,
    all_bare,
    bare_faults,
    decided,
    faults,
    settled,
)


@pytest.mark.parametrize("preview", [True, False])
def test_cluster_is_bootstrapped_on_bare_hosts_when_packages_are_installed(preview: bool) -> None:
    """Nothing has to be there but a supported system."""
    plan = decided(settings(**PACKAGES), all_bare(), preview=preview)
    assert (plan.formed, plan.warnings) == (False, ())


@pytest.mark.parametrize("preview", [True, False])
def test_faults_of_all_bare_hosts_come_together_when_several_are_unfit(preview: bool) -> None:
    """What one host lacks, what another does not reach, and clocks: one error for all."""
    found = bare_faults(
        preview=preview,
        etcd01=bare(family="none", var_free_mib="10", unreachable=NOT_REACHED),
        etcd02=bare(ports_used="2379 by etcd (process 812)", own_name_ms="2000"),
        etcd03=replace(bare(), ahead=(10.0, 10.1)),
    )
    assert [text.split(": ")[0] for text in found] == [
        "etcd01 (10.107.88.15)",
        "etcd01 (10.107.88.15)",
        "etcd02 (10.107.88.16)",
        "etcd02 (10.107.88.16)",
        "etcd01 (10.107.88.15)",
    ]
    assert found[-1].startswith("etcd01 (10.107.88.15): cannot reach etcd02")


def test_clocks_are_a_fault_when_a_cluster_is_to_be_bootstrapped() -> None:
    """A certificate of this minute is not valid yet to a host that is behind."""
    (text,) = bare_faults(
        etcd01=replace(bare(), ahead=(-0.1, 0.1)), etcd03=replace(bare(), ahead=(9.0, 9.2))
    )
    assert text.startswith("clocks of etcd03 and etcd01 differ by at least 8.9 s")


def test_clocks_are_a_warning_when_the_cluster_is_formed() -> None:
    """It has lived with them; its repair is not held up."""
    seen = {
        "etcd01": replace(ready(**FORMED), ahead=(-0.1, 0.1)),
        "etcd02": replace(ready(**FORMED), ahead=(9.0, 9.2)),
        "etcd03": ready(**FORMED),
    }
    (text,) = decided(settings(), seen, preview=False).warnings
    assert text.startswith("clocks of etcd02 and etcd01 differ by at least 8.9 s")


def test_nothing_is_said_of_clocks_when_they_may_be_alike() -> None:
    """0.7 s are certain, more is not."""
    seen = all_bare(
        etcd01=replace(bare(), ahead=(-0.2, 0.3)), etcd02=replace(bare(), ahead=(1.0, 1.4))
    )
    assert decided(settings(**PACKAGES), seen, preview=False).warnings == ()


def test_closed_port_is_a_fault_when_a_cluster_is_to_be_bootstrapped() -> None:
    """The first member would wait for a quorum until its time is over."""
    (text,) = bare_faults(etcd01=bare(unreachable=NOT_REACHED))
    assert "cannot reach etcd02 at 10.107.88.16:2380: no answer within 1.5 s" in text


def test_closed_port_is_a_warning_when_the_cluster_is_formed() -> None:
    """A host that is to join says it; the others have their quorum."""
    seen = settled(etcd01=ready(unreachable=NOT_REACHED))
    (text,) = decided(settings(), seen, preview=False).warnings
    assert "cannot reach etcd02 at 10.107.88.16:2380" in text


@pytest.mark.parametrize("formed", [True, False])
def test_host_that_is_off_is_told_of_once_when_the_others_do_not_reach_it(formed: bool) -> None:
    """By itself: three sentences on one dead host would hide two other faults."""
    complains = ready(**(FORMED if formed else {}), unreachable=NOT_REACHED)
    seen = {"etcd01": complains, "etcd02": SILENT, "etcd03": complains}
    if formed:
        told = list(decided(settings(), seen, preview=False).warnings)
    else:
        told = faults(preview=False, etcd01=complains, etcd02=SILENT, etcd03=complains).splitlines()
    assert len(told) == 1
    assert told[0].startswith("etcd02 (10.107.88.16): unreachable: ")


@pytest.mark.parametrize("formed", [True, False])
def test_slow_disk_and_selinux_are_warnings_whatever_is_planned(formed: bool) -> None:
    """Nobody is kept from anything; each is named with its host."""
    seen = ready(**(FORMED if formed else {}), sync_us="30000", selinux="1")
    plan = decided(
        settings(), {**(settled() if formed else hosts()), "etcd02": seen}, preview=False
    )
    assert [text.split(": ")[0] for text in plan.warnings] == ["etcd02 (10.107.88.16)"] * 2
    assert "takes 30 ms" in plan.warnings[0]
    assert "SELinux is enforcing" in plan.warnings[1]


def test_new_host_is_refused_when_it_is_unfit_and_the_cluster_is_formed() -> None:
    """It would join and fail; the formed ones are not asked for their ports and disks."""
    with pytest.raises(HostsError) as caught:
        decided(
            settings(**PACKAGES),
            settled(etcd03=bare(ports_used="2380 by java (process 7)")),
            preview=False,
        )
    (text,) = caught.value.faults
    assert text.startswith("etcd03 (10.107.88.17): etcd's ports are in use: 2380 by java")
