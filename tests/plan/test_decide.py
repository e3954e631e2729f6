"""What is decided from the configuration and what the hosts said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.config.settings import Settings
from etcd_cluster.errors import HostsError
from etcd_cluster.plan.decide import Plan, decide
from etcd_cluster.plan.probe import Observation
from tests.support.samples import PASSWORD, bare, hosts, ready, settings

DIGEST = "d" * 64
SILENT = Observation(unreachable="No route to host")
FORMED = {"formed": "cafe", "healthy": "yes", "data": "present", "serial": "3", "program": DIGEST}
PACKAGES = {"install": "packages"}
LOGIN = {"registry": {"username": "puller", "password": PASSWORD}}
NOT_REACHED = "10.107.88.16:2380 no answer within 1.5 s"


def decided(wanted: Settings, seen: Mapping[str, Observation], *, preview: bool) -> Plan:
    """The plan of a program that carries the host program of this digest."""
    return decide(wanted, seen, preview=preview, program_digest=DIGEST)


def settled(**changed: Observation) -> Mapping[str, Observation]:
    """Three clean hosts of a formed cluster, but for those that are named."""
    return {name: changed.get(name, ready(**FORMED)) for name in hosts()}


def faults(*, preview: bool, changes: dict[str, Any] | None = None, **seen: Observation) -> str:
    """Every fault, as one text."""
    with pytest.raises(HostsError) as caught:
        decided(settings(**(changes or {})), hosts(**seen), preview=preview)
    return "\n".join(caught.value.faults)


@pytest.mark.parametrize("preview", [True, False])
def test_cluster_is_founded_when_all_hosts_answer_and_none_has_one(preview: bool) -> None:
    """Nothing is there that bootstrapping could split."""
    assert decided(settings(), hosts(), preview=preview).formed is False


@pytest.mark.parametrize(
    "seen",
    [ready(formed="cafe"), ready(healthy="yes"), ready(formed="cafe", healthy="yes")],
    ids=["remembered", "healthy", "both"],
)
@pytest.mark.parametrize("name", ["etcd01", "etcd03"])
def test_cluster_is_formed_when_one_host_reports_it(seen: Observation, name: str) -> None:
    """One is enough, whichever: the others may have been wiped."""
    assert decided(settings(), hosts(**{name: seen}), preview=False).formed is True


def test_error_names_both_clusters_when_hosts_belong_to_different_ones() -> None:
    """Two clusters are never made one."""
    text = faults(preview=True, etcd01=ready(formed="cafe"), etcd03=ready(formed="beef"))
    assert "different formed clusters (etcd01: cafe; etcd03: beef)" in text
    assert "etcd-host abandon" in text


def test_up_refuses_when_a_host_was_not_observed_and_no_cluster_is_seen() -> None:
    """What nobody looked at may hold a cluster."""
    seen = {name: each for name, each in hosts().items() if name != "etcd02"}
    with pytest.raises(HostsError, match=r"etcd02 .*: unreachable: the host was not observed"):
        decided(settings(), seen, preview=False)


def test_host_that_began_a_founding_has_not_formed_a_cluster_when_no_quorum_was_seen() -> None:
    """An interrupted first run goes on bootstrapping."""
    assert decided(settings(), hosts(etcd01=ready(data="present")), preview=False).formed is False


def test_preview_warns_when_a_host_is_silent_and_no_cluster_is_seen() -> None:
    """A preview changes nothing, so it can show the rest."""
    plan = decided(settings(), hosts(etcd02=SILENT), preview=True)
    (warning,) = plan.warnings
    assert warning.startswith("etcd02 (10.107.88.16): unreachable: No route to host")


def test_up_refuses_when_a_host_is_silent_and_no_cluster_is_seen() -> None:
    """The silent one may hold the cluster; the way out is said."""
    text = faults(preview=False, etcd02=SILENT)
    assert text.startswith("etcd02 (10.107.88.16): unreachable: No route to host")
    assert "Start the host" in text


def test_up_names_every_silent_host_when_no_cluster_is_seen() -> None:
    """All at once."""
    text = faults(preview=False, etcd01=SILENT, etcd03=SILENT)
    assert [line.split(" ")[0] for line in text.splitlines()] == ["etcd01", "etcd03"]


def test_up_warns_when_a_host_is_silent_and_another_has_the_cluster() -> None:
    """One dead host must not stop the repair of the others."""
    plan = decided(settings(), hosts(etcd01=ready(**FORMED), etcd02=SILENT), preview=False)
    assert plan.formed is True
    (warning,) = plan.warnings
    assert warning.startswith("etcd02 (10.107.88.16): unreachable: No route to host")


def test_silent_host_has_no_drift_when_it_is_only_warned_of() -> None:
    """Nothing is known of it, so nothing shows."""
    plan = decided(settings(), hosts(etcd01=ready(**FORMED), etcd02=SILENT), preview=False)
    assert not any(name == "etcd02" for name, _ in plan.drift)


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("formed", ["", "cafe"])
@pytest.mark.parametrize("reason", ["its host key is not the one", "no passwordless sudo"])
def test_refusal_is_an_error_when_a_host_answers_and_lets_nobody_look(
    preview: bool, formed: str, reason: str
) -> None:
    """Another host key may be another host: never a mere warning."""
    text = faults(preview=preview, etcd01=ready(formed=formed), etcd02=Observation(refused=reason))
    assert text == f"etcd02 (10.107.88.16): {reason}"


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


def test_fault_names_where_ssh_dialed_when_that_is_not_the_address() -> None:
    """That is the address that somebody can try."""
    changed = [
        {"name": "etcd01", "address": "10.107.88.15", "sshHost": "192.0.2.7"},
        {"name": "etcd02", "address": "10.107.88.16"},
        {"name": "etcd03", "address": "10.107.88.17"},
    ]
    assert "etcd01 (192.0.2.7)" in faults(
        preview=False, changes={"members": changed}, etcd01=SILENT
    )


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


@pytest.mark.parametrize("area", ["host", "pki", "member"])
def test_drift_line_has_serial_and_reason_when_a_host_drifted(area: Any) -> None:
    """The serial keeps the same drift of another day from looking like nothing new."""
    seen = ready(**FORMED, **{f"drift-{area}": "etcd.yaml edited, kubelet stopped"})
    plan = decided(settings(), settled(etcd02=seen), preview=True)
    assert plan.drift == {("etcd02", area): "drift after 3: etcd.yaml edited, kubelet stopped"}
    assert plan.why("etcd02", area) == "drift after 3: etcd.yaml edited, kubelet stopped"


@pytest.mark.parametrize(
    ("program", "reason"), [("absent", "etcd-host missing"), ("e" * 64, "etcd-host differs")]
)
def test_host_program_drifted_when_the_host_has_another_or_none(program: str, reason: str) -> None:
    """Without it, no other command on that host can run."""
    seen = ready(**(FORMED | {"program": program}))
    plan = decided(settings(), settled(etcd02=seen), preview=True)
    assert plan.drift == {("etcd02", "host-program"): f"drift after 3: {reason}"}


def test_host_without_a_past_is_another_finding_each_time_when_it_is_empty() -> None:
    """It may be a member's host that was made anew, twice: a stale line would hide the second."""
    lines = set()
    for at in ("2026-01-01T00:00:00+00:00", "2026-01-02T00:00:00+00:00"):
        new = replace(ready(drift_member="no member here"), at=at)
        plan = decided(settings(), settled(etcd02=new), preview=True)
        assert plan.why("etcd02", "member") == f"new at {at}: no member here"
        assert plan.why("etcd02", "host-program") == f"new at {at}: etcd-host missing"
        lines.add(plan.why("etcd02", "member"))
    assert len(lines) == 2


