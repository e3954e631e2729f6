"""The remote commands: what runs, over which connection, and what must never happen to them."""

from __future__ import annotations

import shlex

import pytest
import yaml

from etcd_cluster import hostprogram
from tests.support.mocks import COMMAND, Graph
from tests.support.samples import SSH, members

from .conftest import DRIFT
from .declared import CA_CERTIFICATE, CA_KEY, CHAIN, LEAVES, NAMES, TOKEN, commands, declare

DELETES = {
    "host-program": "uninstall",
    "host": "forget-host",
    "pki": "forget-pki",
    "member": "leave",
}


def verb(line: str) -> str:
    """The verb in a command line of the host program."""
    words = shlex.split(line)
    return words[words.index(hostprogram.PATH) + 1]


@pytest.mark.parametrize("name", NAMES)
def test_new_member_bootstraps_when_no_cluster_is_formed(bootstrapping: Graph, name: str) -> None:
    """`create` runs for a resource that is new."""
    assert verb(bootstrapping.command(f"etcd-{name}-member").text("create")) == "bootstrap"


@pytest.mark.parametrize("graph_name", ["formed", "drifted"])
@pytest.mark.parametrize("name", NAMES)
def test_new_member_joins_when_a_cluster_is_formed(
    request: pytest.FixtureRequest, graph_name: str, name: str
) -> None:
    """Never a second cluster."""
    graph: Graph = request.getfixturevalue(graph_name)
    assert verb(graph.command(f"etcd-{name}-member").text("create")) == "converge"


@pytest.mark.parametrize("name", NAMES)
def test_known_member_converges_when_it_changes(graph: Graph, name: str) -> None:
    """`update` runs for a resource that the state knows: it never bootstraps, whatever the plan."""
    assert verb(graph.command(f"etcd-{name}-member").text("update")) == "converge"


def test_nothing_but_members_bootstraps_when_bootstrapping(bootstrapping: Graph) -> None:
    """Bootstrapping is one verb of one command."""
    bootstrapping_commands = {
        each.name
        for each in bootstrapping.of_type(COMMAND)
        if " bootstrap" in each.text("create") or " bootstrap" in each.text("update")
    }
    assert bootstrapping_commands == {f"etcd-{name}-member" for name in NAMES}


VERBS = [("host", "prepare-kubelet"), ("healthy", "wait-healthy")]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("thing", "expected"), VERBS)
def test_the_same_verb_runs_when_a_command_is_new_or_changed(
    graph: Graph, name: str, thing: str, expected: str
) -> None:
    """Both verbs can be run again at any time."""
    command = graph.command(f"etcd-{name}-{thing}")
    assert verb(command.text("create")) == verb(command.text("update")) == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("thing", "expected"), list(DELETES.items()))
def test_its_own_delete_runs_when_a_command_is_removed(
    graph: Graph, name: str, thing: str, expected: str
) -> None:
    """A member leaves; what was written is taken away."""
    assert verb(graph.command(f"etcd-{name}-{thing}").text("delete")) == expected


@pytest.mark.parametrize("name", NAMES)
def test_cluster_s_token_is_named_when_a_host_is_given_back(graph: Graph, name: str) -> None:
    """A stack whose state is an old one would otherwise take away another's certificates.

    `leave` has it on stdin.
    """
    token = graph.get(*TOKEN).outputs["hex"]
    lines = {
        "host-program": hostprogram.uninstall_line("root", "etcd", name, token),
        "host": f"{hostprogram.PATH} forget-host {token}",
        "pki": f"{hostprogram.PATH} forget-pki etcd {name} {token}",
    }
    found = {thing: graph.command(f"etcd-{name}-{thing}").text("delete") for thing in lines}
    assert found == lines
    stdin = yaml.safe_load(graph.command(f"etcd-{name}-member").text("stdin"))
    assert (stdin["cluster"], stdin["member"], stdin["token"]) == ("etcd", name, token)


