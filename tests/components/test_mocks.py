"""The mocks: a test that asks for what is not there has to fail."""

from __future__ import annotations

import subprocess

import pulumi
import pytest
from pulumi_command import remote

from etcd_cluster import hostprogram
from tests.support.graph import Graph
from tests.support.mocks import run
from tests.support.verbs import reads

PREPARED = {
    "cluster": "etcd",
    "member": "etcd01",
    "runtime-unit": "containerd",
    "runtime-socket": "/run/containerd/containerd.sock",
    "cgroup-driver": "systemd",
}


def told(verb: str, state: dict[str, str]) -> None:
    """Declares one command of this verb with this state."""
    line = hostprogram.line("root", verb)
    stdin = "".join(f"{key}: {value}\n" for key, value in state.items())
    connection = remote.ConnectionArgs(host="192.0.2.1")
    run(
        lambda: remote.Command(
            "name", connection=connection, create=line, update=line, delete=line, stdin=stdin
        )
    )


def test_unknown_type_raises_when_registered() -> None:
    """A new kind of resource has to be taught to the mocks, not waved through."""
    with pytest.raises(AssertionError, match="other:index:Thing: no such resource type"):
        run(lambda: pulumi.CustomResource("other:index:Thing", "name", {}))


def test_missing_command_raises_when_asked_for(bootstrapping: Graph) -> None:
    """A misspelled name is no empty result."""
    with pytest.raises(AssertionError, match="0 resources"):
        bootstrapping.command("etcd-etcd04-member")


def test_missing_input_raises_when_read(bootstrapping: Graph) -> None:
    """An input that is not there equals nothing."""
    with pytest.raises(AssertionError, match="has no input triggers"):
        bootstrapping.command("etcd-etcd01-member").value("triggers")


def test_unknown_input_raises_when_read(preview: Graph) -> None:
    """Unknown equals nothing either."""
    with pytest.raises(AssertionError, match="stdin is unknown"):
        preview.command("etcd-etcd01-pki").text("stdin")


def test_missing_output_raises_when_asked_for(bootstrapping: Graph) -> None:
    """Outputs by name."""
    with pytest.raises(AssertionError, match="no output other"):
        bootstrapping.stack_output("other")


def test_program_s_exception_comes_through_when_it_raises() -> None:
    """A program that fails is no empty graph."""

    def program() -> None:
        raise LookupError("as the program said it")

    with pytest.raises(LookupError, match="as the program said it"):
        run(program)


def test_exception_in_an_apply_comes_through_when_it_raises() -> None:
    """Also where it happens later."""

    def program() -> None:
        def fail(_: str) -> str:
            raise LookupError("as the apply said it")

        pulumi.export("value", pulumi.Output.from_input("x").apply(fail))

    with pytest.raises(LookupError, match="as the apply said it"):
        run(program)


def test_unknown_verb_raises_when_a_command_calls_it() -> None:
    """The host program would refuse it."""
    with pytest.raises(AssertionError, match="the host program has no such verb"):
        told("destroy-everything", {})


def test_unknown_key_raises_when_a_verb_is_told_it() -> None:
    """A key that the verb does not read has no effect, or ends the run on every host."""
    with pytest.raises(AssertionError, match="prepare-host: colour is no key of its state"):
        told("prepare-host", PREPARED | {"colour": "red"})


@pytest.mark.parametrize("key", list(PREPARED))
def test_missing_key_raises_when_a_verb_is_not_told_it(key: str) -> None:
    """As `read_state` does on the host."""
    with pytest.raises(AssertionError, match=f"prepare-host: its state lacks {key}"):
        told("prepare-host", {name: value for name, value in PREPARED.items() if name != key})


def test_optional_keys_and_families_are_taken_when_a_verb_has_them() -> None:
    """`login?`, and `repository.*`."""
    told("prepare-host", PREPARED | {"pause-image": "registry.k8s.io/pause:3.10.1"})
    told("registry", {"registry": "mirror.example.com", "runtime": "crio", "login": "eDp5"})


@pytest.mark.parametrize(
    "verb",
    [
        "install",
        "registry",
        "prepare-host",
        "prepare-kubelet",
        "pki",
        "bootstrap",
        "converge",
        "wait-healthy",
        "leave",
        "forget-host",
    ],
)
def test_keys_are_those_of_the_host_program_when_a_verb_reads_them(verb: str) -> None:
    """What the mocks read in its text is what bash makes of it."""
    body, _, _ = hostprogram.text().rpartition('main "$@"')
    script = f"""{body}
read_state() {{ printf '%s\n' "$@"; exit 0; }}
verb_{verb.replace("-", "_")}"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert reads(verb) == tuple(done.stdout.splitlines())
    assert len(reads(verb)) > 1


@pytest.mark.parametrize("verb", ["uninstall", "forget-packages", "forget-registry", "observe"])
def test_no_keys_are_there_when_a_verb_reads_no_state(verb: str) -> None:
    """What it has to know stands behind it."""
    assert reads(verb) == ()
