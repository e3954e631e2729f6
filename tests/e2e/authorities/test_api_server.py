"""The example's API server stays writable while a new CA takes over, and follows step by step."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support.authorities import assert_gentle, step
from tests.support.etcd import Client
from tests.support.hosts import started as of_program
from tests.support.kubernetes import (
    MASTER,
    ControlPlane,
    KubernetesStack,
    Writer,
)

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
SYSTEM: System = "debian"  # the control plane's needs packages
CONTROL_PLANE = True


def started(lab: Lab) -> str:
    """When the API server started."""
    return lab.ssh(MASTER, of_program("kube-apiserver")).stdout


def test_the_api_server_stays_writable_while_a_new_authority_takes_over(
    formed: Stack, tmp_path: Path
) -> None:
    """It misses the second step, as a stack does that nobody ran; after the others it follows.

    It is restarted when it is to trust others than before, and by its own stack alone.
    """
    (tmp_path / "kubernetes").mkdir()
    kubernetes = KubernetesStack(tmp_path / "kubernetes", formed)
    kubernetes.up()
    api = ControlPlane(tmp_path / "api", kubernetes.outputs()["kubeconfig"])
    for number, (wanted, restarts, follows) in enumerate(
        [([1, 2], 1, True), ([2, 1], 0, False), ([2, 1], 0, True), ([2], 1, True)]
    ):
        namespace = f"step-{number}"
        api.kubectl("create", "namespace", namespace)
        client = Client(tmp_path / f"client{number}", formed.outputs())
        before = started(formed.lab)
        with Writer(api, namespace) as writer:
            writer.wait_for_more(5)
            done = step(formed, client, wanted)
            assert started(formed.lab) == before
            if follows:
                kubernetes.up()
            writer.wait_for_more(5)
        print(
            f"{done}; by the API server {len(writer.acknowledged)} writes, {len(writer.failed)} "
            f"failed, longest gap {writer.longest_gap:.2f} s"
        )
        assert_gentle(done, restarts)
        assert (started(formed.lab) != before) == bool(restarts and follows)
        assert writer.lost() == []
        # One API server, and it restarts.
        assert writer.longest_gap < 60
    kubernetes.pulumi("preview", "--expect-no-changes")