@pytest.mark.parametrize("name", NAMES)
def test_host_is_claimed_before_its_program_is_replaced(graph: Graph, name: str) -> None:
    """Whoever else owns it keeps the program that its own stack put there."""
    token = graph.get(*TOKEN).outputs["hex"]
    identity = f"claim etcd {name} {token} organization/etcd-cluster/test"
    command = graph.command(f"etcd-{name}-host-program")
    for key in ("create", "update"):
        line = command.text(key)
        assert line.count(identity) == 1
        assert line.index(identity) < line.index("mv -f $d /usr/local/sbin/etcd-host")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_runs_when_a_gate_is_removed(graph: Graph, name: str) -> None:
    """It left nothing on the host."""
    assert "delete" not in graph.command(f"etcd-{name}-healthy").inputs


def test_delete_reads_the_member_s_state_when_it_leaves(formed: Graph) -> None:
    """`leave` gets the same stdin: it finds its cluster there."""
    told = yaml.safe_load(formed.command("etcd-etcd01-member").text("stdin"))
    assert {"cluster", "token", "endpoints", "arg.initial-advertise-peer-urls"} <= set(told)


def test_every_command_pins_its_own_host_s_key_when_it_connects(graph: Graph) -> None:
    """Without hostKey, the plugin verifies nothing at all."""
    pins = {each.name: each.text("connection", "hostKey") for each in graph.of_type(COMMAND)}
    assert pins == {
        f"etcd-{name}-{thing}": f"ssh-ed25519 key-of-{name}" for name in NAMES for thing in CHAIN
    }


@pytest.mark.parametrize("member", members(), ids=lambda member: str(member["name"]))
def test_every_command_dials_its_own_host_when_it_connects(
    bootstrapping: Graph, member: dict[str, str]
) -> None:
    """By its address, as root, on the usual port."""
    found = {
        (
            each.text("connection", "host"),
            each.text("connection", "user"),
            each.value("connection", "port"),
        )
        for each in commands(bootstrapping, members=(member["name"],))
    }
    assert found == {(member["address"], "root", 22)}


def test_every_command_dials_elsewhere_when_ssh_is_configured_so() -> None:
    """User, port and host."""
    changed = [member | {"sshHost": f"192.0.2.{n}"} for n, member in enumerate(members(), 1)]
    graph = declare(members=changed, ssh=SSH | {"user": "deploy", "port": 2222})
    found = {
        (
            each.text("connection", "host"),
            each.text("connection", "user"),
            each.value("connection", "port"),
        )
        for each in graph.of_type(COMMAND)
    }
    assert found == {(f"192.0.2.{n}", "deploy", 2222) for n in (1, 2, 3)}


def test_every_line_goes_through_sudo_when_the_user_is_not_root() -> None:
    """One line without it would fail half way."""
    graph = declare(ssh=SSH | {"user": "deploy"})
    lines = [
        each.text(key)
        for each in graph.of_type(COMMAND)
        for key in ("create", "update", "delete")
        if key in each.inputs
    ]
    assert len(lines) == len(NAMES) * (2 * len(CHAIN) + len(DELETES))
    assert [line for line in lines if not line.startswith("sudo -n ")] == []


def test_nothing_is_ever_replaced_when_it_changes(graph: Graph) -> None:
    """A replacement runs the old `delete` after the new `create`: the member would leave.

    The library itself says `triggers[*]` of every command: without triggers that is nothing.
    """
    assert [each.name for each in graph.resources if "triggers" in each.inputs] == []
    assert [each.name for each in graph.resources if each.has_replacement_trigger] == []
    commands_ = {each.replace_on_changes for each in graph.of_type(COMMAND)}
    others = {each.replace_on_changes for each in graph.resources if each.type != COMMAND}
    assert (commands_, others) == ({("triggers[*]",)}, {()})


def test_nothing_is_kept_back_when_it_is_deleted(graph: Graph) -> None:
    """`retain_on_delete` would leave a member running that the state forgot."""
    assert [each.name for each in graph.resources if each.retain_on_delete] == []


def test_everything_with_an_effect_is_protected_when_deletion_protection_is_on(
    graph: Graph,
) -> None:
    """And nothing else: a protected leaf certificate could not be renewed."""
    expected = {f"etcd-{name}-{thing}" for name in NAMES for thing in CHAIN}
    keys = {f"etcd-{name}-{leaf}-key" for name in NAMES for leaf in LEAVES}
    custom = [each for each in graph.resources if each.custom]
    assert {each.name for each in custom if each.protect} == expected | keys | {
        "etcd-apiserver-etcd-client-key",
        "etcd-ca-key",
        "etcd-ca-certificate",
        "etcd-token",
    }


