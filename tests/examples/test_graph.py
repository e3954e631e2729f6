"""The example's resources: their order, what is secret, what is protected."""

from __future__ import annotations

import itertools

import pulumi
import pytest

from control_plane.component import ControlPlane
from control_plane.stack import EtcdStack
from etcd_cluster import Access, HostsArgs, Plan, fingerprint
from tests.examples.samples import EXTERNAL_ETCD, settings
from tests.support.mocks import COMMAND, Graph, is_secret, pem, run
from tests.support.samples import KEY_TEXT

CHAIN = ("host-program", "program", "client", "control-plane", "kubeconfig")
CERTIFICATE = pem("CERTIFICATE", "client")
HELD_BACK = pem("EC PRIVATE" + " KEY", "client")


def declare(drift: dict[tuple[str, str], str] | None = None, **changes: str) -> Graph:
    """The graph of the least configuration, with changes."""
    args = HostsArgs(
        settings=settings(**changes),
        access=Access(private_key=KEY_TEXT, host_keys={"master01": "ssh-ed25519 key"}),
        plan=Plan(formed=False, drift=drift or {}),
    )

    def program() -> None:
        etcd = EtcdStack(
            ca_certificate=pulumi.Output.from_input(pem("CERTIFICATE", "ca")),
            client_certificate=pulumi.Output.from_input(CERTIFICATE),
            client_key=pulumi.Output.secret(HELD_BACK),
            kubeadm_external_etcd=pulumi.Output.from_input(EXTERNAL_ETCD),
        )
        control_plane = ControlPlane("kubernetes", args, etcd)
        pulumi.export("kubeconfig", control_plane.kubeconfig)

    return run(program)


@pytest.fixture(scope="module")
def graph() -> Graph:
    """A control plane as it is declared first."""
    return declare()


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        *itertools.pairwise(CHAIN),
        *itertools.pairwise(("host-program", "packages", "host", "client")),
    ],
)
def test_each_step_waits_for_the_one_before(graph: Graph, earlier: str, later: str) -> None:
    """Certificates before kubeadm, the kubeconfig after it."""
    first, second = (graph.command(f"kubernetes-master01-{each}") for each in (earlier, later))
    assert graph.depends(second, first)


def test_the_kubeconfig_is_a_secret_of_the_state_and_of_the_outputs(graph: Graph) -> None:
    """It is what a command prints, which no log shows either."""
    command = graph.command("kubernetes-master01-kubeconfig")
    assert "stdout" in command.secret_outputs
    assert command.text("logging") == "stderr"
    assert is_secret(graph.stack_output("kubeconfig"))


def test_the_clients_key_is_secret_and_its_certificate_named(graph: Graph) -> None:
    """A reissued certificate shows as another fingerprint."""
    command = graph.command("kubernetes-master01-client")
    assert command.is_secret("stdin")
    assert command.text("update").endswith(f"client master01 {fingerprint(CERTIFICATE)}")


def test_kubeadms_configuration_can_be_read_in_a_preview(graph: Graph) -> None:
    """It holds no secret, so a change shows key by key."""
    command = graph.command("kubernetes-master01-control-plane")
    assert not command.is_secret("stdin")
    assert "https://10.107.88.15:2379" in command.text("stdin")


def test_everything_is_protected_unless_it_is_switched_off(graph: Graph) -> None:
    """`destroy --skip-preview` deletes whatever is not itself protected."""
    assert all(each.protect for each in graph.of_type(COMMAND))
    assert not any(e.protect for e in declare(deletionProtection="false").of_type(COMMAND))


def test_nothing_is_ever_replaced(graph: Graph) -> None:
    """A replacement would run kubeadm reset after the new kubeadm init."""
    for each in graph.of_type(COMMAND):
        assert not each.has_replacement_trigger
        assert "triggers" not in each.inputs


def test_a_host_made_anew_shows_its_reason_in_the_preview() -> None:
    """And only there is `create` looked at."""
    graph = declare({("master01", "control-plane"): "new at noon"})
    command = graph.command("kubernetes-master01-control-plane")
    assert command.text("create").endswith("kubernetes-control-plane apply # new at noon")
    assert "create" not in command.ignore_changes
    assert "create" in graph.command("kubernetes-master01-client").ignore_changes
