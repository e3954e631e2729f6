"""One plugin and one SSH server for all cases; a plugin of its own where a test ends it."""

from collections.abc import Iterator

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2 as pb

from .harness import Plugin, running_plugin, urn
from .sshd import Sshd, running_sshd


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An SSH server on loopback."""
    with running_sshd(tmp_path_factory.mktemp("sshd")) as server:
        yield server


@pytest.fixture(scope="session")
def plugin() -> Iterator[Plugin]:
    """The plugin under test."""
    with running_plugin() as running:
        yield running


@pytest.fixture
def mortal_plugin() -> Iterator[Plugin]:
    """A plugin that the test may end."""
    with running_plugin() as running:
        yield running


@pytest.fixture(scope="session")
def is_stand_in(plugin: Plugin) -> bool:
    """Whether the plugin is the stand-in; some of what it does goes beyond the official one."""
    try:
        plugin.stub.Check(pb.CheckRequest(urn=urn("command:remote:Nothing")))
    except grpc.RpcError as error:
        return "stand-in" in error.details()
    return False
