"""Which clusters that others made are taken over, and what of it is done in which run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from etcd_cluster.errors import HostsError
from etcd_cluster.plan.decide import Plan
from etcd_cluster.plan.memory import StackMemory
from etcd_cluster.plan.probe import Observation
from tests.support.samples import members, ready, settings

from .decided import CLUSTER, DIGEST, FORMED, SILENT, TOKEN, decided, known
from .theirs import CHANGES, FOREIGN, IDS, ca, cluster, memory, rows, theirs, well

KEYLESS = {"authority": {"certificateFile": "ca.crt"}, "authorities": [0, 1]}


def plan(
    seen: Mapping[str, Observation] | None = None,
    known_here: StackMemory | None = None,
    **changes: Any,
) -> Plan:
    """The plan of a stack that is to adopt the cluster."""
    return decided(
        settings(**{**CHANGES, **changes}),
        seen or cluster(),
        preview=False,
        memory=known_here or memory(),
    )


def faults(
    seen: Mapping[str, Observation] | None = None,
    known_here: StackMemory | None = None,
    **changes: Any,
) -> list[str]:
    """Why it is refused."""
    with pytest.raises(HostsError) as caught:
        plan(seen, known_here, **changes)
    return list(caught.value.faults)


def test_nothing_but_the_adoption_is_done_when_all_is_well() -> None:
    """No drift, and no order: nobody is touched."""
    found = plan()
    assert found.adopting == {*IDS}
    assert (found.drift, found.chain.order, found.former_hosts) == ({}, (), {})
    assert any("restarts nothing" in text for text in found.warnings)


def test_cluster_is_adopted_without_its_key() -> None:
    """Another CA takes over after that."""
    assert plan(certificates=KEYLESS).adopting == {*IDS}


def test_hosts_of_others_are_refused_without_adopt() -> None:
    """With the way to the runbook."""
    seen = {name: ready(foreign=FOREIGN, data="present") for name in IDS}
    for line in faults(seen, adopt=None):
        assert line.endswith(f"{FOREIGN}; or adopt its cluster: docs/runbooks/adopt.md")


def test_refusal_of_a_lost_state_names_the_cluster() -> None:
    """The way back in."""
    text = "this host belongs to member etcd01 of cluster etcd of the stack a/b/c"
    lines = faults({n: ready(**{**FORMED, "foreign": text}) for n in IDS}, adopt=None)
    assert all(f"adopt: '{CLUSTER}' takes the cluster over" in line for line in lines)


HOST: dict[str, tuple[dict[str, str], str]] = {
    "another cluster": ({"adopt_cluster": "beef"}, "is a member of cluster beef, but adopt names"),
    "a node": ({"adopt_node": "kubelet.conf is there"}, "stacked control plane's etcd is not"),
    "no etcd": ({"adopt_flags": ""}, "no etcd runs here"),
    "data elsewhere": ({"flag_data_dir": "/srv/etcd"}, "its etcd has its data in /srv/etcd"),
    "a WAL elsewhere": ({"flag_wal_dir": "/srv/wal"}, "its etcd has its data in /srv/wal"),
    "a container's own folder": ({"etcd": "stopped"}, "that is not the host's"),
    "no metrics": (
        {"flag_listen_metrics_urls": "http://10.107.88.15:2381"},
        "does not report its health at http://127.0.0.1:2381",
    ),
    "no health": ({"healthy": "no"}, "is not healthy according to http://127.0.0.1:2381"),
    "a service": ({"adopt_image": ""}, "is not the static pod /etc/kubernetes/manifests/etcd.yaml"),
    "another name": ({"flag_name": "infra0"}, "runs with --name=infra0"),
    "another port": (
        {"flag_advertise_client_urls": "https://10.107.88.15:4001"},
        "other ports are not supported",
    ),
    "plain http": ({"flag_listen_client_urls": "http://10.107.88.15:2379"}, "does not use TLS"),
    "any client": ({"flag_client_cert_auth": "false"}, "no --client-cert-auth"),
    "any peer": ({"flag_peer_client_cert_auth": "false"}, "no --peer-client-cert-auth"),
    "certificates elsewhere": (
        {"flag_cert_file": "/etc/etcd/server.crt"},
        "not where kubeadm has them, in /etc/kubernetes/pki/etcd: --cert-file=/etc/etcd/server.crt",
    ),
    "users": ({"adopt_auth": "true"}, "etcdctl auth disable"),
    "perhaps users": (
        {"adopt_auth": "unknown (timeout)"},
        "could not be determined: unknown (timeout)",
    ),
    "no answer": ({"adopt_why": "no member list", "adopt_members": ""}, "no member list"),
    "no identity": ({"adopt_id": ""}, "does not report its member id"),
    "another tag": (
        {"adopt_image": "registry.k8s.io/etcd:3.6.5-0"},
        "Set etcd.imageTag: 3.6.5-0, and change it later",
    ),
    "an old etcd": ({"adopt_version": "3.4.13"}, "3.5 to 3.7 can be adopted"),
    "another runtime": (
        {"adopt_runtime": "unix:///var/run/crio/crio.sock"},
        "containerRuntime is containerd, but its kubelet uses the runtime at unix:///var/run/crio",
    ),
    "another driver": ({"adopt_cgroup_driver": "cgroupfs"}, "set cgroupDriver: cgroupfs"),
    "etcd that is not root": ({"etcd_uid": "997"}, "its etcd runs as user 997"),
    "a large database": ({"db_bytes": "2100000000"}, "etcd.quotaBackendBytes is 2147483648"),
    "no certificate": ({"adopt_server": ""}, "server.crt in /etc/kubernetes/pki/etcd cannot be"),
    "half a certificate": ({"adopt_ca": "LS0tLS1CRUdJ"}, "ca.crt in /etc/kubernetes/pki/etcd"),
    "another kubelet": ({"kubelet": "v1.35.3"}, "kubelet is v1.35.3"),
}


@pytest.mark.parametrize(("facts", "text"), HOST.values(), ids=HOST.keys())
def test_host_is_refused(facts: dict[str, str], text: str) -> None:
    """With its name and the reason; the others are not blamed."""
    lines = faults(cluster(etcd01=theirs("etcd01", **facts)))
    assert any(text in line for line in lines), lines
    assert all(line.startswith(("etcd01 (10.107.88.15): ", "members: ")) for line in lines)


def test_members_of_a_stack_that_lost_its_state_are_adopted_as_they_run() -> None:
    """They are not root, and read copies of their keys."""
    ours = {n: theirs(n, etcd_uid="999", etcd_keys="copies") for n in IDS}
    assert plan(ours).adopting == {*IDS}


LIST: dict[str, tuple[dict[str, str], str]] = {
    "one more": (
        {
            "adopt_members": rows(
                etcd04="a4,etcd04,https://10.9.9.9:2380,https://10.9.9.9:2379,false"
            )
        },
        "the cluster has a member etcd04 at https://10.9.9.9:2380 that is not declared",
    ),
    "one less": ({"adopt_members": rows(etcd03="")}, "etcd03 is not a member of cluster"),
    "a learner": (
        {"adopt_members": rows(etcd03="a3,etcd03,https://10.107.88.17:2380,-,true")},
        "etcd03 (10.107.88.17): is a learner; promote it first (etcdctl member promote a3)",
    ),
    "one elsewhere": (
        {"adopt_members": rows(etcd03="a3,etcd03,https://db3:2380,-,false")},
        "the cluster has it at https://db3:2380",
    ),
    "one that is ill": ({"adopt_serving": "a1 a2"}, "etcd03 (10.107.88.17): is not healthy"),
    "half a list": ({"adopt_members": "a1,etcd01"}, "could not be read"),
}


@pytest.mark.parametrize(("facts", "text"), LIST.values(), ids=LIST.keys())
def test_membership_has_to_be_the_declared_one(facts: dict[str, str], text: str) -> None:
    """As a quorum has it; each difference is told once."""
    lines = faults({name: theirs(name, **facts) for name in IDS})
    assert [line for line in lines if text in line]
    assert len(lines) == 1


def test_each_host_has_to_answer() -> None:
    """In a preview, too: nobody knows what it has."""
    (line,) = faults(cluster(etcd02=SILENT))
    assert "etcd02 (10.107.88.16): unreachable (No route to host)" in line


def test_empty_host_is_refused() -> None:
    """Nothing is bootstrapped beside a cluster that is to be adopted."""
    (line,) = faults(cluster(etcd03=ready()))
    assert f"holds no member of the cluster {CLUSTER}" in line
    assert len(faults({name: ready() for name in IDS})) == len(IDS)


def test_another_cluster_than_the_stacks_is_refused() -> None:
    """A stack has one."""
    (line,) = faults({name: well() for name in IDS}, memory(cluster_id=CLUSTER), adopt="beef")
    assert "is another cluster than this stack's" in line


OURS = {"adopted": "yes", "owner": f"etcd x {TOKEN} s", "issuer": ""}


def begun(*started: str) -> StackMemory:
    """A stack whose adoption was cut off: it knows these members."""
    there = {each["name"]: known(each["address"]) for each in members()}
    return memory(
        token=TOKEN,
        cluster_id=CLUSTER if started else "",
        members={name: there[name] for name in started},
    )


def test_run_that_was_cut_off_goes_on() -> None:
    """Hosts that were taken over stay so, and those that were not are now."""
    seen = cluster(etcd01=well(**OURS))
    assert plan(seen, begun("etcd01")).adopting == {"etcd02", "etcd03"}
    assert plan(seen, begun()).adopting == {*IDS}
    assert not plan({name: well(**OURS) for name in IDS}, begun(*IDS)).adopting


def test_old_state_takes_nothing_back() -> None:
    """It knows the members, and they are another stack's by now."""
    text = "this host belongs to member etcd01 of cluster etcd of the stack a/b/c"
    seen = {name: theirs(name, foreign=text, owner="etcd x beef s") for name in IDS}
    lines = faults(seen, begun(*IDS))
    assert lines[: len(IDS)] == [f"{x['name']} ({x['address']}): {text}" for x in members()]


