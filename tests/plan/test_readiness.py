"""Hosts that are not ready: what is a fault, and what a warning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from etcd_cluster.errors import HostsError
from etcd_cluster.plan.preflight import host_faults
from etcd_cluster.plan.probe import Observation
from tests.support.samples import bare, hosts, ready, settings

from .decided import FORMED, SILENT, decided, faults, remembered, settled

PACKAGES = {"install": "packages"}
NOT_REACHED = "10.107.88.16:2380 no answer within 3 s"


@pytest.mark.parametrize(
    ("facts", "given", "offered"),
    [
        ({"init": "openrc"}, "PID 1 is 'openrc'", "systemd"),
        ({"kubelet": "absent"}, "kubelet is not installed", "install kubelet v1.35.4"),
        ({"kubeadm": "absent"}, "kubeadm is not installed", "install kubeadm v1.35.4"),
        ({"kubelet": "v1.34.1"}, "kubelet is v1.34.1", "install that version"),
        ({"kubeadm": "v1.34.1"}, "kubeadm is v1.34.1", "kubernetesVersion is v1.35.4"),
        ({"etcdctl": "absent"}, "etcdctl is not installed", "install the etcd client"),
        ({"runtime": "not-found"}, "containerd is not installed", "correct containerRuntime"),
        (
            {"socket": "absent"},
            "containerd is not listening on /run/containerd/containerd.sock",
            "systemctl start containerd",
        ),
        (
            {"runtime": "masked", "socket": "absent"},
            "containerd is masked",
            "systemctl unmask --runtime containerd; systemctl start containerd",
        ),
        ({"cgroup": "v1"}, "cgroup v1", "allowCgroupV1: true"),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else None,
)
@pytest.mark.parametrize("preview", [True, False])
def test_error_says_what_to_do_when_a_host_is_not_ready(
    preview: bool, facts: dict[str, str], given: str, offered: str
) -> None:
    """Found while planning, not half way through."""
    text = faults(preview=preview, etcd03=ready(**facts))
    assert len(text.splitlines()) == 1
    assert text.startswith("etcd03 (10.107.88.17): ")
    assert given in text
    assert offered in text


def test_masked_runtime_of_a_member_is_drift_and_no_fault() -> None:
    """`prepare-kubelet` removes the mask, whether the runtime runs or not."""
    for socket in ("present", "absent"):
        seen = ready(**{**FORMED, "runtime": "masked", "socket": socket})
        assert decided(settings(), settled(etcd02=seen), preview=False, memory=remembered()).formed
    assert decided(settings(), hosts(etcd02=ready(runtime="masked")), preview=False)


def test_masked_runtime_of_a_host_without_a_member_is_a_fault() -> None:
    """Nothing looks for its drift: it would stay masked, and be down after the next boot."""
    (fault,) = host_faults(settings(), ready(runtime="masked"))
    assert fault.startswith("containerd is masked, so it does not start; remove the mask")


def test_faults_of_all_hosts_come_together_when_several_are_not_ready() -> None:
    """Each with its host; several of one host as well."""
    text = faults(
        preview=False,
        etcd01=ready(kubelet="absent", etcdctl="absent"),
        etcd02=ready(socket="absent"),
        etcd03=Observation(refused="no sudo"),
    )
    assert [line.split(" ")[0] for line in text.splitlines()] == [
        "etcd01",
        "etcd01",
        "etcd02",
        "etcd03",
    ]


@pytest.mark.parametrize(
    "changes", [{"allowCgroupV1": "true"}, {"kubernetesVersion": "1.30.1"}], ids=lambda c: str(c)
)
def test_host_is_ready_when_its_cgroup_v1_is_allowed_or_its_kubelet_takes_it(
    changes: dict[str, str],
) -> None:
    """Only a kubelet from 1.31 on refuses, and only if not told otherwise."""
    version = f"v{changes.get('kubernetesVersion', '1.35.4')}"
    seen = ready(cgroup="v1", kubelet=version, kubeadm=version)
    everywhere = {"etcd01": seen, "etcd02": seen, "etcd03": seen}
    assert decided(settings(**changes), everywhere, preview=False).warnings == ()


def test_version_is_compared_with_the_configured_one_when_it_is_another() -> None:
    """What is right for one configuration is a fault for another."""
    text = faults(preview=False, changes={"kubernetesVersion": "1.35.3"})
    assert text.count("kubernetesVersion is v1.35.3") == 6


def all_bare(**changed: Observation) -> Mapping[str, Observation]:
    """Three hosts as they were delivered, but for those that are named."""
    return {name: changed.get(name, bare()) for name in hosts()}


def bare_faults(*, preview: bool = False, **seen: Observation) -> list[str]:
    """Every fault of bare hosts that are to get packages."""
    with pytest.raises(HostsError) as caught:
        decided(settings(**PACKAGES), all_bare(**seen), preview=preview)
    return list(caught.value.faults)


@pytest.mark.parametrize("preview", [True, False])
def test_cluster_is_founded_on_bare_hosts_when_packages_are_installed(preview: bool) -> None:
    """Nothing has to be there but a supported system."""
    plan = decided(settings(**PACKAGES), all_bare(), preview=preview)
    assert (plan.formed, plan.warnings) == (False, ())


@pytest.mark.parametrize("preview", [True, False])
def test_faults_of_all_bare_hosts_come_together_when_several_are_unfit(preview: bool) -> None:
    """What one host lacks, what another does not reach, and clocks: one error for all."""
    found = bare_faults(
        preview=preview,
        etcd01=bare(family="none", var_free_mib="10", unreachable=NOT_REACHED),
        etcd02=bare(ports_used="2379 by etcd (process 812)", own_name_ms="3000"),
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


def test_clocks_are_a_fault_when_a_cluster_is_to_be_founded() -> None:
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


def test_closed_port_is_a_fault_when_a_cluster_is_to_be_founded() -> None:
    """The first member would wait for a quorum until its time is over."""
    (text,) = bare_faults(etcd01=bare(unreachable=NOT_REACHED))
    assert "cannot reach etcd02 at 10.107.88.16:2380: no answer within 3 s" in text


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
        plan = decided(settings(), seen, preview=False, memory=remembered())
        told = list(plan.warnings)
    else:
        told = faults(preview=False, etcd01=complains, etcd02=SILENT, etcd03=complains).splitlines()
    assert len(told) == 1
    assert told[0].startswith("etcd02 (10.107.88.16): unreachable: ")


@pytest.mark.parametrize("formed", [True, False])
def test_slow_disk_is_a_warning_whatever_is_planned(formed: bool) -> None:
    """Nobody is kept from anything; each is named with its host."""
    seen = ready(**(FORMED if formed else {}), sync_us="30000")
    plan = decided(
        settings(), {**(settled() if formed else hosts()), "etcd02": seen}, preview=False
    )
    assert [text.split(": ")[0] for text in plan.warnings] == ["etcd02 (10.107.88.16)"]
    assert "takes 30 ms" in plan.warnings[0]


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