def test_error_names_the_old_cluster_when_a_formed_one_gets_another_name() -> None:
    """Certificates and token would be made anew, and the members refuse each other."""
    owned = ready(**FORMED, owner="etcd etcd01")
    text = faults(preview=True, changes={"clusterName": "blue"}, etcd01=owned)
    assert "etcd01: belongs to the formed cluster 'etcd', but clusterName is 'blue'" in text


def test_runtime_that_stopped_is_no_fault_when_the_host_has_a_member() -> None:
    """It is drift, which the next `up` repairs; other hosts are not held up by it."""
    seen = ready(**(FORMED | {"socket": "absent"}), drift_host="containerd stopped")
    plan = decided(settings(), settled(etcd02=seen), preview=False)
    assert plan.why("etcd02", "host") == "drift after 3: containerd stopped"


def test_drift_line_is_another_when_the_same_drift_comes_back() -> None:
    """Each convergence raises the serial."""
    lines = {
        decided(
            settings(),
            hosts(etcd02=ready(**(FORMED | {"serial": serial}), drift_member="etcd.yaml edited")),
            preview=True,
        ).why("etcd02", "member")
        for serial in ("3", "4")
    }
    assert len(lines) == 2


def test_drift_is_kept_apart_when_several_hosts_and_areas_drifted() -> None:
    """Each command gets its own reason."""
    plan = decided(
        settings(),
        hosts(
            etcd01=ready(
                serial="1", program=DIGEST, drift_host="kubelet stopped", drift_pki="ca.crt missing"
            ),
            etcd02=ready(serial="2", program=DIGEST),
            etcd03=ready(serial="5", program=DIGEST, drift_member="etcd not running"),
        ),
        preview=False,
    )
    assert plan.drift == {
        ("etcd01", "host"): "drift after 1: kubelet stopped",
        ("etcd01", "pki"): "drift after 1: ca.crt missing",
        ("etcd03", "member"): "drift after 5: etcd not running",
    }


