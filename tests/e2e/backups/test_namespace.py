"""A namespace is deleted by mistake, and comes back from the store: as the runbook has it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.lab import Lab
from lab.stack import Stack, System
from lab.store import Store
from tests.support import snapshots, unharmed
from tests.support import store as backups
from tests.support.etcd import Client
from tests.support.hosts import NAMES, wait_until
from tests.support.kubernetes import MASTER, ControlPlane, KubernetesStack

pytestmark = [pytest.mark.matrix, pytest.mark.long, pytest.mark.timeout(1200)]
SYSTEM: System = "debian"  # the control plane's needs packages
CONTROL_PLANE = True
MANIFESTS = "/etc/kubernetes/manifests"
REPLICAS = ("get", "replicasets", "-o", "jsonpath={.items[*].spec.replicas}")


@pytest.fixture(scope="module")
def stack(
    hosts: Lab, system: System, store: Store, tmp_path_factory: pytest.TempPathFactory
) -> Stack:
    """A stack with backups every hour."""
    made = Stack(tmp_path_factory.mktemp("stack"), hosts, NAMES, system)
    made.config["backup"] = backups.section(store)
    del made.config["backup"]["schedule"]
    return made


@pytest.fixture(scope="module")
def kubernetes(formed: Stack, tmp_path_factory: pytest.TempPathFactory) -> KubernetesStack:
    """The example's control plane."""
    made = KubernetesStack(tmp_path_factory.mktemp("kubernetes"), formed)
    made.up()
    return made


def _uid(api: ControlPlane, *what: str) -> str:
    return api.kubectl("get", *what, "-o", "jsonpath={.metadata.uid}")


def _restart(hosts: Lab, *names: str) -> None:
    """The kubelet starts anew what is stopped, and what has ended by itself."""
    for name in names:
        hosts.ssh(MASTER, f"crictl ps -q --name {name} | xargs -r crictl stop")


@pytest.mark.parametrize("servers", ["stopped", "restarted"])
def test_deleted_namespace_is_back_and_controllers_see_it(
    formed: Stack,
    hosts: Lab,
    client: Client,
    store: Store,
    kubernetes: KubernetesStack,
    tmp_path: Path,
    servers: str,
) -> None:
    """With all that was in it, and the same ids; what was made after the backup is gone."""
    api = ControlPlane(tmp_path / "api", kubernetes.outputs()["kubeconfig"])
    shop = ("-n", servers)
    api.kubectl("create", "namespace", servers)
    api.kubectl(*shop, "create", "deployment", "web", "--image=registry.k8s.io/pause:3.10.1")
    api.kubectl(*shop, "create", "configmap", "settings", "--from-literal=colour=blue")
    api.kubectl(*shop, "create", "secret", "generic", "login", "--from-literal=password=x")
    wait_until(lambda: api.kubectl(*shop, *REPLICAS).strip() == "1")
    ids = [_uid(api, "namespace", servers), _uid(api, *shop, "deployment", "web")]
    former = formed.outputs()["clusterId"]
    hosts.ssh(unharmed.leader(client), "etcd-host backup")
    newest = backups.path(backups.objects(store, former)[-1])

    api.kubectl("delete", "namespace", servers)
    api.kubectl("create", "configmap", f"later-{servers}")
    if servers == "stopped":
        hosts.ssh(MASTER, f"mv {MANIFESTS}/kube-apiserver.yaml /root/")
        wait_until(lambda: not api.ready())
    formed.config["restore"] = {"snapshot": newest, "replaces": former}
    formed.up()
    if servers == "stopped":
        hosts.ssh(MASTER, f"mv /root/kube-apiserver.yaml {MANIFESTS}/")
    else:
        _restart(hosts, "kube-apiserver")
        _restart(hosts, "kube-controller-manager", "kube-scheduler")
    wait_until(api.ready, 180)

    assert ids == [_uid(api, "namespace", servers), _uid(api, *shop, "deployment", "web")]
    settings = json.loads(api.kubectl(*shop, "get", "configmap", "settings", "-o", "json"))
    assert settings["data"] == {"colour": "blue"}
    assert "login" in api.kubectl(*shop, "get", "secrets", "-o", "name")
    assert "later" not in api.kubectl("get", "configmaps", "-o", "name")
    api.kubectl(*shop, "scale", "deployment", "web", "--replicas=3")
    wait_until(lambda: api.kubectl(*shop, *REPLICAS).strip() == "3")
    api.kubectl("create", "namespace", f"new-{servers}")
    account = ("-n", f"new-{servers}", "get", "serviceaccounts", "-o", "name")
    wait_until(lambda: "default" in api.kubectl(*account))
    snapshots.one_cluster(formed, client, former)
    hosts.ssh(unharmed.leader(client), "etcd-host backup")
    kubernetes.pulumi("preview", "--expect-no-changes")