def test_difference_is_told_member_by_member() -> None:
    """What its etcd gets and loses; what kubeadm sets for all is not told."""
    seen = {
        name: well(
            **OURS,
            drift_host="not prepared",
            drift_pki="no certificates",
            etcd_uid="0",
            adopt_flags=theirs(name, flag_auto_compaction_retention="8").fact("adopt-flags"),
        )
        for name in IDS
    }
    found = plan(seen, begun(*IDS))
    assert not found.adopting
    assert found.chain.order == ("etcd01", "etcd02", "etcd03")
    for name in IDS:
        told = found.drift[name, "member"]
        assert told.startswith("drift after 3: adopted; restarts with election-timeout=1000, ")
        assert "listen-client-urls=https://127.0.0.1:2379,https://10.107.88.1" in told
        assert "(was https://10.107.88.1" in told
        assert told.endswith("no auto-compaction-retention (was 8), user etcd (was root)")
        assert found.drift[name, "host"] == "drift after 3: adopted, not managed yet"


def test_adopted_machine_that_is_put_back_to_a_snapshot_is_rolled_once_more() -> None:
    """It says what it said before it was rolled, and the same line would be no change."""
    seen = {name: well(**OURS, adopt_flags=theirs(name).fact("adopt-flags")) for name in IDS}
    memory = begun(*IDS)
    rolled = replace(memory.members["etcd02"], serial=9)
    found = plan(seen, replace(memory, members={**memory.members, "etcd02": rolled}))
    assert found.drift["etcd02", "member"].startswith("new at ")
    assert found.drift["etcd01", "member"].startswith("drift after 3")


