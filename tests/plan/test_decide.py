"""What is decided from the configuration and what the hosts said."""

from __future__ import annotations

import pytest

from etcd_cluster.errors import HostsError
from etcd_cluster.plan.probe import Observation
from tests.support.samples import hosts, ready, settings

from .deciding import (
    FORMED,
    SILENT,
    decided,
    faults,
    settled,
)


@pytest.mark.parametrize("preview", [True, False])
def test_cluster_is_bootstrapped_when_all_hosts_answer_and_none_has_one(preview: bool) -> None:
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


def test_host_that_began_a_bootstrap_has_not_formed_a_cluster_when_no_quorum_was_seen() -> None:
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
