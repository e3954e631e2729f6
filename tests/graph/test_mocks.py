"""The mocks: a test that asks for what is not there has to fail."""

from __future__ import annotations

import pulumi
import pytest

from tests.support.mocks import Graph, run


def test_unknown_type_raises_when_registered() -> None:
    """A new kind of resource has to be taught to the mocks, not waved through."""
    with pytest.raises(AssertionError, match="other:index:Thing: no such resource type"):
        run(lambda: pulumi.CustomResource("other:index:Thing", "name", {}))


def test_missing_command_raises_when_asked_for(founding: Graph) -> None:
    """A misspelled name is no empty result."""
    with pytest.raises(AssertionError, match="0 resources"):
        founding.command("etcd-etcd04-member")


def test_missing_input_raises_when_read(founding: Graph) -> None:
    """An input that is not there equals nothing."""
    with pytest.raises(AssertionError, match="has no input triggers"):
        founding.command("etcd-etcd01-member").value("triggers")


def test_unknown_input_raises_when_read(preview: Graph) -> None:
    """Unknown equals nothing either."""
    with pytest.raises(AssertionError, match="stdin is unknown"):
        preview.command("etcd-etcd01-pki").text("stdin")


def test_missing_output_raises_when_asked_for(founding: Graph) -> None:
    """Outputs by name."""
    with pytest.raises(AssertionError, match="no output other"):
        founding.stack_output("other")


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