def test_former_trust_of_a_member_is_not_asked_for() -> None:
    """Its former stack was about to change CAs: what it trusts besides is given up in its turn."""
    seen = {
        n: well(**OURS | {"adopt-flags": "--a=b", "trusts": f"{ca().fingerprint} {'f' * 64}"})
        for n in IDS
    }
    assert plan(seen, begun(*IDS)).chain.order


def test_ca_without_a_key_issues_no_more_once_another_has() -> None:
    """The step before cannot be taken back."""
    issued = well(issuer="b" * 64)
    lines = faults(dict.fromkeys(IDS, issued), begun(*IDS), certificates=KEYLESS, adopt=None)
    assert any("cannot issue again" in line and "[1, 0]" in line for line in lines)


def test_key_of_a_ca_that_has_issued_is_not_taken_out() -> None:
    """Its certificates would leave the state, and their keys are protected there."""
    seen = {name: well() for name in IDS}
    known_here = replace(begun(*IDS), expiries={"etcd01-server": "2035-01-01T00:00:00Z"})
    (line,) = faults(seen, known_here, certificates=KEYLESS, adopt=None)
    assert "authority 0 has no private key any more, and 1 certificates of this stack" in line
    assert "until another authority issues, [1, 0]" in line
    assert plan(seen, known_here, certificates=KEYLESS, adopt=None, deletionProtection=False).formed
    assert plan(seen, begun(*IDS), certificates=KEYLESS, adopt=None).formed
    kept = {**CHANGES["certificates"], "authorities": [0, 1]}
    assert plan(seen, known_here, certificates=kept, adopt=None).formed


def test_key_of_a_ca_on_a_host_is_warned_of() -> None:
    """As long as it is there."""
    seen = {name: well() for name in IDS}
    seen["etcd01"] = well(ca_keys="/a/ca.key /b/ca.key")
    (line,) = [x for x in plan(seen, begun(*IDS)).warnings if "private key" in x]
    assert line.startswith("etcd01 (10.107.88.15): a CA's private key is on this host: /a/ca.key, ")


def test_digest_is_the_programs() -> None:
    """What the other tests take for granted: nothing else differs on these hosts."""
    seen = {name: well() for name in IDS}
    assert all(each.fact("program") == DIGEST for each in seen.values())
    assert plan(seen, begun(*IDS)).drift == {}
