"""The whole program, as Pulumi runs it: `__main__.py`, with the hosts' answers given."""

from __future__ import annotations

import base64
import json
import runpy
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import yaml
from pulumi.runtime.proto import engine_pb2

from etcd_cluster.components.program import ERROR_WAS_SHOWN
from etcd_cluster.plan import probe
from etcd_cluster.plan.probe import Observation
from tests.support import mocks
from tests.support.graph import COMMAND, Graph, contains_unknown, is_secret, open_secret
from tests.support.samples import hosts, members, raw, ready

MAIN = Path(__file__).parents[2] / "__main__.py"
Up = Callable[..., Graph]


class Hosts:
    """The hosts' answers, and how often they were asked."""

    def __init__(self) -> None:
        self.answers: Mapping[str, Observation] = hosts()
        self.brought: list[bool] = []
        """Whether each look at them brought the host program along."""

    @property
    def asked(self) -> int:
        """How often they were asked."""
        return len(self.brought)

    def observe(self, *_: object, bring: bool) -> Mapping[str, Observation]:
        """In place of the probe."""
        self.brought.append(bring)
        return self.answers


def write_files(folder: Path) -> Path:
    """The files that the least configuration names."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    (folder / "id_ed25519").write_bytes(key.export_private_key())
    public = key.export_public_key().decode()
    (folder / "known_hosts").write_text(
        "".join(f"{member['address']} {public}" for member in members())
    )
    return folder


def execute(
    patch: pytest.MonkeyPatch,
    folder: Path,
    *,
    preview: bool = False,
    other: Mapping[str, str] | None = None,
    **changes: Any,
) -> Graph:
    """Runs __main__.py with a changed configuration, as the language host does."""
    own = {f"etcd-cluster:{key}": value for key, value in raw(**changes).items()}
    patch.setenv("PULUMI_CONFIG", json.dumps(own | dict(other or {})))
    return mocks.run(
        lambda: runpy.run_path(str(MAIN), run_name="__main__"), preview=preview, folder=str(folder)
    )


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Hosts:
    """Three ready hosts in place of the network."""
    found = Hosts()
    monkeypatch.setattr(probe, "observe", found.observe)
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The project's folder."""
    return write_files(tmp_path)


@pytest.fixture
def up(monkeypatch: pytest.MonkeyPatch, folder: Path, answering: Hosts) -> Up:
    """Runs the program with a changed configuration."""
    return partial(execute, monkeypatch, folder)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    """The program has ended on three ready hosts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(probe, "observe", Hosts().observe)
        return execute(patch, write_files(tmp_path_factory.mktemp("project")))


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """What the program says on the terminal, also where it ends without a graph."""
    heard: list[tuple[str, str]] = []
    for level in ("warn", "error"):

        def hear(text: str, *_: object, level: str = level, **__: object) -> None:
            heard.append((level, text))

        monkeypatch.setattr(f"pulumi.log.{level}", hear)
    return heard


def test_program_exports_just_its_outputs_when_it_ends(done: Graph) -> None:
    """The names are fixed: another stack reads them."""
    assert set(done.stack_outputs()) == {
        "endpoints",
        "caCertificate",
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
    """By name: what the gate said of it, and where it is."""
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
    """Each from its own gate."""
    described = done.stack_output("members")
    assert len({one["id"] for one in described.values()}) == 3


def test_cluster_id_is_what_the_members_said_when_exported(done: Graph) -> None:
    """In hex, as etcdctl prints it."""
    assert done.stack_output("clusterId") == "cdf818194e3a8c32"


def test_client_key_is_secret_when_the_program_exports_it(done: Graph) -> None:
    """Also through __main__."""
    value = done.stack_output("clientKey")
    assert is_secret(value)
    assert "KEY" in open_secret(value)


def test_endpoints_are_unknown_when_no_member_is_healthy_yet(up: Up) -> None:
    """Nobody is handed an endpoint that nothing answers at."""
    graph = up(preview=True)
    assert contains_unknown(open_secret(graph.stack_output("endpoints")))
    assert contains_unknown(open_secret(graph.stack_output("kubeadmExternalEtcd")))


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
    assert "etcd-etcd02-packages" not in up(preview=True).names(COMMAND)


def test_resources_are_named_after_the_cluster_when_it_has_a_name(up: Up) -> None:
    """`clusterName` is the prefix."""
    assert up(clusterName="blue").names("etcd-cluster:index:EtcdCluster") == {"blue"}


@pytest.mark.parametrize("preview", [True, False])
def test_program_ends_with_one_error_when_the_configuration_is_wrong(
    up: Up, answering: Hosts, said: list[tuple[str, str]], preview: bool
) -> None:
    """All faults in it; no host was asked; Pulumi adds no error of its own and no traceback."""
    with pytest.raises(SystemExit) as ended:
        up(preview=preview, kubernetesVersion="1.35", containerRuntime="docker")
    assert ended.value.code == ERROR_WAS_SHOWN
    ((level, text),) = said
    assert level == "error"
    assert "kubernetesVersion: " in text
    assert "containerRuntime: " in text
    assert answering.asked == 0


def test_program_ends_with_one_error_when_the_key_is_missing(
    up: Up, answering: Hosts, said: list[tuple[str, str]], folder: Path
) -> None:
    """Before any host is asked."""
    (folder / "id_ed25519").unlink()
    with pytest.raises(SystemExit):
        up()
    ((level, text),) = said
    assert (level, "ssh.privateKeyFile" in text, answering.asked) == ("error", True, 0)


def test_program_ends_with_one_error_when_hosts_are_not_ready(
    up: Up, answering: Hosts, said: list[tuple[str, str]]
) -> None:
    """All hosts in it."""
    answering.answers = hosts(etcd01=ready(kubelet="absent"), etcd02=ready(etcdctl="absent"))
    with pytest.raises(SystemExit) as ended:
        up()
    ((level, text),) = said
    assert (ended.value.code, level) == (ERROR_WAS_SHOWN, "error")
    assert "etcd01 (10.107.88.15): kubelet is not installed" in text
    assert "etcd02 (10.107.88.16): etcdctl is not installed" in text


def test_nothing_is_registered_when_the_program_ends_with_an_error(
    up: Up, answering: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the cluster's component: the state is not touched."""
    kept: list[Graph] = []
    original = Graph.__init__

    def remember(self: Graph, *args: Any, **named: Any) -> None:
        original(self, *args, **named)
        kept.append(self)

    monkeypatch.setattr(Graph, "__init__", remember)
    answering.answers = hosts(etcd01=Observation(refused="no sudo"))
    with pytest.raises(SystemExit):
        up()
    (graph,) = kept
    assert graph.resources == []


