"""The whole program, as Pulumi runs it: `__main__.py`, with the hosts' answers given."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
import yaml
from pulumi.runtime.proto import engine_pb2

from etcd_cluster.plan import probe
from tests.support import mocks
from tests.support.mocks import Graph, open_secret
from tests.support.samples import hosts, ready

from .whole import Hosts, Up, execute, write_files


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """The program has ended on three ready hosts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "observe", Hosts().observe)
        return execute(patch, write_files(tmp_path_factory.mktemp("project")))


def test_program_exports_just_its_outputs_when_it_ends(done: Graph) -> None:
    """The names are fixed: another stack reads them."""
    assert set(done.stack_outputs()) == {
        "endpoints",
        "caCertificate",
        "certificateAuthorities",
        "clientCertificate",
        "clientKey",
        "kubeadmExternalEtcd",
        "members",
        "clusterId",
        "clients",
    }


def test_endpoints_are_every_member_s_client_url_when_exported(done: Graph) -> None:
    """A list, as kubeadm and the API server want it."""
    assert done.stack_output("endpoints") == [
        "https://10.107.88.15:2379",
        "https://10.107.88.16:2379",
        "https://10.107.88.17:2379",
    ]


def test_certificates_are_those_of_the_graph_when_exported(done: Graph) -> None:
    """The CA's, and the API servers' own."""
    ca = done.get("tls:index/selfSignedCert:SelfSignedCert", "etcd-ca-certificate")
    client = done.get(
        "tls:index/locallySignedCert:LocallySignedCert", "etcd-apiserver-etcd-client-certificate"
    )
    assert done.stack_output("caCertificate") == ca.outputs["certPem"]
    assert done.stack_output("clientCertificate") == client.outputs["certPem"]


def test_kubeadm_snippet_names_the_endpoints_when_exported(done: Graph) -> None:
    """YAML that kubeadm can read."""
    document = yaml.safe_load(done.stack_output("kubeadmExternalEtcd"))
    assert document["kind"] == "ClusterConfiguration"
    assert document["etcd"]["external"]["endpoints"] == done.stack_output("endpoints")


def test_every_member_is_described_when_exported(done: Graph) -> None:
    """By name: what `wait-healthy` said of it, and where it is."""
    described = done.stack_output("members")
    assert set(described) == {"etcd01", "etcd02", "etcd03"}
    one = dict(described["etcd02"])
    assert one.pop("id")
    assert one == {
        "clientUrl": "https://10.107.88.16:2379",
        "peerUrl": "https://10.107.88.16:2380",
        "etcdVersion": "3.6.6",
        "certificateExpiry": "2027-01-01T00:00:00Z",
    }


def test_members_have_ids_of_their_own_when_exported(done: Graph) -> None:
    """Each from its own host."""
    described = done.stack_output("members")
    assert len({one["id"] for one in described.values()}) == 3


def test_cluster_id_is_what_the_members_said_when_exported(done: Graph) -> None:
    """In hex, as etcdctl prints it."""
    assert done.stack_output("clusterId") == "cdf818194e3a8c32"


def test_client_key_is_secret_when_the_program_exports_it(done: Graph) -> None:
    """Also through __main__."""
    value = done.stack_output("clientKey")
    assert mocks.is_secret(value)
    assert "KEY" in open_secret(value)


def test_endpoints_are_unknown_when_no_member_is_healthy_yet(up: Up) -> None:
    """Nobody is handed an endpoint that nothing answers at."""
    graph = up(preview=True)
    assert mocks.contains_unknown(open_secret(graph.stack_output("endpoints")))
    assert mocks.contains_unknown(open_secret(graph.stack_output("kubeadmExternalEtcd")))


def test_members_bootstrap_when_no_host_has_a_cluster(done: Graph) -> None:
    """The probe's answers become the plan."""
    assert done.command("etcd-etcd01-member").text("create").endswith(" bootstrap")


def test_members_join_when_a_host_has_a_cluster(up: Up, answering: Hosts) -> None:
    """One host's word is enough."""
    answering.answers = hosts(etcd03=ready(formed="cafe"))
    assert up().command("etcd-etcd01-member").text("create").endswith(" converge")


def test_drift_is_shown_when_a_host_reports_it(up: Up, answering: Hosts) -> None:
    """From the host's word to the line in the preview."""
    answering.answers = hosts(
        etcd02=ready(formed="cafe", serial="7", drift_member="etcd.yaml edited")
    )
    command = up(preview=True).command("etcd-etcd02-member")
    assert command.text("create").endswith(" converge # drift after 7: etcd.yaml edited")
    assert command.ignore_changes == ()


def test_commands_use_the_pinned_keys_when_they_are_declared(up: Up, folder: Path) -> None:
    """From the known_hosts file to the connection."""
    pinned = (folder / "known_hosts").read_text().splitlines()[0].split()[1:3]
    command = up().command("etcd-etcd01-host-program")
    assert command.text("connection", "hostKey") == " ".join(pinned)
    assert command.text("connection", "privateKey") == (folder / "id_ed25519").read_text()


def test_hosts_get_what_files_hold_when_the_configuration_names_them(up: Up, folder: Path) -> None:
    """From a signing key and a CA in the project's folder to what the hosts are told."""
    files = {
        "mirror.asc": "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN\n"
        "-----END PGP PUBLIC KEY BLOCK-----\n",
        "ca.pem": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    }
    for name, content in files.items():
        (folder / name).write_text(content)
    graph = up(
        install="packages",
        repositories={
            "kubernetes": {"url": "http://mirror.example.com", "signingKeyFile": "mirror.asc"}
        },
        registry={"caFile": "ca.pem"},
    )
    told = {
        "mirror.asc": ("etcd-etcd02-packages", "repository.kubernetes.key"),
        "ca.pem": ("etcd-etcd02-registry", "ca"),
    }
    for name, (command, key) in told.items():
        state = yaml.safe_load(graph.command(command).text("stdin"))
        assert base64.b64decode(state[key]).decode() == files[name]


def test_drift_of_packages_is_shown_when_a_host_reports_it(up: Up, answering: Hosts) -> None:
    """Only where packages are installed: a host with an image says the same of itself."""
    answering.answers = hosts(
        etcd02=ready(formed="cafe", serial="7", drift_packages="packages not held")
    )
    command = up(preview=True, install="packages").command("etcd-etcd02-packages")
    assert command.text("create").endswith(" install # drift after 7: packages not held")
    assert "etcd-etcd02-packages" not in up(preview=True).names(mocks.COMMAND)


def test_resources_are_named_after_the_cluster_when_it_has_a_name(up: Up) -> None:
    """`clusterName` is the prefix."""
    assert up(clusterName="blue").names("etcd-cluster:index:EtcdCluster") == {"blue"}


def test_log_is_free_of_warnings_when_all_is_well(done: Graph) -> None:
    """Nothing to get used to."""
    loud = (engine_pb2.WARNING, engine_pb2.ERROR)
    assert [text for severity, text in done.log if severity in loud] == []
