"""Members with IPv6 addresses alone: founded, changed, emptied, as any others."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, etcd_flags

pytestmark = pytest.mark.matrix


@pytest.fixture(scope="module")
def stack(hosts: Lab, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """SSH, peers and clients by IPv6."""
    stack = Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES)
    stack.config["members"] = [{"name": n, "address": hosts.address6(n)} for n in NAMES]
    return stack


def test_members_with_ipv6_form_a_cluster_that_can_be_changed_and_healed(
    hosts: Lab, formed: Stack, tmp_path: Path
) -> None:
    """Kubeadm would have their metrics on [::1]; everything here asks one place."""
    outputs = formed.outputs()
    client = Client(tmp_path, outputs)
    wanted = [f"https://[{hosts.address6(name)}]:2379" for name in NAMES]
    assert outputs["endpoints"] == wanted
    external = yaml.safe_load(outputs["kubeadmExternalEtcd"])["etcd"]["external"]
    assert external["endpoints"] == wanted
    assert client.healthy() == len(NAMES)

    formed.config["etcd"] = {"quotaBackendBytes": 3 * 1024**3}
    formed.up()
    for name in NAMES:
        assert f"--quota-backend-bytes={3 * 1024**3}" in etcd_flags(hosts, name)

    hosts.wipe("etcd02")
    formed.up()
    assert client.all_healthy(60)
    assert len(client.members()) == len(NAMES)
    formed.preview("--expect-no-changes")