def test_unknown_key_is_refused_when_it_is_in_the_project_s_namespace(
    up: Up, said: list[tuple[str, str]]
) -> None:
    """A misspelled key is not silently without effect."""
    with pytest.raises(SystemExit):
        up(deletionProtecton="false")
    assert "deletionProtecton: unknown key" in said[0][1]


def test_foreign_key_is_left_alone_when_it_is_in_another_namespace(up: Up) -> None:
    """Other programs and providers have configuration too."""
    graph = up(other={"aws:region": "eu-central-1", "etcd-cluster-2:members": "[]"})
    assert graph.command("etcd-etcd01-member")


def test_warning_is_said_when_a_host_is_silent(
    up: Up, answering: Hosts, said: list[tuple[str, str]]
) -> None:
    """And the program goes on."""
    answering.answers = hosts(
        etcd01=ready(formed="cafe"), etcd02=Observation(unreachable="No route to host")
    )
    assert up().command("etcd-etcd02-member")
    ((level, text),) = said
    assert level == "warn"
    assert "etcd02 (10.107.88.16): unreachable" in text


def test_warning_is_said_when_the_number_of_members_is_even(
    up: Up, answering: Hosts, said: list[tuple[str, str]], folder: Path
) -> None:
    """Allowed, and worth a word."""
    line = (folder / "known_hosts").read_text().splitlines()[0].split(" ", 1)[1]
    with (folder / "known_hosts").open("a") as file:
        file.write(f"10.107.88.18 {line}\n")
    answering.answers = {**hosts(), "etcd04": ready()}
    assert up(members=members(4), allowEvenMembers="true").command("etcd-etcd04-member")
    assert [level for level, _ in said] == ["warn"]


def test_log_is_free_of_warnings_when_all_is_well(done: Graph) -> None:
    """Nothing to get used to."""
    loud = (engine_pb2.WARNING, engine_pb2.ERROR)
    assert [text for severity, text in done.log if severity in loud] == []


@pytest.mark.parametrize(
    ("preview", "drift_detection", "asked"),
    [(True, "true", 1), (False, "true", 1), (True, "false", 0), (False, "false", 1)],
)
def test_hosts_are_asked_when_the_plan_needs_them(
    up: Up, answering: Hosts, preview: bool, drift_detection: str, asked: int
) -> None:
    """Bootstrapping or joining is never decided blindly; a preview without drift asks nobody.

    An `up` brings the host program along; a preview leaves nothing on a host.
    """
    assert up(preview=preview, driftDetection=drift_detection).resources
    assert answering.brought == [not preview] * asked
