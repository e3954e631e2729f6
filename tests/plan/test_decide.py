"""Whether there is a cluster, and which hosts have to answer."""

from __future__ import annotations

from typing import Any

import pytest

from etcd_cluster.errors import HostsError
from etcd_cluster.plan.probe import Observation
from tests.support.samples import hosts, ready, settings

from .decided import CLUSTER, FORMED, SILENT, decided, faults, known, remembered, settled


@pytest.mark.parametrize("preview", [True, False])
def test_cluster_is_founded_when_all_hosts_answer_and_none_has_one(preview: bool) -> None:
    """Nothing is there that bootstrapping could split."""
    assert decided(settings(), hosts(), preview=preview).formed is False


@pytest.mark.parametrize(
    "seen",
    [ready(formed=CLUSTER), ready(healthy="yes"), ready(formed=CLUSTER, healthy="yes")],
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
    seen = hosts(etcd01=ready(**FORMED), etcd02=SILENT)
    plan = decided(settings(), seen, preview=False, memory=remembered(cluster_id=""))
    assert plan.formed is True
    (warning,) = plan.warnings
    assert warning.startswith("etcd02 (10.107.88.16): unreachable: No route to host; assuming it")


@pytest.mark.parametrize(
    "before",
    [
        {},
        {"etcd02": known("10.107.88.16", started=False)},
        {"etcd02": known("10.107.88.16", given_up=True)},
        {"etcd02": known("10.9.9.9")},
    ],
    ids=["new", "begun", "a successor", "on another host"],
)
def test_silent_host_of_a_member_to_be_is_no_member_that_stays(before: Any) -> None:
    """Its resources are made there: `up` would fail at the first, after all others."""
    stays = {name: each for name, each in remembered().members.items() if name != "etcd02"}
    memory = remembered(members={**stays, **before})
    seen: Any = settled(etcd02=SILENT)
    text = faults(preview=False, memory=memory, **seen)
    assert text.startswith("etcd02 (10.107.88.16): unreachable: No route to host. This stack has")
    assert text.endswith("lost: true)" if before else "out of members")
    (warning,) = decided(settings(), seen, preview=True, memory=memory).warnings
    assert warning.endswith("No route to host; `pulumi up` will fail until it responds")


def test_silent_host_has_no_drift_when_it_is_only_warned_of() -> None:
    """Nothing is known of it, so nothing shows."""
    seen = hosts(etcd01=ready(**FORMED), etcd02=SILENT)
    plan = decided(settings(), seen, preview=False, memory=remembered())
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


def test_host_of_another_stack_is_an_error_and_nothing_else_of_it_is_told() -> None:
    """What it lacks for a member is nothing to somebody whose host it is not."""
    reason = "this host belongs to member a of cluster blue of the stack x, and this stack's is not"
    seen = ready(foreign=reason, kubelet="absent", etcdctl="absent")
    for preview in (True, False):
        assert faults(preview=preview, etcd01=seen) == f"etcd01 (10.107.88.15): {reason}"


def test_host_of_another_stack_is_no_sign_of_a_cluster_of_this_one() -> None:
    """Its own cluster has formed, and this stack's has not: the silent host is still needed."""
    text = faults(preview=False, etcd01=ready(**FORMED, foreign="not ours"), etcd02=SILENT)
    assert "etcd01 (10.107.88.15): not ours" in text
    assert "a new cluster is not bootstrapped until every host responds" in text


@pytest.mark.parametrize("preview", [True, False])
def test_cluster_is_formed_when_the_stack_knows_it_and_hosts_forgot(preview: bool) -> None:
    """A host that was made anew says nothing, and is not bootstrapped for that."""
    wiped = hosts(etcd01=ready(**FORMED))
    assert decided(settings(), wiped, preview=preview, memory=remembered()).formed is True


def test_silent_host_is_a_warning_when_only_the_stack_knows_the_cluster() -> None:
    """With its own word, no answer of a host is needed to know that there is a cluster."""
    seen = hosts(etcd01=ready(data="present"), etcd02=SILENT, etcd03=ready(data="present"))
    plan = decided(settings(), seen, preview=False, memory=remembered())
    assert plan.formed is True
    assert any(text.startswith("etcd02 (10.107.88.16): unreachable") for text in plan.warnings)


def test_up_refuses_when_no_host_of_a_formed_cluster_answers() -> None:
    """Every command would fail, one after the other; a preview still shows what it can."""
    seen = dict.fromkeys(hosts(), SILENT)
    with pytest.raises(HostsError, match="no host is reachable"):
        decided(settings(), seen, preview=False, memory=remembered())
    plan = decided(settings(), seen, preview=True, memory=remembered())
    assert (plan.formed, plan.drift) == (True, {})


def test_formed_cluster_is_known_in_a_preview_that_asks_nobody() -> None:
    """`driftDetection: false`: the stack's own word is enough for what a new member's verb is."""
    plan = decided(settings(), {}, preview=True, memory=remembered())
    assert (plan.formed, plan.warnings) == (True, ())
