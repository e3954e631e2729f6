"""The example's API server stays writable while its etcd goes to other versions and back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from lab.versions import TODAY
from tests.support.etcd import Client
from tests.support.kubernetes import (
    ControlPlane,
    KubernetesStack,
    Writer,
    beside_a_control_plane,
)
from tests.support.upgrades import assert_gentle, roll

from .test_etcd import E36, E37

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def hosts(lab: Lab, system: System) -> Iterator[Lab]:
    """Three bare hosts for etcd and one for the control plane."""
    yield from beside_a_control_plane(lab, system, "etcd")


def test_the_api_server_stays_writable_while_etcd_changes_its_version(
    formed: Stack, client: Client, tmp_path: Path
) -> None:
    """A patch, a minor up and a minor back: nothing that it acknowledged is lost."""
    (tmp_path / "kubernetes").mkdir()
    kubernetes = KubernetesStack(tmp_path / "kubernetes", formed)
    kubernetes.up()
    api = ControlPlane(tmp_path / "api", kubernetes.outputs()["kubeconfig"])
    formed.config["etcd"] = {"allowDowngrade": True}
    for number, etcd in enumerate((E36.etcd, E37.etcd, E36.etcd)):
        namespace = f"step-{number}"
        api.kubectl("create", "namespace", namespace)
        with Writer(api, namespace) as writer:
            writer.wait_for_more(5)
            done = roll(formed, client, replace(TODAY, etcd=etcd))
            writer.wait_for_more(5)
        print(
            f"{done}; by the API server {len(writer.acknowledged)} writes, {len(writer.failed)} "
            f"failed {writer.failed}, longest gap {writer.longest_gap:.2f} s"
        )
        assert_gentle(done)
        assert writer.lost() == []
        assert writer.longest_gap < 15
    kubernetes.pulumi("preview", "--expect-no-changes")
