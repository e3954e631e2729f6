"""Names, types and parents: what every user's state is made of."""

from __future__ import annotations

import re

import pytest

from etcd_cluster import EtcdCluster, EtcdClusterArgs
from etcd_cluster.errors import ConfigurationError
from etcd_cluster.plan.plan import Plan
from tests.support.mocks import COMMAND, Graph, run
from tests.support.samples import access, members, settings

from .declared import CHAIN, LEAVES, NAMES, declare

COMPONENT = "etcd-cluster:index:"


def tree() -> dict[str, str]:
    """Every resource and its parent, each as `type name`; the cluster's parent is the stack."""
    command, key = COMMAND, "tls:index/privateKey:PrivateKey"
    cluster = f"{COMPONENT}EtcdCluster etcd"
    ca = f"{COMPONENT}CertificateAuthority etcd-ca"
    expected = {
        cluster: "",
        ca: cluster,
        f"{key} etcd-ca-key": ca,
        "tls:index/selfSignedCert:SelfSignedCert etcd-ca-certificate": ca,
        "random:index/randomId:RandomId etcd-token": cluster,
    }
    certificates = {"etcd-apiserver-etcd-client": cluster}
    for name in NAMES:
        prefix = f"etcd-{name}"
        host, member = (
            f"{COMPONENT}EtcdHost {prefix}-host",
            f"{COMPONENT}EtcdMember {prefix}-member",
        )
        expected |= {
            host: cluster,
            member: cluster,
            f"{command} {prefix}-host-program": host,
            f"{command} {prefix}-host": host,
            f"{command} {prefix}-pki": member,
            f"{command} {prefix}-member": member,
            f"{command} {prefix}-healthy": member,
        }
        certificates |= {f"{prefix}-{leaf}": member for leaf in LEAVES}
    for name, parent in certificates.items():
        expected |= {
            f"{key} {name}-key": parent,
            f"tls:index/certRequest:CertRequest {name}-request": parent,
            f"tls:index/locallySignedCert:LocallySignedCert {name}-certificate": parent,
        }
    return expected


def test_component_of_another_name_is_refused() -> None:
    """The state is read by clusterName: the next run would not know its own CA."""
    wanted = settings()
    args = EtcdClusterArgs(
        settings=wanted, access=access(wanted), plan=Plan(formed=False, drift={})
    )
    with pytest.raises(ConfigurationError) as caught:
        run(lambda: EtcdCluster("etcd-prod", args))
    (fault,) = caught.value.faults
    assert fault.startswith("clusterName: 'etcd', and the EtcdCluster is named 'etcd-prod': ")
    assert "EtcdCluster(args.settings.cluster_name, args)" in fault


def test_every_resource_has_its_type_name_and_parent_when_declared(graph: Graph) -> None:
    """Whatever the plan. Renaming or moving one would delete and make anew what users have."""
    found = {}
    for each in graph.resources:
        above = graph.parent(each)
        found[f"{each.type} {each.name}"] = f"{above.type} {above.name}" if above else ""
    assert found == tree()


def test_only_components_have_the_project_s_types_when_declared(bootstrapping: Graph) -> None:
    """What a provider makes is custom; what this project groups is not."""
    assert all(
        each.custom is not each.type.startswith(COMPONENT) for each in bootstrapping.resources
    )


def test_names_hold_member_names_and_no_index_when_declared(bootstrapping: Graph) -> None:
    """An index would move with the order of the configuration."""
    allowed = "|".join(("ca", "token", "apiserver-etcd-client", *NAMES))
    assert all(
        re.fullmatch(rf"etcd(-({allowed})(-[a-z-]+)?)?", each.name)
        for each in bootstrapping.resources
    )


def test_names_start_with_the_cluster_s_name_when_it_is_another() -> None:
    """Two clusters fit into one stack."""
    graph = declare(clusterName="blue")
    assert all(each.name == "blue" or each.name.startswith("blue-") for each in graph.resources)


def test_nothing_changes_when_the_configuration_s_order_does(formed: Graph) -> None:
    """Same resources, same inputs."""
    turned = declare(formed=True, members=members()[::-1])
    assert {each.urn: each.inputs for each in turned.resources} == {
        each.urn: each.inputs for each in formed.resources
    }


def test_preview_declares_the_same_resources_when_nothing_is_known(
    bootstrapping: Graph, preview: Graph
) -> None:
    """A resource that is made inside of an apply would be missing from the preview."""
    assert {each.urn for each in preview.resources} == {
        each.urn for each in bootstrapping.resources
    }


@pytest.mark.parametrize(
    ("token", "names", "outputs"),
    [
        ("EtcdCluster", {"etcd"}, {"endpoints", "clusterId"}),
        ("EtcdMember", {f"etcd-{name}-member" for name in NAMES}, {"description"}),
        ("CertificateAuthority", {"etcd-ca"}, {"certificate", "fingerprints"}),
    ],
)
def test_component_registers_its_outputs_when_it_is_whole(
    bootstrapping: Graph, token: str, names: set[str], outputs: set[str]
) -> None:
    """Without it the engine counts a component as not ended."""
    found = {
        each.name: set(bootstrapping.registered_outputs[each.urn])
        for each in bootstrapping.of_type(COMPONENT + token)
    }
    assert found == dict.fromkeys(names, outputs)


def test_every_member_has_its_chain_of_commands_when_declared(graph: Graph) -> None:
    """Five for each, and no other command."""
    assert graph.names(COMMAND) == {f"etcd-{name}-{thing}" for name in NAMES for thing in CHAIN}