@pytest.mark.parametrize("key", [CA_KEY, CA_CERTIFICATE, TOKEN])
def test_what_the_cluster_hangs_on_is_protected_when_deletion_protection_is_on(
    graph: Graph, key: tuple[str, str]
) -> None:
    """A new CA or token would be the end of the cluster."""
    assert graph.get(*key).protect is True


def test_nothing_is_protected_when_deletion_protection_is_off(unprotected: Graph) -> None:
    """Then `destroy` destroys."""
    assert [each.name for each in unprotected.resources if each.protect] == []


@pytest.mark.parametrize("graph_name", ["bootstrapping", "formed"])
def test_create_is_ignored_when_nothing_drifted(
    request: pytest.FixtureRequest, graph_name: str
) -> None:
    """The state's `create` bootstrapped and this one joins: that is no difference."""
    graph: Graph = request.getfixturevalue(graph_name)
    found = {each.ignore_changes for each in graph.of_type(COMMAND)}
    assert found == {("create",)}


def test_create_is_compared_just_where_something_drifted(drifted: Graph) -> None:
    """So that the preview shows these and no others."""
    shown = {each.name for each in drifted.of_type(COMMAND) if each.ignore_changes == ()}
    assert shown == {f"etcd-{name}-{area}" for name, area in DRIFT}
    assert all(each.ignore_changes in ((), ("create",)) for each in drifted.of_type(COMMAND))


def test_no_other_resource_ignores_a_change_when_declared(graph: Graph) -> None:
    """Any change of a certificate shows, but the CA's lifetime: it is for the next CA."""
    ignoring = {
        each.name: list(each.ignore_changes)
        for each in graph.resources
        if each.type != COMMAND and each.ignore_changes
    }
    assert ignoring == {"etcd-ca-certificate": ["validityPeriodHours"]}


@pytest.mark.parametrize(("name", "area"), list(DRIFT))
def test_create_carries_the_reason_when_drifted(drifted: Graph, name: str, area: str) -> None:
    """Behind the line that would run, as a comment: the reader of a preview sees why."""
    command = drifted.command(f"etcd-{name}-{area}")
    reason = DRIFT[name, area]
    assert command.text("create") == f"{command.text('update')} # {reason}"


def test_update_never_carries_a_reason_when_drifted(drifted: Graph) -> None:
    """It is what repairs; a comment there would show once more when the drift is gone."""
    assert [each.name for each in drifted.of_type(COMMAND) if "drift" in each.text("update")] == []


def test_create_has_no_reason_where_nothing_drifted(drifted: Graph) -> None:
    """Each command its own."""
    with_reason = {each.name for each in drifted.of_type(COMMAND) if "drift" in each.text("create")}
    assert with_reason == {f"etcd-{name}-{area}" for name, area in DRIFT}


def test_only_create_differs_when_something_drifted(formed: Graph, drifted: Graph) -> None:
    """The desired state is the same as before."""
    different = {
        (each.name, key)
        for each in drifted.resources
        for key in each.inputs
        if each.inputs[key] != formed.get(each.type, each.name).inputs[key]
    }
    assert different == {(f"etcd-{name}-{area}", "create") for name, area in DRIFT}


def test_gate_runs_again_when_anything_on_its_host_changed(formed: Graph) -> None:
    """Its stdin holds what every step said when it last converged."""
    waiting = formed.command("etcd-etcd01-healthy")
    assert yaml.safe_load(waiting.text("stdin"))["after"] == "host=7 member=7 pki=7"
    for step in ("host", "pki", "member"):
        assert formed.command(f"etcd-etcd01-{step}").urn in waiting.property_dependencies["stdin"]


def test_results_are_not_printed_when_a_command_runs(graph: Graph) -> None:
    """The log is for people: stderr; stdout is what the program reads."""
    assert {each.text("logging") for each in graph.of_type(COMMAND)} == {"stderr"}


def test_earlier_output_is_not_sent_when_a_command_runs(graph: Graph) -> None:
    """sshd refuses the variables, with a warning on every command."""
    assert {each.value("addPreviousOutputInEnv") for each in graph.of_type(COMMAND)} == {False}