def test_no_drift_is_shown_when_it_is_off_by_configuration() -> None:
    """The hosts may be read for the bootstrapping all the same."""
    plan = decided(
        settings(driftDetection="false"),
        hosts(etcd02=ready(**FORMED, drift_member="etcd.yaml edited")),
        preview=False,
    )
    assert (plan.formed, plan.drift) == (True, {})


def test_no_drift_is_shown_when_the_hosts_are_clean() -> None:
    """A preview of an unchanged cluster is empty."""
    clean = ready(**FORMED)
    plan = decided(settings(), {"etcd01": clean, "etcd02": clean, "etcd03": clean}, preview=True)
    assert plan == Plan(formed=True, drift={}, warnings=())


def test_reason_is_empty_when_nothing_drifted() -> None:
    """Asked for any command."""
    assert Plan(formed=True, drift={}).why("etcd01", "member") == ""


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


def in_area(area: str, **changes: Any) -> Mapping[tuple[str, Any], str]:
    """What is planned where a member's host reports drift in this area."""
    seen = ready(**FORMED, **{f"drift-{area}": "it was edited"})
    return decided(settings(**changes), settled(etcd02=seen), preview=True).drift


@pytest.mark.parametrize(
    ("area", "changes"),
    [
        ("packages", PACKAGES),
        ("registry", LOGIN),
        ("registry", PACKAGES | LOGIN),
        ("registry", {"registry": {"caFile": "ca.pem"}}),
    ],
    ids=["packages", "login", "login on bare hosts", "CA"],
)
def test_packages_and_registry_drift_when_they_are_configured(
    area: str, changes: dict[str, Any]
) -> None:
    """As every other area does."""
    assert in_area(area, **changes) == {("etcd02", area): "drift after 3: it was edited"}


@pytest.mark.parametrize(
    ("area", "changes"),
    [("packages", {}), ("packages", LOGIN), ("registry", {}), ("registry", PACKAGES)],
    ids=["packages", "packages with a login", "registry", "registry on bare hosts"],
)
def test_packages_and_registry_never_drift_when_they_are_not_configured(
    area: str, changes: dict[str, Any]
) -> None:
    """No command of theirs is there; hosts say `packages not installed` all the same."""
    assert in_area(area, **changes) == {}
