"""The example's Kubernetes on an etcd that is restored: as the runbook has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from tests.support import snapshots
from tests.support.etcd import Client
from tests.support.hosts import wait_until
from tests.support.kubernetes import MASTER, ControlPlane, KubernetesStack
from tests.support.snapshots import PLACE

pytestmark = [pytest.mark.long, pytest.mark.timeout(1200)]
SYSTEM: System = "debian"  # the control plane's needs packages
CONTROL_PLANE = True
MANIFEST = "kube-apiserver.yaml"
REPLICAS = ("get", "replicasets", "-l", "app=kept", "-o", "jsonpath={.items[*].spec.replicas}")


def test_what_was_deleted_after_the_snapshot_is_back_and_controllers_see_it(
    formed: Stack, hosts: Lab, client: Client, tmp_path: Path
) -> None:
    """A deployment is back and is scaled; what was made after the snapshot is gone."""
    (tmp_path / "kubernetes").mkdir()
    kubernetes = KubernetesStack(tmp_path / "kubernetes", formed)
    kubernetes.up()
    api = ControlPlane(tmp_path / "api", kubernetes.outputs()["kubeconfig"])
    api.kubectl("create", "deployment", "kept", "--image=registry.k8s.io/pause:3.10.1")
    wait_until(lambda: api.kubectl(*REPLICAS).strip() == "1")
    snapshots.spread(hosts, snapshots.saved(client, tmp_path / "snapshot.db"))
    api.kubectl("delete", "deployment", "kept")
    api.kubectl("create", "configmap", "later")

    hosts.ssh(MASTER, f"mv /etc/kubernetes/manifests/{MANIFEST} /root/")
    wait_until(lambda: not api.ready())
    former = formed.outputs()["clusterId"]
    formed.config["restore"] = {"snapshot": PLACE, "replaces": former}
    formed.up()
    hosts.ssh(MASTER, f"mv /root/{MANIFEST} /etc/kubernetes/manifests/")
    wait_until(api.ready, 180)

    assert "kept" in api.kubectl("get", "deployments", "-o", "name")
    assert "later" not in api.kubectl("get", "configmaps", "-o", "name")
    api.kubectl("scale", "deployment", "kept", "--replicas=3")
    wait_until(lambda: api.kubectl(*REPLICAS).strip() == "3")
    snapshots.one_cluster(formed, client, former)
    kubernetes.pulumi("preview", "--expect-no-changes")
