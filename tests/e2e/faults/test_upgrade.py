"""A step between versions that etcd or kubeadm does not allow is refused, with nothing touched."""

from __future__ import annotations

from typing import Any

import pytest

from lab.lab import Lab
from lab.stack import Stack
from tests.support.etcd import Client
from tests.support.hosts import NAMES, configured
from tests.support.terminal import faults, one_error
from tests.support.unharmed import UP, unharmed
from tests.support.untouched import untouched


@pytest.mark.parametrize(
    ("tag", "said", "lines"),
    [
        ("3.7.1-0", "runs etcd 3.6.6; 3.7 requires 3.6.11 or newer", len(NAMES)),
        # (The rules themselves are in tests/plan/test_upgrade.py.)
        pytest.param(
            *("3.5.33-0", "is older than the cluster, which speaks 3.6", 1), marks=pytest.mark.long
        ),
        pytest.param("3.8.0-0", "etcd goes up one minor at a time", 1, marks=pytest.mark.long),
    ],
)
def test_a_step_that_etcd_does_not_allow_is_refused(
    hosts: Lab, formed: Stack, client: Client, tag: str, said: str, lines: int
) -> None:
    """In the preview and in the `up`, from what the members themselves say they run."""
    with untouched(hosts), unharmed(client), configured(formed, etcd={"imageTag": tag}):
        for command in (("preview",), UP):
            error = one_error(formed.pulumi(*command, check=False))
            assert error.startswith("the hosts are not ready; nothing was changed:")
            assert len([line for line in faults(error) if said in line]) == lines
            assert "docs/runbooks/upgrade.md" in error


def test_an_older_minor_of_kubernetes_is_refused(hosts: Lab, formed: Stack) -> None:
    """The stack knows what its members' kubeadm was last told."""
    changes: dict[str, Any] = {"kubernetesVersion": "1.33.2", "etcd": {"imageTag": "3.6.6-0"}}
    with untouched(hosts), configured(formed, **changes):
        error = one_error(formed.pulumi(*UP, check=False))
    assert "kubernetesVersion v1.33.2 is older than the members' 1.35" in error
